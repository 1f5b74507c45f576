//! An adapter in one file. Acme is made up: `PATCH /accounts/{id}` with `{"password": …}` and a bearer token.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use repass::{CallContext, Capabilities, ChangeReceipt, Error, ErrorKind, PasswordChange, UnknownOutcome};
use repass::{CallRedactor, PasswordPolicy, PasswordService, Resolution};
use repass_provider::{Classification, OutcomeMapper};
use repass_transport::{Idempotency, Json, Method, Request, Response, SecretBody, Transport};
use secrecy::ExposeSecret as _;

#[derive(Debug)]
pub(crate) struct Acme(pub(crate) Arc<dyn Transport>);

fn request(change: &PasswordChange) -> Request {
    #[expect(
        clippy::disallowed_methods,
        reason = "encoded once, into a body that wipes itself"
    )]
    let body = BTreeMap::from([("password", change.new_password().expose_secret())]);
    Request::new("acme.password", Method::PATCH, Idempotency::NonIdempotent)
        .segment("accounts")
        .segment(change.user().expose())
        .body(SecretBody::json(&body))
        .reading(|answer| classification(answer).outcome)
}

// What each answer means: `{"ok":true}` with 200, or a code with 422. What is not in here is unknown.
fn classification(answer: &Response) -> Classification {
    let body = answer.json().unwrap_or(&Json::Null);
    let code = body.text("code");
    let classification = match (answer.status().as_u16(), code) {
        (200, None) if body.get("ok").and_then(Json::as_bool) == Some(true) => return Classification::done(),
        (422, Some("weak")) => Classification::rejected(ErrorKind::PasswordRefused),
        (422, Some("no_account")) => Classification::rejected(ErrorKind::UserNotFound),
        (200, _) => Classification::unproven(answer),
        _ => Classification::by_status(answer),
    };
    classification.with_provider_error(code.map(str::to_owned), None)
}

#[async_trait]
impl PasswordService for Acme {
    fn provider(&self) -> &'static str {
        "acme"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE.with_reset().with_resolve_by_resending()
    }

    async fn change_password(
        &self,
        cx: &CallContext,
        change: &PasswordChange,
    ) -> Result<ChangeReceipt, Error> {
        self.capabilities().check(change)?;
        let mapper = OutcomeMapper::new("acme", "x-request-id", CallRedactor::for_change(change));
        let answer = self.0.deliver(&request(change).budget(cx.budget())).await;
        let answer = answer.map_err(|failure| mapper.change_failure(&failure))?;
        mapper.change_response(&answer, classification(&answer))
    }

    // Acme takes the password that is valid already, so that the same change once more tells.
    async fn resolve(
        &self,
        cx: &CallContext,
        _attempt: &UnknownOutcome,
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
