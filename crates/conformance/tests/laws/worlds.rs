//! Worlds whose provider is the sandbox.

use std::fmt;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use repass::{AuditEvent, AuditRecord, AuditSink, PasswordService, UserId};
use repass_conformance::{By, Fault, Seen, Skip, Subject, World};
use repass_sandbox::{Matching, OAuthClient, Options, Provider, Requests, Sandbox, numbered_password};

use crate::faults::{Strike, strike};
use crate::log;

/// Parts of every secret in these tests, and of nothing else.
pub(crate) const MARKS: [&str; 4] = ["Qx7c-", "Start-", TOKEN, CLIENT_SECRET];
pub(crate) const TOKEN: &str = "canary-token-4711";
pub(crate) const CLIENT_SECRET: &str = "canary-secret-4711";

const USERS: u32 = 600;

/// A sandbox, and what else there is around a service.
pub(crate) struct Place {
    pub(crate) sandbox: Sandbox,
    pub(crate) provider: Provider,
    pub(crate) audit: Arc<Kept>,
    elsewhere: TcpListener,
    heard_elsewhere: AtomicU64,
    // Distinguishes the passwords of different sandboxes.
    number: u32,
}

impl Place {
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
    pub(crate) fn inject(&self, fault: Fault, user: &str, nth: u32) -> Option<Strike> {
        let strike = strike(fault, self.provider, &self.elsewhere_url())?;
        if let Strike::Request(action) = &strike {
            let matching = Matching {
                provider: Some(self.provider),
                user: Some(user.to_owned()),
                nth,
                ..Matching::default()
            };
            let action = action.clone();
            self.sandbox
                .inject(repass_sandbox::Fault { matching, action })
                .unwrap();
        }
        Some(strike)
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
            // What a world before had sent may be answered in this one.
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
pub(crate) struct Kept(Mutex<Vec<AuditRecord>>);

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

impl AuditSink for Kept {
    fn write(&self, record: &AuditRecord) -> std::io::Result<()> {
        self.0.lock().unwrap().push(record.clone());
        Ok(())
    }
}

impl Kept {
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

pub(crate) type Build = Box<dyn Fn(&Place) -> Arc<dyn PasswordService> + Send + Sync>;

/// Services over one sandbox, each for a user of its own.
pub(crate) struct OverSandbox {
    pub(crate) name: &'static str,
    pub(crate) by: By,
    pub(crate) keeps_order: bool,
    pub(crate) is_audited: bool,
    nth: u32,
    pub(crate) place: Arc<Place>,
    pub(crate) build: Build,
    users: AtomicU32,
}

impl OverSandbox {
    pub(crate) fn new(name: &'static str, by: By, place: Place, build: Build) -> Self {
        Self {
            name,
            by,
            keeps_order: false,
            is_audited: false,
            nth: 1,
            place: Arc::new(place),
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
    pub(crate) fn bent(
        mut self,
        bend: impl Fn(&Place, Arc<dyn PasswordService>) -> Arc<dyn PasswordService> + Send + Sync + 'static,
    ) -> Self {
        let build = self.build;
        self.build = Box::new(move |place| bend(place, build(place)));
        self
    }
}

#[async_trait]
impl Subject for OverSandbox {
    fn name(&self) -> &str {
        self.name
    }

    fn by(&self) -> By {
        self.by
    }

    fn keeps_order(&self) -> bool {
        self.keeps_order
    }

    async fn world(&self) -> Box<dyn World> {
        self.place.sandbox.reset();
        self.place.sandbox.refuse_connections(false).await;
        let number = self.users.fetch_add(1, Ordering::Relaxed) + 1;
        assert!(number <= USERS, "there are more worlds than users");
        Box::new(OneUser {
            place: Arc::clone(&self.place),
            number,
            user: self.place.user(number),
            is_audited: self.is_audited,
            nth: self.nth,
            service: (self.build)(&self.place),
        })
    }
}

struct OneUser {
    place: Arc<Place>,
    number: u32,
    user: String,
    is_audited: bool,
    nth: u32,
    service: Arc<dyn PasswordService>,
}

#[async_trait]
impl World for OneUser {
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
        self.place.password(self.number, n)
    }

    fn secrets(&self) -> Vec<String> {
        vec![TOKEN.to_owned(), CLIENT_SECRET.to_owned()]
    }

    async fn inject(&self, fault: Fault) -> Result<(), Skip> {
        match self.place.inject(fault, &self.user, self.nth) {
            Some(Strike::Refuse) => self.place.sandbox.refuse_connections(true).await,
            Some(Strike::Close) => self.place.sandbox.close_next_connections(1),
            Some(Strike::WantCertificate) if self.place.sandbox.ca_pem().is_none() => {
                return Err(Skip::because("it is not over TLS"));
            }
            Some(Strike::WantCertificate) => self.place.sandbox.require_client_certificates(true),
            Some(Strike::Request(_)) => {}
            None => return Err(Skip::because("the sandbox has no such fault")),
        }
        Ok(())
    }

    async fn heal(&self) {
        self.place.sandbox.clear_faults();
        self.place.sandbox.require_client_certificates(false);
        self.place.sandbox.refuse_connections(false).await;
    }

    async fn seen(&self) -> Seen {
        let requests = self.place.sandbox.requests();
        Seen {
            set: self.place.sandbox.ledger().count(self.place.provider, &self.user),
            requests: Some(self.place.password_requests()),
            contacts: Some(requests.connections + requests.total),
            elsewhere: Some(self.place.elsewhere_heard()),
            abandoned: self.is_audited.then(|| self.place.audit.abandoned(&self.user)),
        }
    }

    async fn accepts(&self, password: &str) -> bool {
        let Place {
            sandbox, provider, ..
        } = &*self.place;
        sandbox.accepts(*provider, &self.user, password)
    }

    fn output(&self) -> String {
        log::kept() + &self.place.audit.shown(&self.user)
    }
}
