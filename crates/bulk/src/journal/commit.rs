//! What is written to a journal: rows, and the starts and ends of attempts.

use repass_domain::{ErrorKind, PriorState, UserId, UserKey};

use super::RowPhase;

/// Kinds of errors that have nothing to do with the row. Such rows may be sent again.
pub const ROW_INDEPENDENT: [ErrorKind; 11] = [
    ErrorKind::Unauthenticated,
    ErrorKind::PermissionDenied,
    ErrorKind::RateLimited,
    ErrorKind::Conflict,
    ErrorKind::Misconfigured,
    ErrorKind::Unreachable,
    ErrorKind::BudgetExhausted,
    ErrorKind::ConnectionLost,
    ErrorKind::TimedOut,
    ErrorKind::ProviderFault,
    ErrorKind::Internal,
];

/// What is written in one commit.
#[derive(Debug, Default)]
pub struct Commit<'a> {
    /// Rows that cannot be sent.
    pub bad: &'a [NewRow<'a>],
    /// Attempts and probes that have ended.
    pub ended: &'a [AttemptEnd],
    /// Attempts that are about to start.
    pub started: &'a [AttemptStart<'a>],
    /// Rows whose probe may set the password and is about to start, and its timeout in milliseconds.
    pub probing: &'a [(u64, i64)],
    /// The accounts that are about to be changed: the provider's id, the account's key and the line.
    pub accounts: &'a [(u64, &'a UserKey, u64)],
    /// The ids of the session's providers.
    pub providers: &'a [u64],
}

/// A row to add to a journal.
#[derive(Debug, Clone, Copy)]
pub struct NewRow<'a> {
    /// The line in the input where the row starts, counted from 1.
    pub line: u64,
    /// The user, if the row has a valid user id.
    pub user: Option<&'a UserId>,
    /// The id of the row's provider, if it names a configured one.
    pub provider: Option<u64>,
    /// Why the row cannot be sent; `None` if it can.
    pub invalid: Option<InvalidReason<'a>>,
}

/// Why a row cannot be sent.
#[derive(Debug, Clone, Copy)]
pub struct InvalidReason<'a> {
    /// The kind, `invalid_row` or `duplicate_row`.
    pub kind: &'a str,
    /// The reason in a sentence for people.
    pub message: &'a str,
}

/// The start of an attempt.
#[derive(Debug)]
pub struct AttemptStart<'a> {
    /// The line of its row.
    pub line: u64,
    /// The batch in which its password was sealed.
    pub batch: u64,
    /// The user and the provider's id, if the row is not in the journal yet.
    pub fresh: Option<(&'a UserId, u64)>,
    /// An earlier attempt has an unknown outcome.
    pub again: bool,
    /// The attempt is recorded already: its call sends again, because the first request certainly had no effect.
    pub resent: bool,
}

/// The end of an attempt or of a probe.
#[derive(Debug, Clone)]
pub struct AttemptEnd {
    /// The line of its row.
    pub line: u64,
    /// The phase that it leaves the row in.
    pub state: RowPhase,
    /// The error's kind, if there was an error.
    pub kind: Option<&'static str>,
    /// The provider's own code, or the codes of the violated rules.
    pub code: Option<String>,
    /// The reason in a sentence for people.
    pub message: Option<String>,
    /// The provider's id of the exchange.
    pub tracking_id: Option<String>,
    /// When it ended, in milliseconds since 1970.
    pub at: i64,
    /// Of an unknown attempt: the state that was read before it.
    pub prior_state: PriorState,
    /// What has ended.
    pub sent: EndKind,
}

impl AttemptEnd {
    /// The end of a recorded attempt, without details.
    pub fn new(line: u64, state: RowPhase, at: i64) -> Self {
        Self {
            line,
            state,
            kind: None,
            code: None,
            message: None,
            tracking_id: None,
            at,
            prior_state: PriorState::default(),
            sent: EndKind::Recorded,
        }
    }
}

/// What has ended.
#[derive(Debug, Clone)]
pub enum EndKind {
    /// An attempt whose start is recorded.
    Recorded,
    /// A row that was not sent. With its user and the index of its provider, if the journal does not have the row yet.
    NotSent(Option<(UserId, usize)>),
    /// An attempt without a recorded start, of a service without `before_send`; with the password of this batch.
    Unrecorded(u64, Option<(UserId, usize)>),
    /// A probe with the password of this batch.
    Probe {
        /// The batch of the password.
        batch: u64,
        /// It may have set the password itself, and still be in flight.
        set: bool,
    },
}
