//! Shared by the tests: phases of calls, and the assertion that nothing is left of them.

use std::time::Duration;

use crate::scan::Finding;
use crate::subject::{Call, Phase};

/// Every way to change a password.
pub(crate) const EVERY: [Call; 5] = [
    Call::ZoomFormData,
    Call::ZoomJson,
    Call::PortalChange,
    Call::PortalReset,
    Call::Table,
];

/// Every way to change a password in a directory.
pub(crate) const IN_DIRECTORIES: [Call; 4] = [
    Call::LdapReset,
    Call::LdapChange,
    Call::DomainReset,
    Call::DomainChange,
];

/// This many calls from this number on, each with as much time as it needs.
pub(crate) fn row(calls: &[Call], first: u32, count: u32) -> Phase {
    Phase {
        calls: calls.to_vec(),
        first,
        count,
        budget: Duration::from_secs(60),
    }
}

pub(crate) fn assert_clean(findings: &[Finding], after: &str) {
    let shown: Vec<String> = findings.iter().take(20).map(ToString::to_string).collect();
    assert!(
        findings.is_empty(),
        "{} residues after {after}:\n{}",
        findings.len(),
        shown.join("\n")
    );
}
