//! What an outcome may be, by the response that it was read from.

use repass::{ChangeReceipt, Error, Outcome};
use repass_transport::Response;
use serde_json::Value;

use super::shown;

/// Panics if an outcome is a guess. `done` says whether the response is a documented success.
pub(super) fn check(
    outcome: &Result<ChangeReceipt, Error>,
    answer: &Response,
    done: bool,
    secrets: &[String],
) {
    match outcome {
        Ok(changed) => {
            assert!(done, "{} reads as applied", reported(answer));
            let id = changed.tracking_id().unwrap_or_default();
            shown::plain(id);
            assert!(!secrets.iter().any(|secret| id.contains(secret)), "{id}");
        }
        Err(error) => {
            shown::fit(error, secrets);
            let refused = error.outcome() == Outcome::NotApplied;
            assert!(
                !refused || !done && can_refuse(answer) && is_proof(answer),
                "{} reads as a refusal: {error:?}",
                reported(answer)
            );
        }
    }
}

// Of a fault no one knows how far it came, and a success that says nothing is no refusal.
fn can_refuse(answer: &Response) -> bool {
    let status = answer.status();
    let says_something = answer.is_complete() && !answer.body().is_empty();
    !status.is_server_error()
        && status.as_u16() != 408
        && (!status.is_success() || says_something)
        && !answer.is_in_doubt()
}

// A refusal is HTTP's own, or is in a format that a provider writes: JSON, Zoom's XML, or no body at all with 403.
fn is_proof(answer: &Response) -> bool {
    const OF_HTTP: [u16; 17] = [
        301, 307, 308, 401, 404, 405, 406, 411, 413, 414, 415, 417, 421, 426, 428, 429, 431,
    ];
    let status = answer.status().as_u16();
    OF_HTTP.contains(&status)
        || parsed(answer).is_some()
        || answer.text().contains("<result>")
        || (status == 403 && answer.body().is_empty())
}

/// The body, if all of it is there and is JSON. What no one asks for need not be UTF-8.
pub(super) fn json(answer: &Response) -> Option<Value> {
    answer.is_complete().then(|| parsed(answer))?
}

// Control characters may stand in its strings: what else a text says stays as it is.
fn parsed(answer: &Response) -> Option<Value> {
    let text = answer.text().replace(char::is_control, " ");
    serde_json::from_str(text.trim()).ok()
}

fn reported(answer: &Response) -> String {
    format!("{answer:?} {}", String::from_utf8_lossy(answer.body()))
}
