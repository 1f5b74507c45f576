//! The options of the emulated Zoom.

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use repass_sandbox::{
    LengthUnit, LicenseRefusal, MissingScope, RetryAfter, SettingsShape, ZoomBody, ZoomOptions, ZoomPlan,
    ZoomRules,
};

use super::{TokenArgs, names};

/// Behavior that Zoom does not document, or that depends on the account.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Zoom")]
#[expect(clippy::struct_excessive_bools, reason = "independent flags")]
#[expect(
    clippy::struct_field_names,
    reason = "they are the options' names, and unique among them"
)]
pub(super) struct ZoomArgs {
    /// The password rules
    #[arg(long, value_name = "RULES", default_value = "basic", value_parser = words!(ZoomRules))]
    zoom_rules: ZoomRules,
    /// The accepted request bodies; others get status 415
    #[arg(long, value_name = "BODY", default_value = "any", value_parser = words!(ZoomBody))]
    zoom_body: ZoomBody,
    /// The minimum password length
    #[arg(long, value_name = "N", default_value_t = 8)]
    zoom_minimum_length: usize,
    /// The maximum password length
    #[arg(long, value_name = "N", default_value_t = 31)]
    zoom_maximum_length: usize,
    /// The unit of both lengths
    #[arg(long, value_name = "UNIT", default_value = "characters", value_parser = words!(LengthUnit))]
    zoom_length_unit: LengthUnit,
    /// The length of rejected character sequences, 0 for none [default: 6, with enhanced rules 4]
    #[arg(long, value_name = "N")]
    zoom_run_length: Option<usize>,
    /// The number of former passwords, including the current one, that cannot be reused
    #[arg(long, value_name = "N", default_value_t = 0)]
    zoom_history: usize,
    /// Maximum number of password changes within 24 hours [default: unlimited]
    #[arg(long, value_name = "N")]
    zoom_changes_per_day: Option<usize>,
    /// Allow setting the account owner's password, unlike those of other administrators
    #[arg(long)]
    zoom_owner_exempt: bool,
    /// The account id for which tokens are granted
    #[arg(long, value_name = "ID", default_value = "sandbox-account")]
    zoom_account_id: String,
    /// Disable the app
    #[arg(long)]
    zoom_app_disabled: bool,
    /// Revoke a token when a new one is issued
    #[arg(long)]
    zoom_one_token_only: bool,
    /// The scopes of every token, separated by spaces
    #[arg(
        long,
        value_name = "SCOPES",
        default_value = "account:read:admin user:read:admin user:write:admin"
    )]
    zoom_scopes: String,
    /// The code for a missing scope
    #[arg(long, value_name = "CODE", default_value = "4711", value_parser = words!(MissingScope))]
    zoom_missing_scope: MissingScope,
    /// The `api_url` in token responses [default: the sandbox's own]
    #[arg(long, value_name = "URL")]
    zoom_api_url: Option<String>,
    /// Emulate an unpaid account, which cannot read its settings
    #[arg(long)]
    zoom_unpaid: bool,
    /// The layout of the security settings
    #[arg(long, value_name = "SHAPE", default_value = "wrapped", value_parser = words!(SettingsShape))]
    zoom_settings_shape: SettingsShape,
    /// Emulate credentials of a user who is not an administrator: profile updates are rejected; passwords can be reset
    #[arg(long)]
    zoom_caller_no_admin: bool,
    /// The error for a change of a user's type or plan
    #[arg(long, value_name = "CODE", default_value = "none", value_parser = words!(LicenseRefusal))]
    zoom_license_refusal: LicenseRefusal,
    /// Enforce the rate limits of this plan [default: none]
    #[arg(long, value_name = "PLAN", value_parser = words!(ZoomPlan))]
    zoom_rate_limits: Option<ZoomPlan>,
    /// Requests per day to any limited route [default: the plan's]
    #[arg(long, value_name = "N", requires = "zoom_rate_limits")]
    zoom_daily_limit: Option<usize>,
    /// The format of `Retry-After` in rate limit responses
    #[arg(long, value_name = "FORM", default_value = "none", value_parser = words!(RetryAfter))]
    zoom_retry_after: RetryAfter,
}

impl ZoomArgs {
    // Every field by name, so that the compiler reports a missing new option.
    pub(super) fn options(self, tokens: &TokenArgs) -> ZoomOptions {
        ZoomOptions {
            rules: self.zoom_rules,
            body: self.zoom_body,
            minimum_length: self.zoom_minimum_length,
            maximum_length: self.zoom_maximum_length,
            length_unit: self.zoom_length_unit,
            run_length: self.zoom_run_length,
            history: self.zoom_history,
            changes_per_day: self.zoom_changes_per_day,
            owner_exempt: self.zoom_owner_exempt,
            account_id: self.zoom_account_id,
            client: tokens.client(),
            app_disabled: self.zoom_app_disabled,
            token_lifetime: tokens.token_lifetime,
            one_token_only: self.zoom_one_token_only,
            scopes: names(&self.zoom_scopes),
            missing_scope: self.zoom_missing_scope,
            api_url: self.zoom_api_url,
            paid: !self.zoom_unpaid,
            settings_shape: self.zoom_settings_shape,
            caller_is_admin: !self.zoom_caller_no_admin,
            license_refusal: self.zoom_license_refusal,
            rate_limits: self.zoom_rate_limits,
            daily_limit: self.zoom_daily_limit,
            retry_after: self.zoom_retry_after,
        }
    }
}
