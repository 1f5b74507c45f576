//! What Zoom reports of a user before a password is set: `GET /v2/users/{userId}`.

use async_trait::async_trait;
use repass_domain::{CallContext, CallRedactor, Error, ErrorKind, PreflightService, ProfileUpdate, UserId};
use repass_provider::{Classification, OutcomeMapper};
use repass_transport::{AttemptOutcome, Idempotency, Method, Request, Response};
use serde::Deserialize;

use crate::ZoomService;
use crate::errors;
use crate::service::TRACKING_HEADER;

// The login types (documented): 100 is the work e-mail address, with a password at Zoom.
const WORK_EMAIL: u32 = 100;

#[derive(Deserialize)]
struct User {
    // "0" is the owner, "1" an administrator (documented).
    role_id: Option<String>,
    login_types: Option<Vec<u32>>,
    // `active`, `inactive` or `pending` (documented).
    status: Option<String>,
}

fn request(user: &UserId) -> Request {
    Request::new("zoom.preflight", Method::GET, Idempotency::Idempotent)
        .segment("users")
        .segment(user.expose())
        .counted_as("light")
        .reading(|response| errors::reading(response).outcome)
}

fn read(response: &Response) -> Result<(), Classification> {
    let classification = errors::reading(response);
    if classification.outcome != AttemptOutcome::Done {
        return Err(classification);
    }
    let unclear = || Classification::new(AttemptOutcome::Faulted, ErrorKind::UnexpectedAnswer);
    let user: User = response.json_as().ok_or_else(unclear)?;
    if user.status.as_deref() == Some("pending") {
        return Err(Classification::rejected(ErrorKind::NotEligible).with_hint(errors::PENDING));
    }
    let not_eligible = |hint| Err(Classification::rejected(ErrorKind::NotEligible).with_hint(hint));
    if matches!(user.role_id.as_deref(), Some("0" | "1")) {
        return not_eligible("Zoom does not let anyone set an administrator's password here");
    }
    match user.login_types {
        Some(types) if !types.contains(&WORK_EMAIL) => not_eligible(
            "this user has no Zoom password (single sign-on, Google, Facebook); change it where it lives",
        ),
        _ => Ok(()),
    }
}

#[async_trait]
impl PreflightService for ZoomService {
    fn provider(&self) -> &str {
        self.name()
    }

    async fn preflight(&self, cx: &CallContext, user: &UserId) -> Result<(), Error> {
        let nothing = ProfileUpdate::new(user.clone());
        let mapper = OutcomeMapper::new(self.name(), TRACKING_HEADER, CallRedactor::for_profile(&nothing));
        let response = self.deliver(&request(user).budget(cx.budget())).await;
        let response = response.map_err(|failure| mapper.read_failure(&failure))?;
        read(&response).map_err(|classification| mapper.read_response(&response, classification))
    }
}

#[cfg(test)]
mod tests {
    use repass_transport::StatusCode;

    use super::*;

    #[test]
    fn preflight_accepts_members_with_a_work_email_login() {
        let kind = |status, body| {
            let response = Response::new(status).with_body(body);
            read(&response).err().map(|classification| classification.kind)
        };
        let ok = StatusCode::OK;
        assert_eq!(kind(ok, r#"{"role_id":"2","login_types":[100,101]}"#), None);
        assert_eq!(kind(ok, r#"{"id":"x"}"#), None);
        let not = Some(ErrorKind::NotEligible);
        assert_eq!(kind(ok, r#"{"role_id":"1","login_types":[100]}"#), not);
        assert_eq!(kind(ok, r#"{"role_id":"2","login_types":[101]}"#), not);
        assert_eq!(
            kind(ok, r#"{"role_id":"2","login_types":[100],"status":"pending"}"#),
            not
        );
        assert_eq!(kind(ok, "[]"), Some(ErrorKind::UnexpectedAnswer));
        let gone = r#"{"code":1001,"message":"User does not exist"}"#;
        assert_eq!(kind(StatusCode::NOT_FOUND, gone), Some(ErrorKind::UserNotFound));
    }
}
