//! A sidecar over services of a test's own.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use http::{HeaderMap, Request, StatusCode};
use repass_domain::{
    CallContext, Capabilities, ChangeReceipt, Error, ErrorKind, InMemoryPasswordService, LayeredPolicy,
    Password, PasswordChange, PasswordPolicy, PasswordService, Resolution, Rule, UnknownOutcome, Violation,
};
use repass_sidecar::{Directory, Options, Rules, Sidecar};
use serde_json::Value;
use tokio::sync::Semaphore;

#[derive(Debug, Default)]
pub(crate) struct Services(BTreeMap<String, Arc<dyn PasswordService>>);

impl Services {
    pub(crate) fn with(mut self, service: &Arc<impl PasswordService>) -> Self {
        self.0
            .insert(service.provider().to_owned(), Arc::clone(service) as _);
        self
    }

    pub(crate) fn sidecar(self, options: Options) -> Sidecar {
        Sidecar::new(Arc::new(self), options)
    }
}

#[async_trait]
impl Directory for Services {
    fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    fn default_name(&self) -> Option<String> {
        self.0.keys().next().cloned()
    }

    fn service(&self, name: &str) -> Option<Arc<dyn PasswordService>> {
        self.0.get(name).cloned()
    }

    async fn rules(&self, name: &str, cx: &CallContext) -> Result<Arc<dyn Rules>, Error> {
        let policy = self.0[name].policy(cx).await?;
        Ok(Arc::new(Known(policy.into())))
    }
}

#[derive(Debug)]
struct Known(LayeredPolicy);

#[async_trait]
impl Rules for Known {
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

/// A provider in memory: alice, whose password is `old`, and who needs eight characters and a digit.
pub(crate) fn memory() -> Arc<InMemoryPasswordService> {
    let policy = PasswordPolicy::builder()
        .exact([Rule::MinLength(8), Rule::Digit])
        .build()
        .unwrap();
    let memory = InMemoryPasswordService::new("memory").with_user("alice", "old");
    Arc::new(memory.with_policy(policy))
}

type Make = Box<dyn Fn() -> Result<ChangeReceipt, Error> + Send + Sync>;

/// A provider that answers when it is let, and then as it is reported.
pub(crate) struct Scripted {
    make: Make,
    gate: Semaphore,
    // Questions for its rules are never answered, whatever budget they have.
    hides_policy: bool,
    pub(crate) asked: AtomicUsize,
    pub(crate) begun: AtomicUsize,
    pub(crate) ended: AtomicUsize,
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

impl Scripted {
    pub(crate) fn new(make: impl Fn() -> Result<ChangeReceipt, Error> + Send + Sync + 'static) -> Arc<Self> {
        let all = Self::held(make);
        all.gate.add_permits(Semaphore::MAX_PERMITS / 2);
        all
    }

    /// Waits until it is let.
    pub(crate) fn held(make: impl Fn() -> Result<ChangeReceipt, Error> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self::unshared(make))
    }

    /// Waits until it is let, and never tells its rules.
    pub(crate) fn silent(
        make: impl Fn() -> Result<ChangeReceipt, Error> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            hides_policy: true,
            ..Self::unshared(make)
        })
    }

    fn unshared(make: impl Fn() -> Result<ChangeReceipt, Error> + Send + Sync + 'static) -> Self {
        Self {
            make: Box::new(make),
            gate: Semaphore::new(0),
            hides_policy: false,
            asked: AtomicUsize::new(0),
            begun: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
        }
    }

    pub(crate) fn let_go(&self, calls: usize) {
        self.gate.add_permits(calls);
    }

    pub(crate) fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    pub(crate) fn ended(&self) -> usize {
        self.ended.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl PasswordService for Scripted {
    fn provider(&self) -> &'static str {
        "scripted"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE.with_reset()
    }

    async fn change_password(&self, _: &CallContext, _: &PasswordChange) -> Result<ChangeReceipt, Error> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        self.ended.fetch_add(1, Ordering::SeqCst);
        (self.make)()
    }

    async fn resolve(
        &self,
        _: &CallContext,
        _: &UnknownOutcome,
        _: &PasswordChange,
    ) -> Result<Resolution, Error> {
        (self.make)().map(|_| Resolution::InPlace)
    }

    async fn policy(&self, _: &CallContext) -> Result<PasswordPolicy, Error> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.hides_policy {
            std::future::pending::<()>().await;
        }
        Err(Error::not_applied(ErrorKind::Unsupported, "it does not tell"))
    }
}

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
    pub(crate) text: String,
}

impl Read {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub(crate) async fn send(sidecar: &Sidecar, request: Request<Body>) -> Read {
    let answer = sidecar.respond(request).await;
    let (head, body) = answer.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    Read {
        status: head.status,
        headers: head.headers,
        json: serde_json::from_slice(&bytes).unwrap_or_default(),
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

pub(crate) async fn get(sidecar: &Sidecar, path: &str) -> Read {
    send(sidecar, Request::get(path).body(Body::empty()).unwrap()).await
}

pub(crate) fn post(path: &str, body: impl Into<String>) -> Request<Body> {
    let body = body.into();
    Request::post(path)
        .header("content-type", "application/json")
        .header("content-length", body.len())
        .body(Body::from(body))
        .unwrap()
}

pub(crate) fn keyed(path: &str, key: &str, body: impl Into<String>) -> Request<Body> {
    let mut request = post(path, body);
    request
        .headers_mut()
        .insert("idempotency-key", key.parse().unwrap());
    request
}

pub(crate) const CHANGES: &str = "/v1/providers/memory/password-changes";
pub(crate) const SCRIPTED: &str = "/v1/providers/scripted/password-changes";
pub(crate) const ALICE: &str = r#"{"user":"alice","new_password":"New-Passw0rd"}"#;
