//! The identity portal's switches.

use std::time::Duration;

use super::{OAuthClient, RetryAfter};
use crate::word_enum::word_enum;

word_enum! {
    /// Which ids the identity portal takes in a path.
    IdentityIds {
        /// GUIDs; others are answered with a validation problem.
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
    /// How an id that is no GUID is answered.
    BadId {
        /// 400 with a validation problem that names it.
        Problem = "problem",
        /// 404 with problem details, as if the path were no route.
        NotFound = "404",
    }
}

word_enum! {
    /// How a missing or `null` password is answered.
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
    /// How a GUID that is nobody's is answered.
    UnknownUser {
        /// 404 with problem details.
        NotFound = "404",
        /// A result that says `succeeded: false`, with the status of a refusal.
        Result = "result",
    }
}

word_enum! {
    /// How a path that is no route is answered.
    UnknownPath {
        /// 200 with the portal's HTML page.
        Page = "page",
        /// 404 without a body.
        NotFound = "404",
    }
}

word_enum! {
    /// How a token request in JSON is answered.
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

/// The identity portal's switches.
#[derive(Debug, Clone)]
pub struct IdentityOptions {
    /// The ids it takes in a path.
    pub ids: IdentityIds,
    /// The password rules.
    pub rules: IdentityRules,
    /// The least length of a password in UTF-16 units; the rules' own (8 or 6) when absent.
    pub minimum_length: Option<usize>,
    /// How many of a user's last passwords, the current one included, are refused; 0 for none.
    pub previous_use_limit: usize,
    /// The code of that refusal; the sandbox's own, none is published.
    pub reuse_code: String,
    /// When wrong old passwords lock a user out.
    pub lockout: Lockout,
    /// The status of a refusal.
    pub failure_status: FailureStatus,
    /// How an id that is no GUID is answered, where only GUIDs are taken.
    pub bad_id: BadId,
    /// How a missing or `null` password is answered.
    pub null_password: NullPassword,
    /// How a GUID that is nobody's is answered.
    pub unknown_user: UnknownUser,
    /// How a path that is no route is answered.
    pub unknown_path: UnknownPath,
    /// Whether the portal is of the standalone kind: only `/identity` is served, and `/identity_` is answered
    /// 405 with `UnsupportedApiVersion`.
    pub standalone: bool,
    /// The app which gets tokens.
    pub client: OAuthClient,
    /// How long an issued token is good.
    pub token_lifetime: Duration,
    /// The scopes granted to the app, and those of the static token.
    pub scopes: Vec<String>,
    /// The status of a missing scope.
    pub scope_status: ScopeStatus,
    /// How a token request in JSON is answered.
    pub json_token_request: JsonTokenRequest,
    /// Whether the cloud's rate limits are enforced: in any 5 minutes of the sandbox's clock 300 GET, 24,000
    /// POST and 160 of each other method.
    pub rate_limits: bool,
    /// How the answer to one request too many says when to come back.
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
