//! What an outcome may be, by the answer that it was read from.

use repass::{Changed, Effect, Error};
use repass_transport::Answer;
use serde_json::Value;

use super::shown;

/// Panics if an outcome is a guess. `done` says whether the answer is a documented success.
pub(super) fn check(outcome: &Result<Changed, Error>, answer: &Answer, done: bool, secrets: &[String]) {
    match outcome {
        Ok(changed) => {
            assert!(done, "{} reads as applied", told(answer));
            let id = changed.tracking_id().unwrap_or_default();
            shown::plain(id);
            assert!(!secrets.iter().any(|secret| id.contains(secret)), "{id}");
        }
        Err(error) => {
            shown::fit(error, secrets);
            let refused = error.effect() == Effect::NotApplied;
            assert!(
                !refused || !done && can_refuse(answer),
                "{} reads as a refusal: {error:?}",
                told(answer)
            );
        }
    }
}

// Of a fault nobody knows how far it came, and a success that says nothing is no refusal.
fn can_refuse(answer: &Answer) -> bool {
    let status = answer.status();
    let says_something = answer.is_complete() && !answer.body().is_empty();
    !status.is_server_error()
        && status.as_u16() != 408
        && (!status.is_success() || says_something)
        && !answer.is_in_doubt()
}

/// The body, if all of it is there and is JSON. What nobody asks for need not be UTF-8.
pub(super) fn json(answer: &Answer) -> Option<Value> {
    let complete = answer.is_complete().then(|| answer.body())?;
    serde_json::from_str(&String::from_utf8_lossy(complete)).ok()
}

fn told(answer: &Answer) -> String {
    format!("{answer:?} {}", String::from_utf8_lossy(answer.body()))
}
