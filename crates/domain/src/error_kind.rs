//! The kinds of failure, each with what to do about it.

use crate::code::impl_code;

/// What happened. It is written and read (`Display`, `FromStr`, serde) as its [stable code](Self::as_str). Whether the password may have been changed is told apart from it, by
/// [`Error::outcome`](crate::Error::outcome).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The call cannot be expressed at this provider (for example, the id is not a GUID), or
    /// [`Error::field_problems`](crate::Error::field_problems) tells what is wrong with it. Mend
    /// the call.
    InvalidRequest,
    /// The provider cannot do this at all, or the configuration does not allow it. See
    /// [`Capabilities`](crate::Capabilities).
    Unsupported,
    /// The new password breaks the rules in [`Error::violations`](crate::Error::violations).
    /// Ask for another one.
    PasswordRefused,
    /// The current password is not the valid one. Ask for it again, but not for ever: it counts
    /// towards lock-out.
    WrongCurrentPassword,
    /// The account is locked for now, after too many wrong passwords. Wait, or have it unlocked.
    LockedOut,
    /// This user's password cannot be set here: an administrator at Zoom, a single-sign-on or
    /// directory user. Change it where it lives. Of a profile: this user cannot be given that, such as
    /// a licence of which the account has no more. Mend what the message names.
    NotEligible,
    /// The provider knows no such user.
    UserNotFound,
    /// The provider does not take the service's own credentials. Mend the configuration.
    Unauthenticated,
    /// The service's credentials are good but may not do this. Grant the role or scope.
    PermissionDenied,
    /// The provider's rate limit, and waiting would pass the budget. Come back after
    /// [`Error::retry_after`](crate::Error::retry_after).
    RateLimited,
    /// Somebody else changed the account at the same moment, and won. Decide anew.
    Conflict,
    /// What answers at the configured address is not the provider's API, or its certificate is not
    /// trusted. Mend the configuration.
    Misconfigured,
    /// No connection: name not found, refused, or no answer to connecting. Try later.
    Unreachable,
    /// The call's budget was gone before anything was sent. Give more, or come back when it is
    /// quieter.
    BudgetExhausted,
    /// The connection broke after the request may have left.
    ConnectionLost,
    /// No answer within the budget after the request may have left.
    TimedOut,
    /// The provider failed inside (5xx) and does not say how far it came.
    ProviderFault,
    /// The provider answered something that its adapter cannot read.
    UnexpectedAnswer,
    /// A defect in repass itself. Report it.
    Internal,
}

impl ErrorKind {
    /// Every kind, in the order of this list.
    pub const ALL: [Self; 19] = [
        Self::InvalidRequest,
        Self::Unsupported,
        Self::PasswordRefused,
        Self::WrongCurrentPassword,
        Self::LockedOut,
        Self::NotEligible,
        Self::UserNotFound,
        Self::Unauthenticated,
        Self::PermissionDenied,
        Self::RateLimited,
        Self::Conflict,
        Self::Misconfigured,
        Self::Unreachable,
        Self::BudgetExhausted,
        Self::ConnectionLost,
        Self::TimedOut,
        Self::ProviderFault,
        Self::UnexpectedAnswer,
        Self::Internal,
    ];

    /// The stable code, for programs: `password_refused`, `user_not_found`, …
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::Unsupported => "unsupported",
            Self::PasswordRefused => "password_refused",
            Self::WrongCurrentPassword => "wrong_current_password",
            Self::LockedOut => "locked_out",
            Self::NotEligible => "not_eligible",
            Self::UserNotFound => "user_not_found",
            Self::Unauthenticated => "unauthenticated",
            Self::PermissionDenied => "permission_denied",
            Self::RateLimited => "rate_limited",
            Self::Conflict => "conflict",
            Self::Misconfigured => "misconfigured",
            Self::Unreachable => "unreachable",
            Self::BudgetExhausted => "budget_exhausted",
            Self::ConnectionLost => "connection_lost",
            Self::TimedOut => "timed_out",
            Self::ProviderFault => "provider_fault",
            Self::UnexpectedAnswer => "unexpected_answer",
            Self::Internal => "internal",
        }
    }
}

impl_code!(ErrorKind, "kind of error");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_back_from_its_code() {
        for kind in ErrorKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("\"{kind}\""));
            assert_eq!(serde_json::from_str::<ErrorKind>(&json).unwrap(), kind);
        }
        let unknown = "Canary".parse::<ErrorKind>().unwrap_err();
        assert_eq!(unknown.to_string(), "not the word of any kind of error");
        assert!(serde_json::from_str::<ErrorKind>("\"canary\"").is_err());
    }
}
