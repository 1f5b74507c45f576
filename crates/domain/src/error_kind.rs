//! The kinds of error: one table of codes, titles and remedies.

use crate::code::impl_code;

struct Row {
    code: &'static str,
    title: &'static str,
    description: &'static str,
    remedy: &'static str,
    user_advice: &'static str,
    is_transient: bool,
}

const TRY_LATER: &str = "Try again later.";
const CONTACT_OPERATOR: &str = "Contact the operator of this service.";

macro_rules! error_kinds {
    ($(#[$enum_doc:meta])+ enum ErrorKind {
        $($(#[doc = $doc:literal])+ $kind:ident { $($column:ident: $value:expr,)+ })+
    }) => {
        $(#[$enum_doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[doc = $doc])+ $kind,)+
        }

        const TABLE: &[Row] = &[$(Row { description: concat!($($doc),+), $($column: $value),+ }),+];

        impl ErrorKind {
            /// Every kind of error, in the order of the variants.
            pub const ALL: [Self; TABLE.len()] = [$(Self::$kind),+];
        }
    };
}

error_kinds! {
    /// The kind of an error: what went wrong. Whether the password may have been changed is a separate question,
    /// answered by [`Error::outcome`](crate::Error::outcome).
    ///
    /// `Display`, `FromStr` and serde use the [stable code](Self::as_str).
    enum ErrorKind {
        /// The provider cannot express the request, for example because it identifies users by GUID, or the fields
        /// in `Error::field_problems` are wrong.
        InvalidRequest {
            code: "invalid_request",
            title: "the request is not valid at this provider",
            remedy: "fix the request",
            user_advice: CONTACT_OPERATOR,
            is_transient: false,
        }
        /// The provider does not support the operation (see `Capabilities`), or the configuration does not allow
        /// it.
        Unsupported {
            code: "unsupported",
            title: "the provider does not support this operation",
            remedy: "check the provider's capabilities and the configuration",
            user_advice: CONTACT_OPERATOR,
            is_transient: false,
        }
        /// The new password breaks the rules in `Error::violations`.
        PasswordRefused {
            code: "password_refused",
            title: "the new password was rejected",
            remedy: "choose another password",
            user_advice: "Choose another password: this one does not meet the rules.",
            is_transient: false,
        }
        /// The current password is not the valid one. Limit how often you prompt for it: each wrong password counts
        /// towards the account's lockout.
        WrongCurrentPassword {
            code: "wrong_current_password",
            title: "the current password is wrong",
            remedy: "enter the current password again",
            user_advice: "The current password is wrong.",
            is_transient: false,
        }
        /// The account is temporarily locked after too many wrong passwords.
        LockedOut {
            code: "locked_out",
            title: "the account is locked after too many wrong passwords",
            remedy: "wait, or have it unlocked",
            user_advice: "The account is locked for now, after too many wrong passwords. Try again later.",
            is_transient: false,
        }
        /// The provider does not allow this change for this user: an administrator at Zoom, or a single sign-on or
        /// directory user, whose password must be changed in that directory. For a profile update: the user cannot
        /// have this value, for example because the account has no license left.
        NotEligible {
            code: "not_eligible",
            title: "the provider does not allow this change for this user",
            remedy: "change it where the user is managed",
            user_advice: "This cannot be changed for this user here.",
            is_transient: false,
        }
        /// The provider has no such user.
        UserNotFound {
            code: "user_not_found",
            title: "the provider has no such user",
            remedy: "check the user id",
            user_advice: "There is no such user.",
            is_transient: false,
        }
        /// The provider rejected the configured credentials.
        Unauthenticated {
            code: "unauthenticated",
            title: "the provider rejected the configured credentials",
            remedy: "replace them in the configuration",
            user_advice: CONTACT_OPERATOR,
            is_transient: false,
        }
        /// The configured credentials are valid but lack the permission for this operation.
        PermissionDenied {
            code: "permission_denied",
            title: "the configured credentials lack the permission",
            remedy: "grant the role or scope",
            user_advice: CONTACT_OPERATOR,
            is_transient: false,
        }
        /// The provider's rate limit is reached, and waiting for it would exceed the call's budget. `Error::retry_after`
        /// says how long to wait, where that is known.
        RateLimited {
            code: "rate_limited",
            title: "the provider's rate limit is reached",
            remedy: "retry later",
            user_advice: TRY_LATER,
            is_transient: true,
        }
        /// The account was changed concurrently, and the other change won.
        Conflict {
            code: "conflict",
            title: "the account was changed concurrently",
            remedy: "check the account, then decide whether the change is still wanted",
            user_advice: TRY_LATER,
            is_transient: true,
        }
        /// The server at the configured address is not the provider's API, or its certificate is not trusted.
        Misconfigured {
            code: "misconfigured",
            title: "the server at the configured address is not the provider's API",
            remedy: "fix the configuration",
            user_advice: CONTACT_OPERATOR,
            is_transient: false,
        }
        /// No connection could be made: the host name was not found, or the connection was refused or timed out.
        Unreachable {
            code: "unreachable",
            title: "the provider cannot be reached",
            remedy: "retry later",
            user_advice: TRY_LATER,
            is_transient: true,
        }
        /// The call's budget ran out before anything was sent.
        BudgetExhausted {
            code: "budget_exhausted",
            title: "the call ran out of time before anything was sent",
            remedy: "raise the budget, or retry when there is less load",
            user_advice: TRY_LATER,
            is_transient: true,
        }
        /// The connection broke when the request may already have been sent.
        ConnectionLost {
            code: "connection_lost",
            title: "the connection to the provider was lost",
            remedy: "resolve the unknown outcome",
            user_advice: TRY_LATER,
            is_transient: true,
        }
        /// No response arrived within the budget, and the request may have been sent.
        TimedOut {
            code: "timed_out",
            title: "the provider did not respond in time",
            remedy: "resolve the unknown outcome",
            user_advice: TRY_LATER,
            is_transient: true,
        }
        /// The provider failed with an internal error (5xx), which does not say how far the request got.
        ProviderFault {
            code: "provider_fault",
            title: "the provider failed with an internal error",
            remedy: "resolve the unknown outcome",
            user_advice: TRY_LATER,
            is_transient: true,
        }
        /// The response is not one that the provider is known to give.
        UnexpectedAnswer {
            code: "unexpected_answer",
            title: "the response cannot be interpreted",
            remedy: "check what responds at the configured address",
            user_advice: CONTACT_OPERATOR,
            is_transient: false,
        }
        /// A defect in repass.
        Internal {
            code: "internal",
            title: "repass has a defect",
            remedy: "report it",
            user_advice: CONTACT_OPERATOR,
            is_transient: false,
        }
    }
}

impl ErrorKind {
    const fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// The stable code, for programs: `password_refused`, `user_not_found`, …
    pub const fn as_str(self) -> &'static str {
        self.row().code
    }

    /// What happened, as a short clause without a capital or full stop: `the provider has no such user`.
    pub const fn title(self) -> &'static str {
        self.row().title
    }

    /// Describes this kind of error, in full sentences.
    pub fn description(self) -> &'static str {
        self.row().description.trim_start()
    }

    /// What to do about it, as a clause that can follow [`title`](Self::title): `check the user id`.
    pub const fn remedy(self) -> &'static str {
        self.row().remedy
    }

    /// Whether the cause may pass by itself, so that the same change may succeed later. This does not make it safe to
    /// send the change again: that depends on [`Error::outcome`](crate::Error::outcome).
    pub const fn is_transient(self) -> bool {
        self.row().is_transient
    }

    /// What an end user can be advised to do, in full sentences.
    pub(crate) const fn user_advice(self) -> &'static str {
        self.row().user_advice
    }
}

impl_code!(ErrorKind, "error kind");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_kind_round_trips_through_its_code() {
        for kind in ErrorKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("\"{kind}\""));
            assert_eq!(serde_json::from_str::<ErrorKind>(&json).unwrap(), kind);
        }
        let unknown = "Canary".parse::<ErrorKind>().unwrap_err();
        assert_eq!(unknown.to_string(), "unknown error kind");
        assert!(serde_json::from_str::<ErrorKind>("\"canary\"").is_err());
    }

    #[test]
    fn error_kind_texts_are_clauses_and_sentences() {
        for kind in ErrorKind::ALL {
            for clause in [kind.title(), kind.remedy()] {
                assert!(
                    clause.starts_with(char::is_lowercase) && !clause.ends_with('.'),
                    "{clause}"
                );
            }
            for sentence in [kind.description(), kind.user_advice()] {
                assert!(
                    sentence.starts_with(char::is_uppercase) && sentence.ends_with('.'),
                    "{sentence}"
                );
            }
        }
    }
}
