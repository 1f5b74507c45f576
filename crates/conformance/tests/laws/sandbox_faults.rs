//! The catalogue's faults in terms of the sandbox.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use repass_conformance::{Delay, Ending, Fault, RequestPart, ResponsePart, Timing};
use repass_sandbox::{self as sandbox, Action, CannedResponse, Cut, CutKind, CutPoint, Drip, Provider};

/// Where a fault strikes.
pub(crate) enum InjectedFault {
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

pub(crate) fn injected(fault: Fault, provider: Provider, elsewhere: &str) -> Option<InjectedFault> {
    let action = match fault {
        Fault::Refused => return Some(InjectedFault::Refuse),
        Fault::ClosedOnAccept => return Some(InjectedFault::Close),
        Fault::CertificateWanted => return Some(InjectedFault::WantCertificate),
        Fault::RequestCut(part, ending) => cut(Timing::BeforeApply, at_request(part), ending),
        Fault::ResponseCut(when, part, ending) => cut(when, at_answer(part), ending),
        Fault::Fails(when, status) => says(when, status, &[HTML], "<h1>No</h1>"),
        Fault::Unavailable(when, delay) => {
            let header = delay_header(delay);
            says(when, 503, &as_strs(header.as_ref()), "")
        }
        Fault::RateLimited(delay) => {
            let header = delay_header(delay);
            says(Timing::BeforeApply, 429, &as_strs(header.as_ref()), "")
        }
        Fault::TokenExpired => match provider {
            Provider::Zoom => {
                let body = r#"{"code":124,"message":"Access token is expired."}"#;
                says(Timing::BeforeApply, 401, &[JSON], body)
            }
            Provider::Identity => {
                let challenge = ("www-authenticate", "Bearer error=\"invalid_token\"");
                says(Timing::BeforeApply, 401, &[challenge], "")
            }
        },
        Fault::Redirected => says(Timing::BeforeApply, 307, &[("location", elsewhere)], ""),
        Fault::SeeOther(when) => says(when, 303, &[("location", elsewhere)], ""),
        Fault::Accepted(when) => says(when, 202, &[JSON], "{}"),
        Fault::Foreign(when, format, status) => {
            let content_type = ("content-type", format.content_type());
            says(when, status, &[content_type], format.body())
        }
        Fault::SentTwice => Action {
            when: sandbox::Timing::AfterApply,
            twice: true,
            ..Action::default()
        },
        Fault::Slow => Action {
            drip: Some(Drip {
                bytes: 16,
                every_ms: 1,
            }),
            when: sandbox::Timing::AfterApply,
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
        Fault::RefusedWithin => says(Timing::BeforeApply, 200, &[JSON], refusal_within(provider)?),
        Fault::Echoed => says(Timing::BeforeApply, 400, &[JSON], echo(provider)),
        _ => return None,
    };
    Some(InjectedFault::Request(action))
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

fn side(when: Timing) -> sandbox::Timing {
    match when {
        Timing::BeforeApply => sandbox::Timing::BeforeApply,
        Timing::AfterApply => sandbox::Timing::AfterApply,
    }
}

fn at_request(part: RequestPart) -> CutPoint {
    match part {
        RequestPart::Head => CutPoint::RequestHead,
        RequestPart::PartOfBody => CutPoint::RequestBody,
    }
}

fn at_answer(part: ResponsePart) -> CutPoint {
    match part {
        ResponsePart::Nothing => CutPoint::Answer,
        ResponsePart::PartOfStatusLine => CutPoint::StatusLine,
        ResponsePart::Head => CutPoint::Head,
        ResponsePart::PartOfBody => CutPoint::Body,
    }
}

fn cut(when: Timing, at: CutPoint, ending: Ending) -> Action {
    let how = match ending {
        Ending::Fin => CutKind::Fin,
        Ending::Rst => CutKind::Rst,
        Ending::Silence => CutKind::Stall,
    };
    Action {
        when: side(when),
        cut: Some(Cut { at, how }),
        ..Action::default()
    }
}

fn says(when: Timing, status: u16, headers: &[(&str, &str)], body: &str) -> Action {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Action {
        when: side(when),
        respond: Some(CannedResponse {
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
