//! A row as reports show it.

use rusqlite::Row;

use super::{Reader, RowPhase, RowStatus, unreadable};
use crate::BulkError;

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

const SELECT: &str =
    "SELECT line, user, (SELECT name FROM providers p WHERE p.id = r.provider) AS provider, state,
        unsettled, kind, code, message, attempts, started, finished, tracking_id
    FROM standings r ORDER BY line";

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

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let time = |milliseconds: i64| (milliseconds > 0).then_some(milliseconds);
        let outcome = RowStatus::of(RowPhase::of(row.get("state")?), row.get("unsettled")?);
        let applied = outcome == RowStatus::Applied;
        Ok(Self {
            line: row.get("line")?,
            user: row.get("user")?,
            provider: row.get("provider")?,
            outcome,
            kind: row.get::<_, Option<String>>("kind")?.filter(|_| !applied),
            code: row.get("code")?,
            message: row.get("message")?,
            attempts: row.get("attempts")?,
            started: time(row.get("started")?),
            finished: time(row.get("finished")?),
            tracking_id: row.get("tracking_id")?,
        })
    }
}

impl Reader {
    /// Passes every row to `f` in the order of the input, or only those of one status.
    pub(crate) fn for_each_row(
        &self,
        only: Option<RowStatus>,
        mut f: impl FnMut(ReportRow) -> Result<(), BulkError>,
    ) -> Result<(), BulkError> {
        let mut statement = self.connection.prepare(SELECT).map_err(unreadable)?;
        let mut rows = statement.query([]).map_err(unreadable)?;
        while let Some(row) = rows.next().map_err(unreadable)? {
            let row = ReportRow::read(row).map_err(unreadable)?;
            if only.is_none_or(|only| only == row.outcome) {
                f(row)?;
            }
        }
        Ok(())
    }
}
