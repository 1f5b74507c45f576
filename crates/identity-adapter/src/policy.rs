//! The portal's password rules, from its settings.
//!
//! `GET /api/Setting` gives texts, one of which holds JSON in turn (documented); the portal's
//! numbers come as numbers and as texts.

use repass_domain::{Counting, ImpossiblePolicy, PasswordPolicy, Rule};
use repass_provider::Classification;
use repass_transport::{AttemptOutcome, Idempotency, Json, Method, Request, Response};

use crate::errors;

const COMPLEXITY: &str = "Auth.Password.PasswordComplexity";
const HISTORY: &str = "Auth.Password.PreviousUseLimit";

/// `GET /api/Setting`, for one organization or for the host's own defaults.
pub(crate) fn request(organization: Option<&str>) -> Request {
    let request = Request::new("identity.policy", Method::GET, Idempotency::Idempotent)
        .segment("api")
        .segment("Setting")
        .query("key", COMPLEXITY)
        .query("key", HISTORY)
        .counted_as("get")
        .reading(|response| errors::read(response).outcome);
    match organization {
        Some(organization) => request.query("partitionGlobalId", organization),
        None => request,
    }
}

/// The rules in a response, or why there are none.
pub(crate) fn read(response: &Response) -> Result<PasswordPolicy, Classification> {
    let classification = errors::read(response);
    if classification.outcome != AttemptOutcome::Done {
        return Err(classification);
    }
    let unclear = Classification::unreadable;
    let body = response.json().ok_or_else(unclear)?;
    let value = |key: &str| {
        let mut settings = body.items().iter();
        let setting = settings.find(|setting| setting.text("key") == Some(key));
        setting.and_then(|setting| setting.get("value")).map(Json::plain)
    };
    let complexity = value(COMPLEXITY).ok_or_else(unclear)?;
    let complexity = Json::read(&complexity).ok_or_else(unclear)?;
    let history = value(HISTORY).and_then(|value| value.parse().ok());
    policy(&complexity, history).map_err(|_| unclear())
}

fn policy(complexity: &Json, history: Option<u32>) -> Result<PasswordPolicy, ImpossiblePolicy> {
    let asks_for = |name| {
        complexity
            .get(name)
            .is_some_and(|value| value.plain().eq_ignore_ascii_case("true"))
    };
    let length = complexity
        .get("Length")
        .and_then(|value| value.plain().parse().ok());
    let length = length.unwrap_or(8);
    let mut rules = Vec::from_iter((length > 0).then_some(Rule::MinLength(length)));
    for (name, rule) in [
        ("hasSpecialCharacter", Rule::Special),
        ("hasLowercase", Rule::Lowercase),
        ("hasUppercase", Rule::Uppercase),
        ("hasDigit", Rule::Digit),
    ] {
        if asks_for(name) {
            rules.push(rule);
        }
    }
    let policy = PasswordPolicy::builder().counting(Counting::AspNet).exact(rules);
    match history {
        // The guides contradict each other about 0: none refused, or no reuse ever.
        Some(0) | None => policy.provider_only([Rule::NotRecent(None)]),
        Some(last) => policy.provider_only([Rule::NotRecent(Some(last))]),
    }
    .build()
}

#[cfg(test)]
mod tests {
    use repass_domain::{ErrorKind, Password};
    use repass_transport::StatusCode;

    use super::*;

    #[test]
    fn policy_is_read_with_odd_casing_and_numbers_as_text() {
        let body = r#"[{"id":1,"key":"Auth.Password.PasswordComplexity","value":
            "{\"hasSpecialCharacter\":true,\"HasLowercase\":true,\"hasUppercase\":false,\"hasDigit\":\"True\",\"Length\":\"10\"}"},
            {"Key":"Auth.Password.PreviousUseLimit","Value":"5"}]"#;
        let policy = read(&Response::new(StatusCode::OK).with_body(body)).unwrap();
        let codes = |password| -> Vec<_> {
            let violations = policy.check(&Password::new(password).unwrap());
            violations
                .iter()
                .map(|violation| violation.rule().code())
                .collect()
        };
        assert_eq!(codes("SHORT"), ["min_length", "digit", "lowercase", "special"]);
        assert_eq!(codes("long-enough-1"), [""; 0]);
        assert!(policy.rules().any(|(rule, _)| *rule == Rule::NotRecent(Some(5))));
    }

    #[test]
    fn policy_zero_minimum_length_is_ignored() {
        let body = r#"[{"key":"Auth.Password.PasswordComplexity","value":"{\"Length\":\"00\"}"}]"#;
        let policy = read(&Response::new(StatusCode::OK).with_body(body)).unwrap();
        assert!(policy.rules().all(|(rule, _)| rule.limit() != Some(0)));
    }

    #[test]
    fn policy_unreadable_response_is_reported() {
        let kind = |status, body| {
            let response = Response::new(StatusCode::from_u16(status).unwrap()).with_body(body);
            read(&response).unwrap_err().kind
        };
        assert_eq!(kind(200, "<!DOCTYPE html>"), ErrorKind::UnexpectedAnswer);
        assert_eq!(kind(404, "<!DOCTYPE html>"), ErrorKind::Misconfigured);
        assert_eq!(kind(200, "[]"), ErrorKind::UnexpectedAnswer);
        assert_eq!(kind(401, ""), ErrorKind::UnexpectedAnswer);
        assert_eq!(
            kind(403, r#"{"errorMessage":"Scope(s) 'x' is(are) invalid."}"#),
            ErrorKind::PermissionDenied
        );
    }
}
