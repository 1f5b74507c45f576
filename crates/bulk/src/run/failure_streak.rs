//! A streak of failures that are not the rows' own.

use repass_domain::ErrorKind;

use super::options::StopReason;
use crate::RowStatus;
use crate::journal::ROW_INDEPENDENT;

/// Counts consecutive rows that failed for a reason independent of the row.
#[derive(Default)]
pub(super) struct FailureStreak {
    length: u32,
}

impl FailureStreak {
    /// Counts one row, and returns the reason to stop when the streak reaches `limit`. Without a limit, a provider that
    /// is down or a token that was revoked would fail every row.
    pub(super) fn record(
        &mut self,
        outcome: RowStatus,
        kind: Option<ErrorKind>,
        message: Option<&str>,
        limit: usize,
    ) -> Option<StopReason> {
        let independent = kind.is_some_and(|kind| ROW_INDEPENDENT.contains(&kind));
        if outcome == RowStatus::Applied || !(independent || outcome == RowStatus::Unknown) {
            self.length = 0;
            return None;
        }
        self.length += 1;
        let reached = usize::try_from(self.length).is_ok_and(|count| count >= limit);
        reached.then(|| StopReason::FailureStreak(self.length, message.unwrap_or_default().to_owned()))
    }
}
