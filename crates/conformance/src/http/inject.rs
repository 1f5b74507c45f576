//! The catalogue's faults as responses.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::message::ProviderResponse;
use crate::{Delay, Ending, Fault, RequestPart, ResponsePart, Timing};

/// What happens to one request.
#[derive(Debug)]
pub(super) enum InjectedFault {
    /// It is not read to its end.
    Request(RequestPart, Ending),
    /// It is read, done unless it is unseen, and answered.
    Answer {
        when: Timing,
        /// In place of the provider's own response.
        instead: Option<ProviderResponse>,
        how: Transmission,
        /// The provider gets it once more, and its second response counts.
        twice: bool,
    },
}

/// How a response is sent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Transmission {
    Whole,
    Cut(ResponsePart, Ending),
    Drips { bytes: usize, every: Duration },
}

/// `None` for what strikes no request. A refusal in the provider's own words has `refusal` for its body.
pub(super) fn inject(
    fault: Fault,
    elsewhere: SocketAddr,
    refusal: Option<(u16, String)>,
) -> Option<InjectedFault> {
    let whole = |when, response| (when, Some(response), Transmission::Whole);
    let (when, instead, how) = match fault {
        Fault::RequestCut(part, ending) => return Some(InjectedFault::Request(part, ending)),
        Fault::ResponseCut(Timing::AfterApply, part, ending) => {
            (Timing::AfterApply, None, Transmission::Cut(part, ending))
        }
        // Half of a success would be a lie.
        Fault::ResponseCut(Timing::BeforeApply, part, ending) => (
            Timing::BeforeApply,
            Some(page(502)),
            Transmission::Cut(part, ending),
        ),
        Fault::Fails(when, status) => whole(when, page(status)),
        Fault::Unavailable(when, delay) => whole(when, delayed(503, delay)),
        Fault::RateLimited(delay) => whole(Timing::BeforeApply, delayed(429, delay)),
        Fault::TokenExpired => {
            let challenge = "Bearer error=\"invalid_token\"";
            whole(
                Timing::BeforeApply,
                ProviderResponse::new(401, "{}").header("www-authenticate", challenge),
            )
        }
        Fault::Redirected => whole(Timing::BeforeApply, redirect(307, elsewhere)),
        Fault::SeeOther(when) => whole(when, redirect(303, elsewhere)),
        Fault::Accepted(when) => whole(when, ProviderResponse::new(202, "{}")),
        Fault::Foreign(when, format, status) => {
            let mut response = ProviderResponse::new(status, format.body());
            response.headers = vec![("content-type", format.content_type().to_owned())];
            whole(when, response)
        }
        Fault::SentTwice => (Timing::AfterApply, None, Transmission::Whole),
        Fault::Slow => (Timing::AfterApply, None, drips(16, 1)),
        Fault::TooSlow(when) => (when, Some(page(502)), drips(1, 60)),
        Fault::Oversized(when) => whole(
            when,
            ProviderResponse::new(200, format!("{{}}{}", " ".repeat(2 << 20))),
        ),
        Fault::Garbled(when) => whole(when, ProviderResponse::new(200, "{\"ok\":tr")),
        Fault::RefusedWithin => whole(Timing::BeforeApply, ProviderResponse::new(200, refusal?.1)),
        Fault::Echoed => {
            // Without the provider's own format only a status that HTTP defines proves a refusal.
            let (status, body) = refusal.unwrap_or_else(|| (404, "{\"error\":\"%PASSWORD%\"}".to_owned()));
            whole(Timing::BeforeApply, ProviderResponse::new(status, body))
        }
        _ => return None,
    };
    Some(InjectedFault::Answer {
        when,
        instead,
        how,
        twice: fault == Fault::SentTwice,
    })
}

fn redirect(status: u16, elsewhere: SocketAddr) -> ProviderResponse {
    ProviderResponse::new(status, "").header("location", format!("http://{elsewhere}/"))
}

fn page(status: u16) -> ProviderResponse {
    ProviderResponse::new(status, "<!DOCTYPE html><html><body>Hello</body></html>")
}

fn drips(bytes: usize, every_ms: u64) -> Transmission {
    let every = Duration::from_millis(every_ms);
    Transmission::Drips { bytes, every }
}

fn delayed(status: u16, delay: Delay) -> ProviderResponse {
    let response = ProviderResponse::new(status, "");
    match delay {
        Delay::Unsaid => response,
        Delay::Seconds => response.header("retry-after", "3600"),
        Delay::HttpDate => response.header("retry-after", "Fri, 31 Dec 2060 23:59:59 GMT"),
        Delay::Instant => response.header("retry-after", "2060-12-31T23:59:59Z"),
        Delay::Reset => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            response.header("x-ratelimit-reset", (now.as_secs() + 3600).to_string())
        }
    }
}
