//! Zoom's switches.

use std::time::Duration;

use super::{OAuthClient, RetryAfter};
use crate::word_enum::word_enum;

word_enum! {
    /// Which rules Zoom applies to a new password.
    ZoomRules {
        /// Minimum and maximum length only.
        LengthOnly = "length-only",
        /// Also a letter, a digit, both cases, not one character throughout, no long run.
        Basic = "basic",
        /// Also a special character, short runs and keyboard runs, and a list of weak passwords.
        Enhanced = "enhanced",
    }
}

word_enum! {
    /// Which request bodies Zoom takes.
    ZoomBody {
        /// Both of them.
        Any = "any",
        /// `multipart/form-data` only.
        FormData = "form-data",
        /// `application/json` only.
        Json = "json",
    }
}

word_enum! {
    /// What the length of a password is counted in.
    LengthUnit {
        /// Unicode characters.
        Characters = "characters",
        /// UTF-16 units.
        Utf16 = "utf-16",
        /// Bytes of UTF-8.
        Bytes = "bytes",
    }
}

word_enum! {
    /// The code with which Zoom says that a token lacks a scope; the status is 400 each time.
    MissingScope {
        /// As most reports have it.
        Code4711 = "4711",
        /// As one endpoint was seen to answer.
        Code104 = "104",
        /// As the general table prints it.
        Code4700 = "4700",
    }
}

word_enum! {
    /// The shape of the security settings.
    SettingsShape {
        /// Inside an object `security`.
        Wrapped = "wrapped",
        /// At the top.
        Flat = "flat",
    }
}

word_enum! {
    /// The plan whose rate limits an account has.
    ZoomPlan {
        /// 4 light and 2 medium requests a second, 6,000 and 2,000 a day.
        Free = "free",
        /// 30 light and 20 medium requests a second.
        Pro = "pro",
        /// 80 light and 60 medium requests a second.
        Business = "business",
    }
}

word_enum! {
    /// How a change of a user's type or plan is refused.
    LicenseRefusal {
        /// Not at all.
        None = "none",
        /// The type may not be changed.
        Code1108 = "1108",
        /// No more basic users.
        Code2033 = "2033",
        /// No more users of that plan, which is named.
        Code2034 = "2034",
        /// No more users of that plan, which is not named.
        Code2038 = "2038",
        /// Not enough basic licences to turn another off.
        Code2039 = "2039",
        /// No more users of that type.
        Code3412 = "3412",
    }
}

/// Zoom's options.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent option")]
pub struct ZoomOptions {
    /// The password rules.
    pub rules: ZoomRules,
    /// The request bodies that it accepts; others get 415.
    pub body: ZoomBody,
    /// The minimum length of a password.
    pub minimum_length: usize,
    /// The maximum length of a password: 31 by the reference, 32 by the help pages.
    pub maximum_length: usize,
    /// The unit of both lengths.
    pub length_unit: LengthUnit,
    /// How many characters in sequence (`abcdef`, `123456`) are refused; 0 for none. When absent, 6 under
    /// the basic rules and 4 under the enhanced ones.
    pub run_length: Option<usize>,
    /// How many of a user's last passwords, the current one included, cannot be used again; below 2 for none
    /// but the current one, which never can.
    pub history: usize,
    /// How often a password can be changed within 24 hours, by the sandbox's clock; unlimited if absent.
    pub changes_per_day: Option<usize>,
    /// Whether the account owner's password can be set, unlike that of other administrators.
    pub owner_exempt: bool,
    /// The account id of token requests.
    pub account_id: String,
    /// The OAuth client.
    pub client: OAuthClient,
    /// Whether its developer has disabled that app.
    pub app_disabled: bool,
    /// The lifetime of an issued token.
    pub token_lifetime: Duration,
    /// Whether a new token revokes the previous one, as until 2023.
    pub one_token_only: bool,
    /// The scopes of every token, the static one included.
    pub scopes: Vec<String>,
    /// The code for a missing scope.
    pub missing_scope: MissingScope,
    /// The `api_url` that comes with a token; the sandbox's own origin when absent.
    pub api_url: Option<String>,
    /// Whether the account is paid; an unpaid one cannot read its settings.
    pub paid: bool,
    /// The shape of the security settings.
    pub settings_shape: SettingsShape,
    /// Whether the caller is an account administrator; others cannot change names, host keys, PMIs and
    /// vanity names.
    pub caller_is_admin: bool,
    /// How a change of a user's type or plan is refused.
    pub license_refusal: LicenseRefusal,
    /// The plan whose rate limits are enforced, strictly: in any one second, by the sandbox's clock. No limits
    /// when absent.
    pub rate_limits: Option<ZoomPlan>,
    /// Requests to any limited route a day (UTC), instead of the plan's own daily limit; needs `rate_limits`.
    pub daily_limit: Option<usize>,
    /// How the response to a request above the per-second limit states when to retry. The response to the daily
    /// limit always contains an ISO instant.
    pub retry_after: RetryAfter,
}

impl Default for ZoomOptions {
    fn default() -> Self {
        Self {
            rules: ZoomRules::Basic,
            body: ZoomBody::Any,
            minimum_length: 8,
            maximum_length: 31,
            length_unit: LengthUnit::Characters,
            run_length: None,
            history: 0,
            changes_per_day: None,
            owner_exempt: false,
            account_id: "sandbox-account".to_owned(),
            client: OAuthClient {
                id: "sandbox-client".to_owned(),
                secret: "sandbox-secret".into(),
            },
            app_disabled: false,
            token_lifetime: Duration::from_secs(3600),
            one_token_only: false,
            scopes: ["account:read:admin", "user:read:admin", "user:write:admin"]
                .map(str::to_owned)
                .to_vec(),
            missing_scope: MissingScope::Code4711,
            api_url: None,
            paid: true,
            settings_shape: SettingsShape::Wrapped,
            caller_is_admin: true,
            license_refusal: LicenseRefusal::None,
            rate_limits: None,
            daily_limit: None,
            retry_after: RetryAfter::None,
        }
    }
}
