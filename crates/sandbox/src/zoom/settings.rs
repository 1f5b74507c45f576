//! `GET /v2/accounts/{id}/settings`.

use http::StatusCode;
use serde_json::json;

use super::error::Refusal;
use super::rules;
use crate::message::path::form_value;
use crate::message::response::{self, FullRequest, FullResponse};
use crate::options::{SettingsShape, ZoomRules};
use crate::shared::Shared;

/// Zoom's own minimum, which its settings write as 0.
const BASIC_MINIMUM: usize = 8;

/// The security settings, of which the password rules are a part. One's own account is `me` only; other options
/// than `security` hold nothing here.
pub(super) fn read(shared: &Shared, account: &str, request: &FullRequest) -> Result<FullResponse, Refusal> {
    let options = &shared.options.zoom;
    if !options.paid {
        return Err(Refusal::UnpaidAccount);
    }
    if account != "me" {
        return Err(Refusal::NoSuchAccount(account.to_owned()));
    }
    let option = request
        .uri()
        .query()
        .and_then(|query| form_value(query, "option"));
    if option.as_deref() != Some("security") {
        return Ok(response::json(StatusCode::OK, &json!({})));
    }
    let enhanced = options.rules == ZoomRules::Enhanced;
    let told_run = enhanced || options.run_length.is_some();
    let security = json!({
        "password_requirement": {
            "minimum_password_length": if options.minimum_length == BASIC_MINIMUM { 0 } else { options.minimum_length },
            "have_special_character": enhanced,
            "consecutive_characters_length": if told_run { rules::run_length(options) } else { 0 },
            "weak_enhance_detection": enhanced,
        },
        "sign_again_period_for_inactivity_on_client": 0,
        "sign_again_period_for_inactivity_on_web": 0,
        "sign_in_with_two_factor_auth": "none",
    });
    let body = match options.settings_shape {
        SettingsShape::Wrapped => json!({"security": security}),
        SettingsShape::Flat => security,
    };
    Ok(response::json(StatusCode::OK, &body))
}
