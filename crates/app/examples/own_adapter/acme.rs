//! An adapter in one file. Acme is made up: `PATCH /accounts/{id}` with `{"password": …}` and a bearer token.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use repass::{Attempt, CallContext, Capabilities, Changed, Error, ErrorKind, PasswordChange};
use repass::{PasswordPolicy, PasswordService, Resolution, Scrubber};
use repass_adapter_kit::{Reader, Verdict};
use repass_transport::{Answer, Json, Method, Replay, Request, SecretBody, Transport};
use secrecy::ExposeSecret as _;

#[derive(Debug)]
pub(crate) struct Acme(pub(crate) Arc<dyn Transport>);

fn request(change: &PasswordChange) -> Request {
    #[expect(
        clippy::disallowed_methods,
        reason = "encoded once, into a body that wipes itself"
    )]
    let body = BTreeMap::from([("password", change.new_password().expose_secret())]);
    Request::new("acme.password", Method::PATCH, Replay::OnlyIfUnacted)
        .segment("accounts")
        .segment(change.user().expose())
        .body(SecretBody::json(&body))
        .reading(|answer| verdict(answer).observed)
}

// What each answer means: `{"ok":true}` with 200, or a code with 422. What is not in here is unknown.
fn verdict(answer: &Answer) -> Verdict {
    let body = answer.json().unwrap_or(Json::Null);
    let code = body.text("code");
    let verdict = match (answer.status().as_u16(), code) {
        (200, None) if body.get("ok").and_then(Json::as_bool) == Some(true) => return Verdict::done(),
        (422, Some("weak")) => Verdict::refused(ErrorKind::PasswordRefused),
        (422, Some("no_account")) => Verdict::refused(ErrorKind::UserNotFound),
        (200, _) => Verdict::unproven(answer),
        _ => Verdict::by_status(answer),
    };
    verdict.quoting(code.map(str::to_owned), None)
}

#[async_trait]
impl PasswordService for Acme {
    fn provider(&self) -> &'static str {
        "acme"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE.with_reset().with_resolve_by_resending()
    }

    async fn change_password(&self, cx: &CallContext, change: &PasswordChange) -> Result<Changed, Error> {
        self.capabilities().admit(change)?;
        let reader = Reader::new("acme", "x-request-id", Scrubber::for_change(change));
        let answer = self.0.deliver(&request(change).budget(cx.budget())).await;
        let answer = answer.map_err(|failure| reader.failed(&failure))?;
        reader.conclude(&answer, verdict(&answer))
    }

    // Acme takes the password that is valid already, so that the same change once more tells.
    async fn resolve(
        &self,
        cx: &CallContext,
        _attempt: &Attempt,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        let again = self.change_password(cx, change).await;
        again.map(|_| Resolution::InPlace)
    }

    async fn policy(&self, _cx: &CallContext) -> Result<PasswordPolicy, Error> {
        let message = "this provider does not tell its rules";
        Err(Error::not_applied(ErrorKind::Unsupported, message))
    }
}
