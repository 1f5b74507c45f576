//! The catalogue's faults in terms of the sandbox.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use repass_conformance::{AnswerPart, Delay, Ending, Fault, RequestPart, When};
use repass_sandbox::{self as sandbox, Action, Cut, CutAt, CutHow, Drip, Provider, Respond};

/// Where a fault strikes.
pub(crate) enum Strike {
    /// The listener stops listening.
    Refuse,
    /// The listener closes the next connection.
    Close,
    /// TLS wants a client certificate.
    WantCertificate,
    /// A request.
    Request(Action),
}

const AN_HOUR: Duration = Duration::from_secs(3600);
const JSON: (&str, &str) = ("content-type", "application/json");
const HTML: (&str, &str) = ("content-type", "text/html");

pub(crate) fn strike(fault: Fault, provider: Provider, elsewhere: &str) -> Option<Strike> {
    let action = match fault {
        Fault::Refused => return Some(Strike::Refuse),
        Fault::ClosedOnAccept => return Some(Strike::Close),
        Fault::CertificateWanted => return Some(Strike::WantCertificate),
        Fault::RequestCut(part, ending) => cut(When::Unseen, at_request(part), ending),
        Fault::AnswerCut(when, part, ending) => cut(when, at_answer(part), ending),
        Fault::Fails(when, status) => says(when, status, &[HTML], "<h1>No</h1>"),
        Fault::Unavailable(when, delay) => {
            let header = delay_header(delay);
            says(when, 503, &as_strs(header.as_ref()), "")
        }
        Fault::RateLimited(delay) => {
            let header = delay_header(delay);
            says(When::Unseen, 429, &as_strs(header.as_ref()), "")
        }
        Fault::TokenExpired => match provider {
            Provider::Zoom => {
                let body = r#"{"code":124,"message":"Access token is expired."}"#;
                says(When::Unseen, 401, &[JSON], body)
            }
            Provider::Identity => {
                let challenge = ("www-authenticate", "Bearer error=\"invalid_token\"");
                says(When::Unseen, 401, &[challenge], "")
            }
        },
        Fault::Redirected => says(When::Unseen, 307, &[("location", elsewhere)], ""),
        Fault::SeeOther(when) => says(when, 303, &[("location", elsewhere)], ""),
        Fault::Accepted(when) => says(when, 202, &[JSON], "{}"),
        Fault::Foreign(when, format, status) => {
            let content_type = ("content-type", format.content_type());
            says(when, status, &[content_type], format.body())
        }
        Fault::SentTwice => Action {
            when: sandbox::When::AfterApply,
            twice: true,
            ..Action::default()
        },
        Fault::Slow => Action {
            drip: Some(Drip {
                bytes: 16,
                every_ms: 1,
            }),
            when: sandbox::When::AfterApply,
            ..Action::default()
        },
        Fault::TooSlow(when) => Action {
            drip: Some(Drip {
                bytes: 1,
                every_ms: 60,
            }),
            ..says(when, 502, &[HTML], "<h1>Bad Gateway</h1>")
        },
        Fault::Oversized(when) => {
            let mut action = says(when, 200, &[JSON], "{}");
            action.respond.as_mut()?.pad_to = 2 << 20;
            action
        }
        Fault::Garbled(when) => says(when, 200, &[JSON], r#"{"succeeded":tr"#),
        Fault::RefusedWithin => says(When::Unseen, 200, &[JSON], refusal_within(provider)?),
        Fault::Echoed => says(When::Unseen, 400, &[JSON], echo(provider)),
        _ => return None,
    };
    Some(Strike::Request(action))
}

// Zoom is not known to refuse a change under a status of success, so there it proves nothing.
fn refusal_within(provider: Provider) -> Option<&'static str> {
    match provider {
        Provider::Zoom => None,
        Provider::Identity => {
            Some(r#"{"succeeded":false,"errors":[{"code":"PasswordRequiresUpper","description":"No."}]}"#)
        }
    }
}

fn echo(provider: Provider) -> &'static str {
    match provider {
        Provider::Zoom => {
            r#"{"code":300,"message":"Bad %PASSWORD%","errors":[{"field":"%PASSWORD%","message":"%PASSWORD%"}]}"#
        }
        Provider::Identity => {
            r#"{"succeeded":false,"errors":[{"code":"%PASSWORD%","description":"Bad %PASSWORD%"}]}"#
        }
    }
}

fn side(when: When) -> sandbox::When {
    match when {
        When::Unseen => sandbox::When::BeforeApply,
        When::Applied => sandbox::When::AfterApply,
    }
}

fn at_request(part: RequestPart) -> CutAt {
    match part {
        RequestPart::Head => CutAt::RequestHead,
        RequestPart::PartOfBody => CutAt::RequestBody,
    }
}

fn at_answer(part: AnswerPart) -> CutAt {
    match part {
        AnswerPart::Nothing => CutAt::Answer,
        AnswerPart::PartOfStatusLine => CutAt::StatusLine,
        AnswerPart::Head => CutAt::Head,
        AnswerPart::PartOfBody => CutAt::Body,
    }
}

fn cut(when: When, at: CutAt, ending: Ending) -> Action {
    let how = match ending {
        Ending::Fin => CutHow::Fin,
        Ending::Rst => CutHow::Rst,
        Ending::Silence => CutHow::Stall,
    };
    Action {
        when: side(when),
        cut: Some(Cut { at, how }),
        ..Action::default()
    }
}

fn says(when: When, status: u16, headers: &[(&str, &str)], body: &str) -> Action {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Action {
        when: side(when),
        respond: Some(Respond {
            status,
            headers: headers.iter().map(own).collect(),
            body: body.to_owned(),
            pad_to: 0,
        }),
        ..Action::default()
    }
}

fn delay_header(delay: Delay) -> Option<(&'static str, String)> {
    let then = Timestamp::try_from(SystemTime::now() + AN_HOUR).unwrap();
    let date = || rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&then);
    match delay {
        Delay::Unsaid => None,
        Delay::Seconds => Some(("retry-after", AN_HOUR.as_secs().to_string())),
        Delay::HttpDate => Some(("retry-after", date().unwrap())),
        Delay::Instant => Some(("retry-after", then.to_string())),
        Delay::Reset => Some(("x-ratelimit-reset", then.as_second().to_string())),
    }
}

fn as_strs<'a>(header: Option<&'a (&'static str, String)>) -> Vec<(&'static str, &'a str)> {
    header
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}
