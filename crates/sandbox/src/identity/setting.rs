//! `GET {base}/api/Setting`: the password policy among other things, in the portal's own odd spelling.

use http::StatusCode;
use serde_json::{Value, json};

use super::rules::Policy;
use crate::message::path::form_pairs;
use crate::message::response::{self, FullRequest, FullResponse};
use crate::shared::Shared;

/// The settings whose keys are asked for; all of them when none is. Unknown keys are left out.
pub(super) fn read(shared: &Shared, request: &FullRequest) -> FullResponse {
    let pairs: Vec<_> = form_pairs(request.uri().query().unwrap_or_default()).collect();
    let value_of = |name: &str| {
        pairs
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map_or(Value::Null, |(_, value)| json!(value))
    };
    let keys: Vec<_> = pairs
        .iter()
        .filter(|(name, _)| name == "key")
        .map(|(_, key)| key.as_str())
        .collect();
    let found: Vec<Value> = settings(shared)
        .into_iter()
        .zip(1..)
        .filter(|((key, _), _)| keys.is_empty() || keys.contains(key))
        .map(|((key, value), id)| {
            json!({
                "id": id,
                "key": key,
                "value": value,
                "partitionGlobalId": value_of("partitionGlobalId"),
                "userId": value_of("userId"),
            })
        })
        .collect();
    response::json(StatusCode::OK, &found)
}

/// Every value is a string, one of them with JSON inside, in which the length is a string again.
fn settings(shared: &Shared) -> [(&'static str, String); 7] {
    let options = &shared.options.identity;
    let policy = Policy::of(options);
    let complexity = format!(
        "{{\"hasSpecialCharacter\":{},\"hasLowercase\":{},\"hasUppercase\":{},\"hasDigit\":{},\"Length\":\"{}\"}}",
        policy.special, policy.lower, policy.upper, policy.digit, policy.length
    );
    let lockout = &options.lockout;
    [
        ("Auth.Password.PasswordComplexity", complexity),
        ("Auth.Password.DefaultExpirationDays", "0".to_owned()),
        (
            "Auth.Password.PreviousUseLimit",
            options.previous_use_limit.to_string(),
        ),
        (
            "Auth.Password.ShouldChangePasswordAfterFirstLogin",
            "false".to_owned(),
        ),
        ("Auth.UserLockOut.IsEnabled", (lockout.failures > 0).to_string()),
        (
            "Auth.UserLockOut.DefaultAccountLockoutSeconds",
            lockout.duration.as_secs().to_string(),
        ),
        (
            "Auth.UserLockOut.MaxFailedAccessAttemptsBeforeLockout",
            lockout.failures.to_string(),
        ),
    ]
}
