//! Questions of a new reader, and the sections that answer them.

use crate::pages::{read, section};

/// A question, the page and section that answers it, and words without which it would be no answer.
const QUESTIONS: [(&str, &str, &str, &[&str]); 4] = [
    (
        "What happens when the provider times out?",
        "unknown.md",
        "when-the-provider-times-out",
        &[
            "`timed_out`",
            "**unknown**",
            "`unreachable`",
            "not applied",
            "attempt_timeout",
            "CallContext::with_budget",
            "never sent again",
        ],
    ),
    (
        "How do I rotate the client secret?",
        "configure.md",
        "rotate-the-client-secret",
        &[
            "Services::reload",
            "`file`",
            "`command`",
            "repass doctor",
            "nothing is dropped",
        ],
    ),
    (
        "How do I forbid a provider's admin reset?",
        "configure.md",
        "forbid-resets-or-changes",
        &[
            "allow = \"change\"",
            "ErrorKind::Unsupported",
            "before anything is sent",
        ],
    ),
    (
        "How do I test a handler that gets `Unknown`?",
        "testing.md",
        "a-handler-that-gets-unknown",
        &[
            "MockPasswordService",
            "Error::unknown",
            "UnknownOutcome::new",
            "Outcome::Unknown",
            "lose_next_response",
        ],
    ),
];

#[test]
fn every_question_is_linked_and_answered() {
    let index = read("docs/guide/index.md");
    for (question, page, anchor, words) in QUESTIONS {
        let link = format!("[{question}]({page}#{anchor})");
        assert!(index.contains(&link), "the index links {link}");
        let text = read(&format!("docs/guide/{page}"));
        let answer = section(&text, anchor).unwrap_or_else(|| panic!("{page} has #{anchor}"));
        let answer = answer.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(answer.contains(word), "{page}#{anchor} names {word}");
        }
    }
}
