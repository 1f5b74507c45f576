//! What may be shown to people.

use repass::{Error, ErrorKind};

/// The longest error there is, in characters. What a provider says is cut far below it.
const LONGEST: usize = 12_000;
const MONTH: u64 = 31 * 86_400;

/// Panics unless an error is fit to be shown and logged: it holds none of these texts, nothing that
/// controls a terminal, and ends.
pub(super) fn fit(error: &Error, secrets: &[String]) {
    let shown = error.to_string();
    plain(&shown);
    assert!(
        shown.chars().count() <= LONGEST,
        "{} characters: {shown}",
        shown.chars().count()
    );
    let rules = serde_json::to_string(error.violations()).unwrap();
    let fields = serde_json::to_string(error.field_problems()).unwrap();
    let reported = format!("{shown}\n{error:?}\n{rules}\n{fields}");
    for secret in secrets {
        assert!(!reported.contains(secret), "{secret} in {reported}");
    }
    if let Some(delay) = error.retry_after() {
        assert!(
            delay.as_secs() <= MONTH && error.kind() == ErrorKind::RateLimited,
            "{error:?}"
        );
    }
}

/// Panics if a text moves a terminal's cursor or turns the order in which it is read.
pub(super) fn plain(text: &str) {
    let turns = |c| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(!text.chars().any(|c| c.is_control() || turns(c)), "{text:?}");
}
