//! Exit codes.

use std::process::ExitCode;

use repass::{Error, ErrorKind};

/// The exit code of the process. Scripts depend on the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// The change was applied, or the command succeeded.
    Ok = 0,
    /// A bug in repass, or a failure of the machine: a full disk, a result that could not be written.
    Internal = 1,
    /// The arguments or the configuration are invalid.
    Usage = 2,
    /// The provider rejects this change: its rules, the current password, the account's state.
    Refused = 3,
    /// The service's own credentials are rejected or lack a permission.
    NotPermitted = 4,
    /// The provider does not know the user.
    NoSuchUser = 5,
    /// The provider's rate limit is reached.
    RateLimited = 6,
    /// Not applied; retry later.
    Unavailable = 7,
    /// It is unknown whether the change was applied.
    Unknown = 8,
    /// Only some rows of a bulk run were applied, and no outcome is unknown.
    Partly = 9,
    /// Interrupted before anything was sent.
    Interrupted = 130,
}

impl Exit {
    /// The code of a failed call. An unknown outcome takes precedence over the kind.
    pub(super) fn of(error: &Error) -> Self {
        match error.unknown_outcome() {
            Some(_) => Self::Unknown,
            None => Self::of_kind(error.kind()),
        }
    }

    fn of_kind(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::InvalidRequest | ErrorKind::Unsupported | ErrorKind::Misconfigured => Self::Usage,
            ErrorKind::PasswordRefused
            | ErrorKind::WrongCurrentPassword
            | ErrorKind::LockedOut
            | ErrorKind::NotEligible
            | ErrorKind::Conflict => Self::Refused,
            ErrorKind::Unauthenticated | ErrorKind::PermissionDenied => Self::NotPermitted,
            ErrorKind::UserNotFound => Self::NoSuchUser,
            ErrorKind::RateLimited => Self::RateLimited,
            ErrorKind::Unreachable
            | ErrorKind::BudgetExhausted
            | ErrorKind::ConnectionLost
            | ErrorKind::TimedOut
            | ErrorKind::ProviderFault
            | ErrorKind::UnexpectedAnswer => Self::Unavailable,
            // A new kind is internal until it gets its code here.
            _ => Self::Internal,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use repass::UnknownOutcome;

    #[test]
    fn error_kinds_map_to_exit_codes() {
        let codes: Vec<_> = ErrorKind::ALL
            .into_iter()
            .map(|kind| (kind.as_str(), Exit::of(&Error::not_applied(kind, "no")) as u8))
            .collect();
        let expected = [
            ("invalid_request", 2),
            ("unsupported", 2),
            ("password_refused", 3),
            ("wrong_current_password", 3),
            ("locked_out", 3),
            ("not_eligible", 3),
            ("user_not_found", 5),
            ("unauthenticated", 4),
            ("permission_denied", 4),
            ("rate_limited", 6),
            ("conflict", 3),
            ("misconfigured", 2),
            ("unreachable", 7),
            ("budget_exhausted", 7),
            ("connection_lost", 7),
            ("timed_out", 7),
            ("provider_fault", 7),
            ("unexpected_answer", 7),
            ("internal", 1),
        ];
        assert_eq!(codes, expected);
    }

    #[test]
    fn unknown_outcome_exits_8_for_every_kind() {
        for kind in ErrorKind::ALL {
            let error = Error::unknown(kind, "who knows", UnknownOutcome::new("zoom"));
            assert_eq!(Exit::of(&error) as u8, 8, "{kind}");
        }
    }
}
