//! Noticing that nothing comes through any more.

use repass_domain::ErrorKind;

use super::options::StopReason;
use crate::RowStatus;
use crate::journal::ROW_INDEPENDENT;

/// How many rows in a row have failed for a reason that is not theirs.
#[derive(Default)]
pub(super) struct FailureStreak {
    in_a_row: u32,
}

impl FailureStreak {
    /// Counts one more row. Why to stop, when it was one too many: a provider that is down or a token that is
    /// no good would otherwise fail every row there is.
    pub(super) fn after(
        &mut self,
        outcome: RowStatus,
        kind: Option<ErrorKind>,
        message: Option<&str>,
        most: usize,
    ) -> Option<StopReason> {
        let passing = kind.is_some_and(|kind| ROW_INDEPENDENT.contains(&kind));
        if outcome == RowStatus::Applied || !(passing || outcome == RowStatus::Unknown) {
            self.in_a_row = 0;
            return None;
        }
        self.in_a_row += 1;
        let reached = usize::try_from(self.in_a_row).is_ok_and(|count| count >= most);
        reached.then(|| StopReason::FailureStreak(self.in_a_row, message.unwrap_or_default().to_owned()))
    }
}
