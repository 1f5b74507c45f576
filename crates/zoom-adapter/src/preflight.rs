//! What Zoom tells of a user before a password is set: `GET /v2/users/{userId}`.

use async_trait::async_trait;
use repass_adapter_kit::{Reader, Verdict};
use repass_domain::{CallContext, Error, ErrorKind, PreflightService, ProfileUpdate, Scrubber, UserId};
use repass_transport::{Answer, Method, Observed, Replay, Request};
use serde::Deserialize;

use crate::ZoomService;
use crate::service::TRACKING_HEADER;
use crate::verdict;

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
    Request::new("zoom.preflight", Method::GET, Replay::Convergent)
        .segment("users")
        .segment(user.expose())
        .counted_as("light")
        .reading(|answer| verdict::reading(answer).observed)
}

fn read(answer: &Answer) -> Result<(), Verdict> {
    let verdict = verdict::reading(answer);
    if verdict.observed != Observed::Done {
        return Err(verdict);
    }
    let unclear = || Verdict::new(Observed::Faulted, ErrorKind::UnexpectedAnswer);
    let user: User = answer.json_as().ok_or_else(unclear)?;
    if user.status.as_deref() == Some("pending") {
        return Err(Verdict::refused(ErrorKind::NotEligible).advise(verdict::PENDING));
    }
    let not_eligible = |advice| Err(Verdict::refused(ErrorKind::NotEligible).advise(advice));
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
        let reader = Reader::new(self.name(), TRACKING_HEADER, Scrubber::for_profile(&nothing));
        let answer = self.deliver(&request(user).budget(cx.budget())).await;
        let answer = answer.map_err(|failure| reader.unread(&failure))?;
        read(&answer).map_err(|verdict| reader.refused(&answer, verdict))
    }
}

#[cfg(test)]
mod tests {
    use repass_transport::StatusCode;

    use super::*;

    #[test]
    fn members_with_a_work_email_login_are_eligible() {
        let kind = |status, body| {
            let answer = Answer::new(status).with_body(body);
            read(&answer).err().map(|verdict| verdict.kind)
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
