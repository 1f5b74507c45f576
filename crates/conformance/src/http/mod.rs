//! Anyone's adapter over real HTTP: a provider in a function, with every fault of the catalogue.

mod inject;
mod message;
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use repass_domain::{PasswordService, UserId};

use crate::{Fault, OracleCounts, Skip, Subject, SubjectMode, TestEnv};

pub use message::{ProviderRequest, ProviderResponse};

use server::Server;

/// Maps a request, and the user's current password, to the response.
type Provider = dyn Fn(&ProviderRequest, &str) -> ProviderResponse + Send + Sync;

/// Makes the adapter for a base URL.
type Build = dyn Fn(&str) -> Arc<dyn PasswordService> + Send + Sync;

/// A subject for adapters that speak HTTP, over a provider that is emulated on this machine.
///
/// The provider is a function: from a request, and the user's password at that moment, to a response, which may
/// [set](ProviderResponse::set_password) another password. It is all that has to be written; the server around it makes the faults,
/// one to the next request that is not a GET, and counts what was really done. So an adapter that fetches tokens
/// is given a fixed one here.
///
/// ```no_run
/// use repass_conformance::{ProviderRequest, SubjectMode, HttpSubject, ProviderResponse};
/// # use std::sync::Arc;
/// # fn adapter(base_url: &str) -> Arc<dyn repass_domain::PasswordService> { unreachable!("{base_url}") }
///
/// fn provider(asked: &ProviderRequest, _current: &str) -> ProviderResponse {
///     match (asked.method(), asked.path()) {
///         ("PUT", "/users/alice@example.com") => ProviderResponse::set_password(asked.text(), 200, "{\"ok\":true}"),
///         _ => ProviderResponse::new(404, "{}"),
///     }
/// }
///
/// # async fn test() {
/// let subject = HttpSubject::new("mine", SubjectMode::AdminReset, adapter, provider);
/// repass_conformance::check(&subject).await.assert();
/// # }
/// ```
pub struct HttpSubject {
    name: String,
    mode: SubjectMode,
    user: String,
    refusal: Option<(u16, String)>,
    secrets: Vec<String>,
    build: Box<Build>,
    provider: Arc<Provider>,
    envs: AtomicUsize,
}

impl HttpSubject {
    /// Creates a subject from the adapter that `build` makes for a base URL, and a function that emulates the
    /// provider. Its user is `alice@example.com`.
    pub fn new(
        name: impl Into<String>,
        mode: SubjectMode,
        build: impl Fn(&str) -> Arc<dyn PasswordService> + Send + Sync + 'static,
        provider: impl Fn(&ProviderRequest, &str) -> ProviderResponse + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            mode,
            user: "alice@example.com".to_owned(),
            refusal: None,
            secrets: Vec::new(),
            build: Box::new(build),
            provider: Arc::new(provider),
            envs: AtomicUsize::new(0),
        }
    }

    /// Sets the id of the user, for providers that take other ids than e-mail addresses.
    pub fn user(mut self, id: impl Into<String>) -> Self {
        self.user = id.into();
        self
    }

    /// Sets a refusal as the provider documents it: the status, and the body, in which `%PASSWORD%` stands for the
    /// new password. [`Fault::Echoed`] uses it, and [`Fault::RefusedWithin`] where the status is 200. A refusal
    /// proves nothing in another format or under another status.
    pub fn refusal(mut self, status: u16, body: impl Into<String>) -> Self {
        self.refusal = Some((status, body.into()));
        self
    }

    /// Adds a secret that must never be reported, such as the adapter's token.
    pub fn secret(mut self, secret: impl Into<String>) -> Self {
        self.secrets.push(secret.into());
        self
    }
}

#[async_trait]
impl Subject for HttpSubject {
    fn name(&self) -> &str {
        &self.name
    }

    fn mode(&self) -> SubjectMode {
        self.mode
    }

    /// # Panics
    /// If this machine lets no one listen, or the user is not a valid id: both are the tester's.
    async fn env(&self) -> Box<dyn TestEnv> {
        let number = self.envs.fetch_add(1, Ordering::Relaxed);
        let server = Server::start(Arc::clone(&self.provider), password(number, 0)).await;
        let server = server.unwrap_or_else(|error| panic!("cannot listen on this machine: {error}"));
        let user = self.user.parse().unwrap_or_else(|error| panic!("{error}"));
        Box::new(OneUser {
            number,
            user,
            refusal: self.refusal.clone(),
            secrets: self.secrets.clone(),
            service: (self.build)(&server.base_url()),
            server,
        })
    }
}

impl std::fmt::Debug for HttpSubject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpSubject")
            .field("name", &self.name)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

struct OneUser {
    number: usize,
    user: UserId,
    refusal: Option<(u16, String)>,
    secrets: Vec<String>,
    service: Arc<dyn PasswordService>,
    server: Server,
}

// Unlike any other text there is, and to most providers' taste.
fn password(env: usize, n: usize) -> String {
    format!("Qx7c-{env:03}-{n}-zR")
}

#[async_trait]
impl TestEnv for OneUser {
    fn service(&self) -> Arc<dyn PasswordService> {
        Arc::clone(&self.service)
    }

    fn user(&self) -> UserId {
        self.user.clone()
    }

    fn current(&self) -> String {
        self.password(0)
    }

    fn password(&self, n: usize) -> String {
        password(self.number, n)
    }

    fn secrets(&self) -> Vec<String> {
        self.secrets.clone()
    }

    async fn inject(&self, fault: Fault) -> Result<(), Skip> {
        let within_success = self.refusal.as_ref().is_some_and(|(status, _)| *status == 200);
        match fault {
            Fault::RefusedWithin if !within_success => {
                return Err(Skip::because("it does not refuse under a status of success"));
            }
            Fault::CertificateWanted => return Err(Skip::because("it is not over TLS")),
            _ => {}
        }
        self.server.arm(fault, self.refusal.clone()).await;
        Ok(())
    }

    async fn heal(&self) {
        self.server.heal();
    }

    async fn counts(&self) -> OracleCounts {
        self.server.counts()
    }

    async fn accepts(&self, password: &str) -> bool {
        self.server.accepts(password)
    }
}
