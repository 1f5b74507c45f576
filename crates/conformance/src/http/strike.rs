//! The catalogue's faults in terms of an answer.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::message::Told;
use crate::{AnswerPart, Delay, Ending, Fault, RequestPart, When};

/// What happens to one request.
#[derive(Debug)]
pub(super) enum Strike {
    /// It is not read to its end.
    Request(RequestPart, Ending),
    /// It is read, done unless it is unseen, and answered.
    Answer {
        when: When,
        /// In place of the provider's own answer.
        instead: Option<Told>,
        how: How,
        /// The provider gets it once more, and its second answer counts.
        twice: bool,
    },
}

/// How an answer comes.
#[derive(Debug, Clone, Copy)]
pub(super) enum How {
    Whole,
    Cut(AnswerPart, Ending),
    Drips { bytes: usize, every: Duration },
}

/// `None` for what strikes no request. A refusal in the provider's own words has `refusal` for its body.
pub(super) fn strike(fault: Fault, elsewhere: SocketAddr, refusal: Option<(u16, String)>) -> Option<Strike> {
    let whole = |when, told| (when, Some(told), How::Whole);
    let (when, instead, how) = match fault {
        Fault::RequestCut(part, ending) => return Some(Strike::Request(part, ending)),
        Fault::AnswerCut(When::Applied, part, ending) => (When::Applied, None, How::Cut(part, ending)),
        // Half of a success would be a lie.
        Fault::AnswerCut(When::Unseen, part, ending) => {
            (When::Unseen, Some(page(502)), How::Cut(part, ending))
        }
        Fault::Fails(when, status) => whole(when, page(status)),
        Fault::Unavailable(when, delay) => whole(when, delayed(503, delay)),
        Fault::RateLimited(delay) => whole(When::Unseen, delayed(429, delay)),
        Fault::TokenExpired => {
            let challenge = "Bearer error=\"invalid_token\"";
            whole(
                When::Unseen,
                Told::says(401, "{}").header("www-authenticate", challenge),
            )
        }
        Fault::Redirected => whole(When::Unseen, redirect(307, elsewhere)),
        Fault::SeeOther(when) => whole(when, redirect(303, elsewhere)),
        Fault::Accepted(when) => whole(when, Told::says(202, "{}")),
        Fault::Foreign(when, format, status) => {
            let mut told = Told::says(status, format.body());
            told.headers = vec![("content-type", format.content_type().to_owned())];
            whole(when, told)
        }
        Fault::SentTwice => (When::Applied, None, How::Whole),
        Fault::Slow => (When::Applied, None, drips(16, 1)),
        Fault::TooSlow(when) => (when, Some(page(502)), drips(1, 60)),
        Fault::Oversized(when) => whole(when, Told::says(200, format!("{{}}{}", " ".repeat(2 << 20)))),
        Fault::Garbled(when) => whole(when, Told::says(200, "{\"ok\":tr")),
        Fault::RefusedWithin => whole(When::Unseen, Told::says(200, refusal?.1)),
        Fault::Echoed => {
            // Without the provider's own format only a status that HTTP defines proves a refusal.
            let (status, body) = refusal.unwrap_or_else(|| (404, "{\"error\":\"%PASSWORD%\"}".to_owned()));
            whole(When::Unseen, Told::says(status, body))
        }
        _ => return None,
    };
    Some(Strike::Answer {
        when,
        instead,
        how,
        twice: fault == Fault::SentTwice,
    })
}

fn redirect(status: u16, elsewhere: SocketAddr) -> Told {
    Told::says(status, "").header("location", format!("http://{elsewhere}/"))
}

fn page(status: u16) -> Told {
    Told::says(status, "<!DOCTYPE html><html><body>Hello</body></html>")
}

fn drips(bytes: usize, every_ms: u64) -> How {
    let every = Duration::from_millis(every_ms);
    How::Drips { bytes, every }
}

fn delayed(status: u16, delay: Delay) -> Told {
    let told = Told::says(status, "");
    match delay {
        Delay::Unsaid => told,
        Delay::Seconds => told.header("retry-after", "3600"),
        Delay::HttpDate => told.header("retry-after", "Fri, 31 Dec 2060 23:59:59 GMT"),
        Delay::Instant => told.header("retry-after", "2060-12-31T23:59:59Z"),
        Delay::Reset => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            told.header("x-ratelimit-reset", (now.as_secs() + 3600).to_string())
        }
    }
}
