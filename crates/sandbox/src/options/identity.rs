//! The identity portal's options.

use std::time::Duration;

use super::{OAuthClient, RetryAfter};
use crate::word_enum::word_enum;

word_enum! {
    /// The ids that the identity portal accepts in a path.
    IdentityIds {
        /// GUIDs; others get a validation problem.
        Guid = "guid",
        /// Any text, as the published guide's sample id has it; user names and e-mail addresses too.
        Any = "any",
    }
}

word_enum! {
    /// Which rules the identity portal applies to a new password.
    IdentityRules {
        /// UiPath's defaults: 8 characters, a lower-case letter, a digit.
        Uipath = "uipath",
        /// The framework's defaults: 6 characters of all four classes.
        Aspnet = "aspnet",
    }
}

word_enum! {
    /// The HTTP status of a result that says `succeeded: false`.
    FailureStatus {
        /// As the published schema has it.
        BadRequest = "400",
        /// As the provider's own clients have met it.
        Ok = "200",
    }
}

word_enum! {
    /// The response to an id that is not a GUID.
    BadId {
        /// 400 with a validation problem that names it.
        Problem = "problem",
        /// 404 with problem details, as for an unknown path.
        NotFound = "404",
    }
}

word_enum! {
    /// The response to a missing or `null` password.
    NullPassword {
        /// 400 with a validation problem that names it.
        Problem = "problem",
        /// 500 with problem details, as the bare framework would.
        ServerError = "500",
    }
}

word_enum! {
    /// The HTTP status of a missing scope.
    ScopeStatus {
        /// Forbidden.
        Forbidden = "403",
        /// Unauthorized.
        Unauthorized = "401",
        /// Bad request.
        BadRequest = "400",
    }
}

word_enum! {
    /// The response to an unknown GUID.
    UnknownUser {
        /// 404 with problem details.
        NotFound = "404",
        /// A result that says `succeeded: false`, with the status of a refusal.
        Result = "result",
    }
}

word_enum! {
    /// The response to an unknown path.
    UnknownPath {
        /// 200 with the portal's HTML page.
        Page = "page",
        /// 404 without a body.
        NotFound = "404",
    }
}

word_enum! {
    /// The response to a token request in JSON.
    JsonTokenRequest {
        /// 200 with the portal's HTML page.
        Page = "page",
        /// 400 with `invalid_request`.
        InvalidRequest = "invalid-request",
    }
}

/// When and how wrong old passwords lock a user out. Codes and texts are the sandbox's own: none are published.
#[derive(Debug, Clone)]
pub struct Lockout {
    /// Wrong old passwords in a row until the user is locked out; 0 for never.
    pub failures: u32,
    /// How long, by the sandbox's clock.
    pub duration: Duration,
    /// The code of the refusal.
    pub code: String,
    /// Its text.
    pub description: String,
}

/// The identity portal's options.
#[derive(Debug, Clone)]
pub struct IdentityOptions {
    /// The ids it takes in a path.
    pub ids: IdentityIds,
    /// The password rules.
    pub rules: IdentityRules,
    /// The minimum length of a password in UTF-16 units; that of the rules (8 or 6) if absent.
    pub minimum_length: Option<usize>,
    /// How many of a user's last passwords, the current one included, are refused; 0 for none.
    pub previous_use_limit: usize,
    /// The code of that refusal; the sandbox's own, none is published.
    pub reuse_code: String,
    /// When wrong old passwords lock a user out.
    pub lockout: Lockout,
    /// The status of a refusal.
    pub failure_status: FailureStatus,
    /// How an id that is not a GUID is answered, where only GUIDs are taken.
    pub bad_id: BadId,
    /// The response to a missing or `null` password.
    pub null_password: NullPassword,
    /// The response to an unknown GUID.
    pub unknown_user: UnknownUser,
    /// The response to an unknown path.
    pub unknown_path: UnknownPath,
    /// Whether the portal is a standalone installation: only `/identity` is served, and `/identity_` returns
    /// 405 with `UnsupportedApiVersion`.
    pub standalone: bool,
    /// The OAuth client.
    pub client: OAuthClient,
    /// The lifetime of an issued token.
    pub token_lifetime: Duration,
    /// The scopes granted to the app, and those of the static token.
    pub scopes: Vec<String>,
    /// The status of a missing scope.
    pub scope_status: ScopeStatus,
    /// The response to a token request in JSON.
    pub json_token_request: JsonTokenRequest,
    /// Whether the cloud's rate limits are enforced: in any 5 minutes of the sandbox's clock 300 GET, 24,000
    /// POST and 160 of each other method.
    pub rate_limits: bool,
    /// How the response to a request above the limit states when to retry.
    pub retry_after: RetryAfter,
}

impl Default for IdentityOptions {
    fn default() -> Self {
        Self {
            ids: IdentityIds::Guid,
            rules: IdentityRules::Uipath,
            minimum_length: None,
            previous_use_limit: 0,
            reuse_code: "PasswordReused".to_owned(),
            lockout: Lockout {
                failures: 10,
                duration: Duration::from_secs(300),
                code: "UserLockedOut".to_owned(),
                description: "User is locked out.".to_owned(),
            },
            failure_status: FailureStatus::BadRequest,
            bad_id: BadId::Problem,
            null_password: NullPassword::Problem,
            unknown_user: UnknownUser::NotFound,
            unknown_path: UnknownPath::Page,
            standalone: false,
            client: OAuthClient {
                id: "sandbox-client".to_owned(),
                secret: "sandbox-secret".into(),
            },
            token_lifetime: Duration::from_secs(3600),
            scopes: ["PM.Setting", "PM.User"].map(str::to_owned).to_vec(),
            scope_status: ScopeStatus::Forbidden,
            json_token_request: JsonTokenRequest::Page,
            rate_limits: false,
            retry_after: RetryAfter::None,
        }
    }
}
