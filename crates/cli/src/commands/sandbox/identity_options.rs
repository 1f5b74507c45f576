//! The options of the emulated identity portal.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use repass_sandbox::{
    BadId, FailureStatus, IdentityIds, IdentityOptions, IdentityRules, JsonTokenRequest, Lockout,
    NullPassword, RetryAfter, ScopeStatus, UnknownPath, UnknownUser,
};

use super::{TokenArgs, names};
use repass::config::parse_duration;

/// Behavior that the portal does not document, or that depends on the organization.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Identity portal")]
#[expect(
    clippy::struct_field_names,
    reason = "they are the options' names, and unique among them"
)]
pub(super) struct IdentityArgs {
    /// The accepted user ids
    #[arg(long, value_name = "IDS", default_value = "guid", value_parser = words!(IdentityIds))]
    identity_ids: IdentityIds,
    /// The password rules
    #[arg(long, value_name = "RULES", default_value = "uipath", value_parser = words!(IdentityRules))]
    identity_rules: IdentityRules,
    /// The minimum password length [default: 8 or 6, by the rules]
    #[arg(long, value_name = "N")]
    identity_minimum_length: Option<usize>,
    /// The number of former passwords, including the current one, that are rejected
    #[arg(long, value_name = "N", default_value_t = 0)]
    identity_previous_use_limit: usize,
    /// The error code for a reused password
    #[arg(long, value_name = "CODE", default_value = "PasswordReused")]
    identity_reuse_code: String,
    /// Consecutive wrong current passwords until lockout, 0 for never
    #[arg(long, value_name = "N", default_value_t = 10)]
    identity_lockout_failures: u32,
    /// The duration of a lockout
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_duration)]
    identity_lockout_duration: Duration,
    /// The error code for a locked-out user
    #[arg(long, value_name = "CODE", default_value = "UserLockedOut")]
    identity_lockout_code: String,
    /// The error text for a locked-out user
    #[arg(long, value_name = "TEXT", default_value = "User is locked out.")]
    identity_lockout_description: String,
    /// The status of a response with `succeeded: false`
    #[arg(long, value_name = "STATUS", default_value = "400", value_parser = words!(FailureStatus))]
    identity_failure_status: FailureStatus,
    /// The response to an id that is not a GUID
    #[arg(long, value_name = "ANSWER", default_value = "problem", value_parser = words!(BadId))]
    identity_bad_id: BadId,
    /// The response to a missing or `null` password
    #[arg(long, value_name = "ANSWER", default_value = "problem", value_parser = words!(NullPassword))]
    identity_null_password: NullPassword,
    /// The response to an unknown GUID
    #[arg(long, value_name = "ANSWER", default_value = "404", value_parser = words!(UnknownUser))]
    identity_unknown_user: UnknownUser,
    /// The response to an unknown path
    #[arg(long, value_name = "ANSWER", default_value = "page", value_parser = words!(UnknownPath))]
    identity_unknown_path: UnknownPath,
    /// Be of the standalone kind, which serves /identity and not /identity_
    #[arg(long)]
    identity_standalone: bool,
    /// The scopes granted to the app, separated by spaces
    #[arg(long, value_name = "SCOPES", default_value = "PM.Setting PM.User")]
    identity_scopes: String,
    /// The status of a missing scope
    #[arg(long, value_name = "STATUS", default_value = "403", value_parser = words!(ScopeStatus))]
    identity_scope_status: ScopeStatus,
    /// How a token request in JSON is answered
    #[arg(long, value_name = "ANSWER", default_value = "page", value_parser = words!(JsonTokenRequest))]
    identity_json_token_request: JsonTokenRequest,
    /// Enforce the cloud's rate limits
    #[arg(long)]
    identity_rate_limits: bool,
    /// The format of `Retry-After` in rate limit responses
    #[arg(long, value_name = "FORM", default_value = "none", value_parser = words!(RetryAfter))]
    identity_retry_after: RetryAfter,
}

impl IdentityArgs {
    // Every field by name, so that the compiler reports a missing new option.
    pub(super) fn options(self, tokens: &TokenArgs) -> IdentityOptions {
        IdentityOptions {
            ids: self.identity_ids,
            rules: self.identity_rules,
            minimum_length: self.identity_minimum_length,
            previous_use_limit: self.identity_previous_use_limit,
            reuse_code: self.identity_reuse_code,
            lockout: Lockout {
                failures: self.identity_lockout_failures,
                duration: self.identity_lockout_duration,
                code: self.identity_lockout_code,
                description: self.identity_lockout_description,
            },
            failure_status: self.identity_failure_status,
            bad_id: self.identity_bad_id,
            null_password: self.identity_null_password,
            unknown_user: self.identity_unknown_user,
            unknown_path: self.identity_unknown_path,
            standalone: self.identity_standalone,
            client: tokens.client(),
            token_lifetime: tokens.token_lifetime,
            scopes: names(&self.identity_scopes),
            scope_status: self.identity_scope_status,
            json_token_request: self.identity_json_token_request,
            rate_limits: self.identity_rate_limits,
            retry_after: self.identity_retry_after,
        }
    }
}
