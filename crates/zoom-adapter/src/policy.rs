//! An account's password rules, from its security settings.
//!
//! `GET /accounts/me/settings?option=security` reports four of them (documented). History, expiry
//! and the cap within 24 hours are in no response.

use repass_domain::{ErrorKind, PasswordPolicy, Preset, Rule};
use repass_provider::Classification;
use repass_transport::{AttemptOutcome, Idempotency, Method, Request, Response};
use serde::Deserialize;

use crate::errors;

/// `GET /accounts/me/settings?option=security`; `me` is the token's own account.
pub(crate) fn request() -> Request {
    Request::new("zoom.policy", Method::GET, Idempotency::Idempotent)
        .segment("accounts")
        .segment("me")
        .segment("settings")
        .query("option", "security")
        .counted_as("medium")
        .reading(|response| errors::reading(response).outcome)
}

#[derive(Deserialize)]
struct Requirement {
    #[serde(default)]
    minimum_password_length: u32,
    #[serde(default)]
    have_special_character: bool,
    #[serde(default)]
    consecutive_characters_length: u32,
    #[serde(default)]
    weak_enhance_detection: bool,
}

#[derive(Deserialize)]
struct Security {
    password_requirement: Requirement,
}

/// Zoom documents the settings wrapped in `security` and flattened.
#[derive(Deserialize)]
#[serde(untagged)]
enum Settings {
    Wrapped { security: Security },
    Flat(Security),
}

/// The rules in a response, or why there are none.
pub(crate) fn read(response: &Response) -> Result<PasswordPolicy, Classification> {
    let unclear = || Classification::new(AttemptOutcome::Faulted, ErrorKind::UnexpectedAnswer);
    let classification = errors::reading(response);
    if classification.outcome != AttemptOutcome::Done {
        return Err(classification);
    }
    let settings: Settings = response.json_as().ok_or_else(unclear)?;
    let (Settings::Wrapped { security } | Settings::Flat(security)) = settings;
    // Rules that contradict each other are no response to the question which passwords may be set.
    policy(&security.password_requirement).map_err(|_| unclear())
}

fn policy(requirement: &Requirement) -> Result<PasswordPolicy, repass_domain::ImpossiblePolicy> {
    let mut policy = Preset::ZoomDefault.builder();
    // 0 stands for the basic minimum.
    if requirement.minimum_password_length > 8 {
        policy = policy.exact([Rule::MinLength(requirement.minimum_password_length)]);
    }
    if requirement.have_special_character {
        policy = policy.exact([Rule::Special]);
    }
    // "4" lets three consecutive characters pass; what else counts as a run is not published.
    if requirement.consecutive_characters_length > 1 {
        policy = policy.approximate([Rule::NoConsecutiveRun(Some(
            requirement.consecutive_characters_length - 1,
        ))]);
    }
    if requirement.weak_enhance_detection {
        policy = policy.provider_only([Rule::NotCommon]);
    }
    policy
        .provider_only([Rule::NotCurrent, Rule::NotRecent(None), Rule::ChangesPerDay])
        .build()
}

#[cfg(test)]
mod tests {
    use repass_domain::Password;
    use repass_transport::StatusCode;

    use super::*;

    fn broken(body: &'static str, password: &str) -> Vec<&'static str> {
        let policy = read(&Response::new(StatusCode::OK).with_body(body)).unwrap();
        let violations = policy.check(&Password::new(password).unwrap());
        violations
            .iter()
            .map(|violation| violation.rule().code())
            .collect()
    }

    #[test]
    fn policy_is_read_from_both_documented_shapes() {
        let wrapped = r#"{"security":{"password_requirement":{"minimum_password_length":12,
            "have_special_character":true,"consecutive_characters_length":4,"weak_enhance_detection":true}}}"#;
        let flat = r#"{"password_requirement":{"minimum_password_length":12,"have_special_character":true,
            "consecutive_characters_length":4,"weak_enhance_detection":true},"other":1}"#;
        for body in [wrapped, flat] {
            assert_eq!(
                broken(body, "Passwd12345"),
                ["min_length", "special", "no_consecutive_run"]
            );
            assert_eq!(broken(body, "abc1x@8fdh-Abc"), [""; 0]);
        }
    }

    #[test]
    fn policy_zero_length_means_the_basic_rules() {
        let body = r#"{"security":{"password_requirement":{"minimum_password_length":0,
            "have_special_character":false,"consecutive_characters_length":0,"weak_enhance_detection":false}}}"#;
        assert_eq!(broken(body, "Passw0r"), ["min_length"]);
        assert_eq!(broken(body, "Passw0rd"), [""; 0]);
    }

    #[test]
    fn policy_unreadable_response_is_reported() {
        let refusal = |status, body| {
            let response = Response::new(StatusCode::from_u16(status).unwrap()).with_body(body);
            read(&response).unwrap_err().kind
        };
        let unpaid = r#"{"code":200,"message":"Only available for paid accounts."}"#;
        assert_eq!(refusal(200, unpaid), ErrorKind::PermissionDenied);
        assert_eq!(
            refusal(
                400,
                r#"{"code":4711,"message":"Invalid access token, does not contain scopes:[x]."}"#
            ),
            ErrorKind::PermissionDenied
        );
        assert_eq!(refusal(200, "{}"), ErrorKind::UnexpectedAnswer);
        assert_eq!(
            refusal(404, r#"{"code":2001,"message":"Account does not exist: me."}"#),
            ErrorKind::Misconfigured
        );
    }
}
