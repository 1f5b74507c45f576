//! The identity portal's switches.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use repass_sandbox::{
    BadId, FailureStatus, IdentityIds, IdentityOptions, IdentityRules, JsonTokenRequest, Lockout,
    NullPassword, RetryAfter, ScopeStatus, UnknownPath, UnknownUser,
};

use super::{TokenArgs, names};
use repass::config::parse_duration;

/// What the portal does not document, or an organisation decides.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Identity portal")]
#[expect(
    clippy::struct_field_names,
    reason = "they are the options' names, and unique among them"
)]
pub(super) struct IdentityArgs {
    /// The user ids that it takes
    #[arg(long, value_name = "IDS", default_value = "guid", value_parser = words!(IdentityIds))]
    identity_ids: IdentityIds,
    /// The password rules
    #[arg(long, value_name = "RULES", default_value = "uipath", value_parser = words!(IdentityRules))]
    identity_rules: IdentityRules,
    /// The least length of a password [else: the rules' own, 8 or 6]
    #[arg(long, value_name = "N")]
    identity_minimum_length: Option<usize>,
    /// How many of the last passwords, the current one included, are refused
    #[arg(long, value_name = "N", default_value_t = 0)]
    identity_previous_use_limit: usize,
    /// The code of that refusal
    #[arg(long, value_name = "CODE", default_value = "PasswordReused")]
    identity_reuse_code: String,
    /// Wrong current passwords in a row until a user is locked out, 0 for never
    #[arg(long, value_name = "N", default_value_t = 10)]
    identity_lockout_failures: u32,
    /// How long a user is locked out
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_duration)]
    identity_lockout_duration: Duration,
    /// The code of a refusal by lock-out
    #[arg(long, value_name = "CODE", default_value = "UserLockedOut")]
    identity_lockout_code: String,
    /// The text of a refusal by lock-out
    #[arg(long, value_name = "TEXT", default_value = "User is locked out.")]
    identity_lockout_description: String,
    /// The status of a result that says `succeeded: false`
    #[arg(long, value_name = "STATUS", default_value = "400", value_parser = words!(FailureStatus))]
    identity_failure_status: FailureStatus,
    /// How an id that is no GUID is answered
    #[arg(long, value_name = "ANSWER", default_value = "problem", value_parser = words!(BadId))]
    identity_bad_id: BadId,
    /// How a missing or `null` password is answered
    #[arg(long, value_name = "ANSWER", default_value = "problem", value_parser = words!(NullPassword))]
    identity_null_password: NullPassword,
    /// How a GUID that is nobody's is answered
    #[arg(long, value_name = "ANSWER", default_value = "404", value_parser = words!(UnknownUser))]
    identity_unknown_user: UnknownUser,
    /// How a path that is no route is answered
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
    /// How the answer to one request too many says when to come back
    #[arg(long, value_name = "FORM", default_value = "none", value_parser = words!(RetryAfter))]
    identity_retry_after: RetryAfter,
}

impl IdentityArgs {
    // Every field by name, so that a new switch cannot be forgotten here.
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
