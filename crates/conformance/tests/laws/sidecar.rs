//! A client of the sidecar as a service: what it says is what the HTTP responses say, and nothing else.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use http::{Request, StatusCode};
use repass::{
    CallContext, Capabilities, ChangeMode, ChangeReceipt, Error, ErrorKind, LayeredPolicy, Outcome, Password,
    PasswordChange, PasswordPolicy, PasswordService, Resolution, UnknownOutcome, Violation,
};
use repass_sidecar::{Directory, Options, Rules, Sidecar};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::test_envs::SandboxSubject;

/// The same by way of the sidecar's HTTP interface. What a client drops there goes on, so nothing is abandoned; and
/// the order of requests is no one's promise.
pub(crate) fn served(subject: SandboxSubject, name: &'static str) -> SandboxSubject {
    let mut subject = subject.faulty(|_, service| Arc::new(Client::new(service)));
    subject.name = name;
    subject.keeps_order = false;
    subject.is_audited = false;
    subject
}

#[derive(Debug)]
struct SingleService(Arc<dyn PasswordService>);

#[async_trait]
impl Directory for SingleService {
    fn names(&self) -> Vec<String> {
        vec![self.0.provider().to_owned()]
    }

    fn default_name(&self) -> Option<String> {
        None
    }

    fn service(&self, name: &str) -> Option<Arc<dyn PasswordService>> {
        (name == self.0.provider()).then(|| Arc::clone(&self.0))
    }

    async fn rules(&self, _: &str, cx: &CallContext) -> Result<Arc<dyn Rules>, Error> {
        Ok(Arc::new(PolicyRules(self.0.policy(cx).await?.into())))
    }
}

#[derive(Debug)]
struct PolicyRules(LayeredPolicy);

#[async_trait]
impl Rules for PolicyRules {
    fn policies(&self) -> &LayeredPolicy {
        &self.0
    }

    fn preset(&self) -> Option<&'static str> {
        None
    }

    async fn check(&self, _: &CallContext, password: &Password) -> Result<Vec<Violation>, Error> {
        Ok(self.0.check(password))
    }
}

struct Client {
    service: Arc<dyn PasswordService>,
    // The handles of unknown outcomes.
    handles: Mutex<HashMap<Uuid, Value>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

impl Client {
    fn new(service: Arc<dyn PasswordService>) -> Self {
        Self {
            service,
            handles: Mutex::default(),
        }
    }

    /// Posts it to a sidecar whose calls have this budget.
    async fn post(&self, cx: &CallContext, route: &str, body: &Value) -> (StatusCode, Duration, Value) {
        let options = Options {
            budget: cx.budget(),
            ..Options::default()
        };
        let sidecar = Sidecar::new(Arc::new(SingleService(Arc::clone(&self.service))), options);
        let body = body.to_string();
        let request = Request::post(format!("/v1/providers/{}/{route}", self.provider()))
            .header("content-type", "application/json")
            .header("content-length", body.len())
            .header("idempotency-key", Uuid::new_v4().to_string())
            .body(Body::from(body))
            .unwrap();
        let answer = sidecar.respond(request).await;
        let status = answer.status();
        let delay = answer.headers().get("retry-after");
        let delay = delay.map_or(0, |delay| delay.to_str().unwrap().parse().unwrap());
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (
            status,
            Duration::from_secs(delay),
            serde_json::from_slice(&body).unwrap(),
        )
    }

    fn error(&self, status: StatusCode, delay: Duration, problem: &Value) -> Error {
        let code = problem["code"].as_str().unwrap();
        let kind = ErrorKind::ALL.into_iter().find(|kind| kind.as_str() == code);
        let kind = kind.unwrap_or_else(|| panic!("{problem}"));
        // Every part of it, so that no secret can be in any.
        let message = problem.to_string();
        let delay = (!delay.is_zero()).then_some(delay);
        let effect: Outcome = serde_json::from_value(problem["effect"].clone()).unwrap();
        match effect {
            Outcome::Applied => panic!("an error cannot be applied: {problem}"),
            Outcome::NotApplied => {
                assert!(problem["resolution"].is_null(), "{problem}");
                Error::not_applied(kind, message).with_retry_after(delay)
            }
            Outcome::Unknown => {
                assert_eq!(status, StatusCode::CONFLICT, "{problem}");
                let attempt = UnknownOutcome::new(self.provider());
                let handle = problem["resolution"]["attempt"].clone();
                self.handles.lock().unwrap().insert(attempt.id(), handle);
                Error::unknown(kind, message, attempt).with_retry_after(delay)
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a client sends its made-up passwords")]
fn body(change: &PasswordChange) -> Value {
    let mut body = json!({
        "user": change.user().expose(),
        "new_password": change.new_password().expose_secret(),
    });
    if let ChangeMode::SelfService(current) = change.mode() {
        body["current_password"] = json!(current.expose_secret());
    }
    body
}

#[async_trait]
impl PasswordService for Client {
    fn provider(&self) -> &str {
        self.service.provider()
    }

    fn capabilities(&self) -> Capabilities {
        // A callback cannot be awaited over HTTP.
        let mut capabilities = self.service.capabilities();
        capabilities.before_send = false;
        capabilities
    }

    async fn change_password(
        &self,
        cx: &CallContext,
        change: &PasswordChange,
    ) -> Result<ChangeReceipt, Error> {
        let (status, delay, answer) = self.post(cx, "password-changes", &body(change)).await;
        if status == StatusCode::OK {
            assert_eq!(answer["effect"], "applied");
            return Ok(ChangeReceipt::new());
        }
        Err(self.error(status, delay, &answer))
    }

    async fn resolve(
        &self,
        cx: &CallContext,
        attempt: &UnknownOutcome,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        let mut body = body(change);
        let handle = self.handles.lock().unwrap().get(&attempt.id()).cloned();
        body["attempt"] = handle.unwrap_or_default();
        let (status, delay, answer) = self.post(cx, "resolutions", &body).await;
        if status == StatusCode::OK {
            return Ok(serde_json::from_value(answer["resolution"].clone()).unwrap());
        }
        Err(self.error(status, delay, &answer))
    }

    async fn policy(&self, cx: &CallContext) -> Result<PasswordPolicy, Error> {
        self.service.policy(cx).await
    }
}
