//! Worlds whose provider is the sandbox.

use std::fmt;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use repass::{AuditEvent, AuditRecord, AuditSink, PasswordService, UserId};
use repass_conformance::{Fault, OracleCounts, Skip, Subject, SubjectMode, TestEnv};
use repass_sandbox::{OAuthClient, Options, Provider, RequestMatcher, Requests, Sandbox, numbered_password};

use crate::log;
use crate::sandbox_faults::{InjectedFault, injected};

/// Parts of every secret in these tests, and of nothing else.
pub(crate) const MARKS: [&str; 4] = ["Qx7c-", "Start-", TOKEN, CLIENT_SECRET];
pub(crate) const TOKEN: &str = "canary-token-4711";
pub(crate) const CLIENT_SECRET: &str = "canary-secret-4711";

const USERS: u32 = 600;

/// A sandbox, and what else there is around a service.
pub(crate) struct Fixture {
    pub(crate) sandbox: Sandbox,
    pub(crate) provider: Provider,
    pub(crate) audit: Arc<AuditRecords>,
    elsewhere: TcpListener,
    heard_elsewhere: AtomicU64,
    // Distinguishes the passwords of different sandboxes.
    number: u32,
}

impl Fixture {
    pub(crate) async fn new(provider: Provider, options: Options) -> Self {
        static PLACES: AtomicU32 = AtomicU32::new(0);
        log::listen();
        let mut options = Options {
            token: Some(TOKEN.into()),
            users: USERS,
            ..options
        };
        let client = OAuthClient {
            id: "conformance".to_owned(),
            secret: CLIENT_SECRET.into(),
        };
        options.zoom.client = client.clone();
        options.identity.client = client;
        let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
        elsewhere.set_nonblocking(true).unwrap();
        Self {
            sandbox: Sandbox::start_with(options).await.unwrap(),
            provider,
            audit: Arc::default(),
            elsewhere,
            heard_elsewhere: AtomicU64::new(0),
            number: PLACES.fetch_add(1, Ordering::Relaxed),
        }
    }

    pub(crate) fn user(&self, n: u32) -> String {
        match self.provider {
            Provider::Zoom => format!("user{n:06}@example.com"),
            Provider::Identity => format!("00000000-0000-4000-8000-{n:012}"),
        }
    }

    /// Password `n` of the user of that number. It meets the rules of both providers.
    pub(crate) fn password(&self, user: u32, n: usize) -> String {
        format!("Qx7c-{:02}-{user:03}-{n}-zR", self.number)
    }

    /// Another origin.
    pub(crate) fn elsewhere(&self) -> SocketAddr {
        self.elsewhere.local_addr().unwrap()
    }

    fn elsewhere_url(&self) -> String {
        let scheme = if self.sandbox.ca_pem().is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}/", self.elsewhere())
    }

    /// Arms a fault for the `nth` request about this user.
    pub(crate) fn inject(&self, fault: Fault, user: &str, nth: u32) -> Option<InjectedFault> {
        let injected = injected(fault, self.provider, &self.elsewhere_url())?;
        if let InjectedFault::Request(action) = &injected {
            let matching = RequestMatcher {
                provider: Some(self.provider),
                user: Some(user.to_owned()),
                nth,
                ..RequestMatcher::default()
            };
            let action = action.clone();
            self.sandbox
                .inject(repass_sandbox::Fault { matching, action })
                .unwrap();
        }
        Some(injected)
    }

    /// Requests that set or try a password, those aside that were refused unread.
    pub(crate) fn password_requests(&self) -> u64 {
        let Requests { routes, .. } = self.sandbox.requests();
        let is_one = |method: &str, route: &str| route.ends_with("password") || method == "PUT";
        let ours = routes
            .iter()
            .filter(|it| it.provider == self.provider && is_one(&it.method, &it.route));
        ours.map(|it| {
            let refused = [401, 415, 429]
                .iter()
                .filter_map(|status| it.statuses.get(status));
            // What a test environment before had sent may be answered in this one.
            it.received.saturating_sub(refused.sum::<u64>())
        })
        .sum()
    }

    fn elsewhere_heard(&self) -> u64 {
        loop {
            match self.elsewhere.accept() {
                Ok(_) => self.heard_elsewhere.fetch_add(1, Ordering::Relaxed),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            };
        }
        self.heard_elsewhere.load(Ordering::Relaxed)
    }
}

/// Audit records, in memory.
#[derive(Default)]
pub(crate) struct AuditRecords(Mutex<Vec<AuditRecord>>);

impl fmt::Debug for AuditRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditRecords")
    }
}

impl AuditSink for AuditRecords {
    fn write(&self, record: &AuditRecord) -> std::io::Result<()> {
        self.0.lock().unwrap().push(record.clone());
        Ok(())
    }
}

impl AuditRecords {
    /// How many calls for this user were abandoned.
    pub(crate) fn abandoned(&self, user: &str) -> u64 {
        let records = self.0.lock().unwrap();
        let abandoned = records
            .iter()
            .filter(|record| record.event == AuditEvent::Abandoned && record.user == user);
        abandoned.count() as u64
    }

    fn shown(&self, user: &str) -> String {
        let records = self.0.lock().unwrap();
        let ours: Vec<_> = records.iter().filter(|record| record.user == user).collect();
        format!("{ours:?}")
    }
}

pub(crate) type Build = Box<dyn Fn(&Fixture) -> Arc<dyn PasswordService> + Send + Sync>;

/// Services over one sandbox, each for a user of its own.
pub(crate) struct SandboxSubject {
    pub(crate) name: &'static str,
    pub(crate) mode: SubjectMode,
    pub(crate) keeps_order: bool,
    pub(crate) is_audited: bool,
    nth: u32,
    pub(crate) fixture: Arc<Fixture>,
    pub(crate) build: Build,
    users: AtomicU32,
}

impl SandboxSubject {
    pub(crate) fn new(name: &'static str, mode: SubjectMode, fixture: Fixture, build: Build) -> Self {
        Self {
            name,
            mode,
            keeps_order: false,
            is_audited: false,
            nth: 1,
            fixture: Arc::new(fixture),
            build,
            users: AtomicU32::new(0),
        }
    }

    pub(crate) fn in_order(mut self) -> Self {
        self.keeps_order = true;
        self
    }

    pub(crate) fn audited(mut self) -> Self {
        self.is_audited = true;
        self
    }

    /// The same, where a call's first request is refused unread and its second one makes the change.
    pub(crate) fn second_request_counts(mut self) -> Self {
        self.nth = 2;
        self
    }

    /// The same with something around each service.
    pub(crate) fn faulty(
        mut self,
        bend: impl Fn(&Fixture, Arc<dyn PasswordService>) -> Arc<dyn PasswordService> + Send + Sync + 'static,
    ) -> Self {
        let build = self.build;
        self.build = Box::new(move |fixture| bend(fixture, build(fixture)));
        self
    }
}

#[async_trait]
impl Subject for SandboxSubject {
    fn name(&self) -> &str {
        self.name
    }

    fn mode(&self) -> SubjectMode {
        self.mode
    }

    fn keeps_order(&self) -> bool {
        self.keeps_order
    }

    async fn env(&self) -> Box<dyn TestEnv> {
        self.fixture.sandbox.reset();
        self.fixture.sandbox.refuse_connections(false).await;
        let number = self.users.fetch_add(1, Ordering::Relaxed) + 1;
        assert!(number <= USERS, "more test environments than users");
        Box::new(OneUser {
            fixture: Arc::clone(&self.fixture),
            number,
            user: self.fixture.user(number),
            is_audited: self.is_audited,
            nth: self.nth,
            service: (self.build)(&self.fixture),
        })
    }
}

struct OneUser {
    fixture: Arc<Fixture>,
    number: u32,
    user: String,
    is_audited: bool,
    nth: u32,
    service: Arc<dyn PasswordService>,
}

#[async_trait]
impl TestEnv for OneUser {
    fn service(&self) -> Arc<dyn PasswordService> {
        Arc::clone(&self.service)
    }

    fn user(&self) -> UserId {
        self.user.parse().unwrap()
    }

    fn current(&self) -> String {
        numbered_password(self.number)
    }

    fn password(&self, n: usize) -> String {
        self.fixture.password(self.number, n)
    }

    fn secrets(&self) -> Vec<String> {
        vec![TOKEN.to_owned(), CLIENT_SECRET.to_owned()]
    }

    async fn inject(&self, fault: Fault) -> Result<(), Skip> {
        match self.fixture.inject(fault, &self.user, self.nth) {
            Some(InjectedFault::Refuse) => self.fixture.sandbox.refuse_connections(true).await,
            Some(InjectedFault::Close) => self.fixture.sandbox.close_next_connections(1),
            Some(InjectedFault::WantCertificate) if self.fixture.sandbox.ca_pem().is_none() => {
                return Err(Skip::because("it is not over TLS"));
            }
            Some(InjectedFault::WantCertificate) => self.fixture.sandbox.require_client_certificates(true),
            Some(InjectedFault::Request(_)) => {}
            None => return Err(Skip::because("the sandbox has no such fault")),
        }
        Ok(())
    }

    async fn heal(&self) {
        self.fixture.sandbox.clear_faults();
        self.fixture.sandbox.require_client_certificates(false);
        self.fixture.sandbox.refuse_connections(false).await;
    }

    async fn counts(&self) -> OracleCounts {
        let requests = self.fixture.sandbox.requests();
        OracleCounts {
            set: self
                .fixture
                .sandbox
                .ledger()
                .count(self.fixture.provider, &self.user),
            requests: Some(self.fixture.password_requests()),
            contacts: Some(requests.connections + requests.total),
            elsewhere: Some(self.fixture.elsewhere_heard()),
            abandoned: self.is_audited.then(|| self.fixture.audit.abandoned(&self.user)),
        }
    }

    async fn accepts(&self, password: &str) -> bool {
        let Fixture {
            sandbox, provider, ..
        } = &*self.fixture;
        sandbox.accepts(*provider, &self.user, password)
    }

    fn output(&self) -> String {
        log::kept() + &self.fixture.audit.shown(&self.user)
    }
}
