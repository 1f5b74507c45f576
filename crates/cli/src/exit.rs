//! Exit codes.

use std::process::ExitCode;

use repass::{Error, ErrorKind};

/// What the process ends with. Scripts depend on the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// The change was applied, or the command did what it is for.
    Ok = 0,
    /// A defect of repass, or the machine failed it: a full disk, a result that could not be written.
    Internal = 1,
    /// The call or the configuration has to be mended.
    Usage = 2,
    /// The provider will not make this change: its rules, the current password, the account's state.
    Refused = 3,
    /// The service's own credentials are not good, or not enough.
    NotPermitted = 4,
    /// The provider knows no such user.
    NoSuchUser = 5,
    /// The provider's rate limit.
    RateLimited = 6,
    /// Not applied, and worth another try later.
    Unavailable = 7,
    /// It cannot be told whether the change was applied.
    Unknown = 8,
    /// Some of many rows were applied, and none is unknown.
    Partly = 9,
    /// Interrupted before anything was sent.
    Interrupted = 130,
}

impl Exit {
    /// The code for a call that failed. An unknown outcome comes before whatever its kind says.
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
            // New kinds get their code here; until then they are ours to explain.
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
    fn every_kind_has_its_code() {
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
    fn an_unknown_outcome_is_8_whatever_its_kind() {
        for kind in ErrorKind::ALL {
            let error = Error::unknown(kind, "who knows", UnknownOutcome::new("zoom"));
            assert_eq!(Exit::of(&error) as u8, 8, "{kind}");
        }
    }
}
