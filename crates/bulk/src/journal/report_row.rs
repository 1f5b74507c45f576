//! A row as reports show it.

use super::RowStatus;

/// A row of a run as reports show it: user, status and reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRow {
    /// The line in the input where the row starts, counted from 1.
    pub line: u64,
    /// The user; absent if the row has no valid user id.
    pub user: Option<String>,
    /// The provider; absent if the row names no configured one.
    pub provider: Option<String>,
    /// The status of the row.
    pub outcome: RowStatus,
    /// Why the row is not applied: an error's kind, `invalid_row` or `duplicate_row`.
    pub kind: Option<String>,
    /// The provider's own code, or the codes of the violated rules.
    pub code: Option<String>,
    /// The reason in a sentence for people.
    pub message: Option<String>,
    /// How many times the row was sent.
    pub attempts: u64,
    /// When the row was last sent, in milliseconds since 1970.
    pub started: Option<i64>,
    /// When the row's outcome was known, in milliseconds since 1970.
    pub finished: Option<i64>,
    /// The provider's id of the last exchange for the row.
    pub tracking_id: Option<String>,
}

impl ReportRow {
    /// A row with every field, for tests.
    #[cfg(test)]
    pub(crate) fn example() -> Self {
        Self {
            line: 3,
            user: Some("<bob>@example.com".to_owned()),
            provider: Some("zoom".to_owned()),
            outcome: RowStatus::NotApplied,
            kind: Some("password_refused".to_owned()),
            code: Some("min_length".to_owned()),
            message: Some("the new password is too short".to_owned()),
            attempts: 1,
            started: Some(1_000_000_000_000),
            finished: Some(1_000_000_001_000),
            tracking_id: Some("t-1".to_owned()),
        }
    }
}
