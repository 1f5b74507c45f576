//! Rules for passwords as a document.

use repass::{Password, PasswordPolicy};

/// Fuzzes policy documents. The first line is a password to judge, the rest a document in JSON.
///
/// # Panics
/// If a law is broken.
pub fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (password, document) = text.split_once('\n').unwrap_or_default();
    let Ok(policy) = serde_json::from_str::<PasswordPolicy>(document) else {
        return;
    };
    usable(&policy);
    if let Ok(password) = Password::new(password) {
        let broken = policy.check(&password);
        let rules: Vec<_> = policy.rules().map(|(rule, _)| rule).collect();
        assert!(
            broken
                .iter()
                .all(|broken| broken.rule().code() == "typeable" || rules.contains(&broken.rule())),
            "{broken:?}"
        );
    }
}

/// Panics unless a policy reads back as it is written, and what it generates meets it.
pub(super) fn usable(policy: &PasswordPolicy) {
    let written = serde_json::to_string(policy).unwrap();
    let read: PasswordPolicy = serde_json::from_str(&written).unwrap();
    assert_eq!(&read, policy, "{written}");
    assert_eq!(policy.explain().len(), policy.rules().count());
    let password = policy.generate().unwrap();
    let broken = policy.check(&password);
    assert!(broken.is_empty(), "{broken:?} by a password made for {written}");
}
