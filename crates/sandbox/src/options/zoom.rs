//! Zoom's switches.

use std::time::Duration;

use super::{OAuthClient, RetryAfter};
use crate::word_enum::word_enum;

word_enum! {
    /// The rules that the emulated Zoom applies to a new password.
    ZoomRules {
        /// The rules are the minimum and maximum length only.
        LengthOnly = "length-only",
        /// Also a letter, a digit, both cases, not one character throughout, no long run.
        Basic = "basic",
        /// Also a special character, short runs and keyboard runs, and a list of weak passwords.
        Enhanced = "enhanced",
    }
}

word_enum! {
    /// The encodings of request bodies that the emulated Zoom accepts.
    ZoomBody {
        /// Zoom accepts form data and JSON.
        Any = "any",
        /// Zoom accepts `multipart/form-data` only.
        FormData = "form-data",
        /// Zoom accepts `application/json` only.
        Json = "json",
    }
}

word_enum! {
    /// The unit in which the length of a password is counted.
    LengthUnit {
        /// Length is counted in Unicode characters.
        Characters = "characters",
        /// Length is counted in UTF-16 units.
        Utf16 = "utf-16",
        /// Length is counted in bytes of UTF-8.
        Bytes = "bytes",
    }
}

word_enum! {
    /// The code with which Zoom says that a token lacks a scope; the status is 400 each time.
    MissingScope {
        /// Code 4711, as most reports have it.
        Code4711 = "4711",
        /// Code 104, as one endpoint was seen to answer.
        Code104 = "104",
        /// Code 4700, as the general table prints it.
        Code4700 = "4700",
    }
}

word_enum! {
    /// The shape of the security settings in Zoom's response.
    SettingsShape {
        /// The settings are inside an object `security`.
        Wrapped = "wrapped",
        /// The settings are at the top level of the response.
        Flat = "flat",
    }
}

word_enum! {
    /// The plan whose rate limits an account has.
    ZoomPlan {
        /// A Free account: 4 light and 2 medium requests a second, 6,000 and 2,000 a day.
        Free = "free",
        /// A Pro account: 30 light and 20 medium requests a second.
        Pro = "pro",
        /// A Business account: 80 light and 60 medium requests a second.
        Business = "business",
    }
}

word_enum! {
    /// How the emulated Zoom refuses to change a user's type or plan.
    LicenseRefusal {
        /// No refusal.
        None = "none",
        /// Code 1108: the type may not be changed.
        Code1108 = "1108",
        /// Code 2033: no more basic users are available.
        Code2033 = "2033",
        /// Code 2034: no more users of that plan, which is named, are available.
        Code2034 = "2034",
        /// Code 2038: no more users of that plan, which is not named, are available.
        Code2038 = "2038",
        /// Code 2039: not enough basic licences to turn another off.
        Code2039 = "2039",
        /// Code 3412: no more users of that type are available.
        Code3412 = "3412",
    }
}

/// The options of the emulated Zoom.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent option")]
pub struct ZoomOptions {
    /// The rules that Zoom applies to a new password.
    pub rules: ZoomRules,
    /// The encodings of request bodies that Zoom accepts; others get 415.
    pub body: ZoomBody,
    /// The minimum length of a password.
    pub minimum_length: usize,
    /// The maximum length of a password: 31 by the reference, 32 by the help pages.
    pub maximum_length: usize,
    /// The unit of the minimum and maximum length.
    pub length_unit: LengthUnit,
    /// The number of characters in sequence (`abcdef`, `123456`) that are refused; 0 for none. When absent, 6 under
    /// the basic rules and 4 under the enhanced ones.
    pub run_length: Option<usize>,
    /// The number of a user's last passwords, the current one included, that cannot be set again. Below 2 it is none
    /// but the current one, which never can.
    pub history: usize,
    /// The number of changes of a password that are allowed within 24 hours, by the sandbox's clock; unlimited if
    /// absent.
    pub changes_per_day: Option<usize>,
    /// Whether the account owner's password can be set, unlike that of other administrators.
    pub owner_exempt: bool,
    /// The Zoom account id in token requests.
    pub account_id: String,
    /// The OAuth client that can request tokens.
    pub client: OAuthClient,
    /// Whether the OAuth client's developer has disabled it.
    pub app_disabled: bool,
    /// The lifetime of an issued token.
    pub token_lifetime: Duration,
    /// Whether a new token revokes the previous one, as until 2023.
    pub one_token_only: bool,
    /// The scopes of every token, the static one included.
    pub scopes: Vec<String>,
    /// The error code of the response to a token that lacks a scope.
    pub missing_scope: MissingScope,
    /// The `api_url` that comes with a token; the sandbox's own origin when absent.
    pub api_url: Option<String>,
    /// Whether the account is paid; an unpaid one cannot read its settings.
    pub paid: bool,
    /// The shape of the security settings in the response.
    pub settings_shape: SettingsShape,
    /// Whether the caller is an account administrator; others cannot change names, host keys, PMIs and
    /// vanity names.
    pub caller_is_admin: bool,
    /// How a change of a user's type or plan is refused.
    pub license_refusal: LicenseRefusal,
    /// The plan whose rate limits are enforced, strictly: in any one second, by the sandbox's clock. No limits
    /// when absent.
    pub rate_limits: Option<ZoomPlan>,
    /// The number of requests to any limited route a day (UTC), instead of the plan's own daily limit; needs
    /// `rate_limits`.
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
