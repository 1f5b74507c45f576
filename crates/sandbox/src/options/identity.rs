//! The identity portal's options.

use std::time::Duration;

use super::{OAuthClient, RetryAfter};
use crate::word_enum::word_enum;

word_enum! {
    /// The ids that the identity portal accepts in a path.
    IdentityIds {
        /// GUIDs only; others get a validation problem.
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
        /// ASP.NET Core's defaults: 6 characters of all four classes.
        Aspnet = "aspnet",
    }
}

word_enum! {
    /// The HTTP status of a refusal to set a password: a result that says `succeeded: false`.
    FailureStatus {
        /// Status 400, as the published schema has it.
        BadRequest = "400",
        /// Status 200, as the provider's own clients have met it.
        Ok = "200",
    }
}

word_enum! {
    /// The portal's response to a user id that is not a GUID.
    BadId {
        /// Status 400 with a validation problem that names the id.
        Problem = "problem",
        /// 404 with problem details, as for an unknown path.
        NotFound = "404",
    }
}

word_enum! {
    /// The portal's response to a missing or `null` password.
    NullPassword {
        /// Status 400 with a validation problem that names the field.
        Problem = "problem",
        /// Status 500 with problem details, as the bare framework would.
        ServerError = "500",
    }
}

word_enum! {
    /// The HTTP status of the portal's response to a token that lacks a scope.
    ScopeStatus {
        /// Status 403, Forbidden.
        Forbidden = "403",
        /// Status 401, Unauthorized.
        Unauthorized = "401",
        /// Status 400, Bad Request.
        BadRequest = "400",
    }
}

word_enum! {
    /// The portal's response for a user whose GUID is unknown.
    UnknownUser {
        /// Status 404 with problem details.
        NotFound = "404",
        /// A result that says `succeeded: false`, with the status of a refusal.
        Result = "result",
    }
}

word_enum! {
    /// The portal's response to a request for an unknown path.
    UnknownPath {
        /// Status 200 with the portal's HTML page.
        Page = "page",
        /// Status 404 without a body.
        NotFound = "404",
    }
}

word_enum! {
    /// The portal's response to a token request whose body is JSON.
    JsonTokenRequest {
        /// Status 200 with the portal's HTML page.
        Page = "page",
        /// Status 400 with the OAuth error `invalid_request`.
        InvalidRequest = "invalid-request",
    }
}

/// When and how wrong old passwords lock a user out. Codes and texts are the sandbox's own: none are published.
#[derive(Debug, Clone)]
pub struct Lockout {
    /// Wrong old passwords in a row until the user is locked out; 0 for never.
    pub failures: u32,
    /// The duration of a lockout, by the sandbox's clock.
    pub duration: Duration,
    /// The error code of the refusal to a user who is locked out.
    pub code: String,
    /// The error text of the refusal to a user who is locked out.
    pub description: String,
}

/// The options of the emulated identity portal.
#[derive(Debug, Clone)]
pub struct IdentityOptions {
    /// The user ids that the portal accepts in a path.
    pub ids: IdentityIds,
    /// The rules that the portal applies to a new password.
    pub rules: IdentityRules,
    /// The minimum length of a password in UTF-16 units; that of the rules (8 or 6) if absent.
    pub minimum_length: Option<usize>,
    /// The number of a user's last passwords, the current one included, that cannot be set again; 0 for none.
    pub previous_use_limit: usize,
    /// The error code of the refusal to set a recent password again; the sandbox's own, none is published.
    pub reuse_code: String,
    /// When and how wrong old passwords lock a user out.
    pub lockout: Lockout,
    /// The HTTP status of the refusal to set a password.
    pub failure_status: FailureStatus,
    /// The response to an id that is not a GUID, where only GUIDs are accepted.
    pub bad_id: BadId,
    /// The response to a missing or `null` password.
    pub null_password: NullPassword,
    /// The response for a user whose GUID is unknown.
    pub unknown_user: UnknownUser,
    /// The response to a request for an unknown path.
    pub unknown_path: UnknownPath,
    /// Whether the portal is a standalone installation: only `/identity` is served, and `/identity_` returns
    /// 405 with `UnsupportedApiVersion`.
    pub standalone: bool,
    /// The OAuth client that can request tokens.
    pub client: OAuthClient,
    /// The lifetime of an issued token.
    pub token_lifetime: Duration,
    /// The scopes that are granted to the OAuth client, and those of the static token.
    pub scopes: Vec<String>,
    /// The HTTP status of the response to a token that lacks a scope.
    pub scope_status: ScopeStatus,
    /// The response to a token request whose body is JSON.
    pub json_token_request: JsonTokenRequest,
    /// Whether the rate limits of UiPath's cloud are enforced. In any 5 minutes of the sandbox's clock they are 300
    /// GET, 24,000 POST and 160 of each other method.
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
