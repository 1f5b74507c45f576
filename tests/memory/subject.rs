//! The process that is searched: it makes changes with passwords that it derives itself, drops them, and waits with its
//! connections open.

use std::env;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use repass::{
    CallContext, ChangeReceipt, Error, Outcome, Password, PasswordService, PasswordServiceExt as _, Services,
    UserId,
};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::plain_client::PlainClient;
use crate::secrets::{PasswordRole, password};

/// The variable that makes a test's process the one that is searched.
pub(crate) const VARIABLE: &str = "REPASS_MEMORY_SUBJECT";
/// What stands before a summary on standard output.
pub(crate) const READY: &str = "READY ";
pub(crate) const CONCURRENCY: u32 = 16;

/// What such a process works with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) seed: u64,
    /// The configuration of the providers, whose names are those of [`Call`].
    pub(crate) config: String,
    pub(crate) plain: PlainClient,
}

/// One way to change a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Call {
    ZoomFormData,
    ZoomJson,
    PortalChange,
    PortalReset,
    /// A reset by a table.
    Table,
    /// A reset by an LDAP server's service account.
    LdapReset,
    /// A change by a user of an LDAP server.
    LdapChange,
    /// A reset in Active Directory.
    DomainReset,
    /// A change in Active Directory.
    DomainChange,
    /// What the scanner must find something of: a usual HTTP client with a usual JSON body.
    PlainClient,
    /// And this too: the new password is kept.
    Kept,
}

/// A row of calls, in turn. Each has a number, which makes its user and its passwords.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Phase {
    pub(crate) calls: Vec<Call>,
    pub(crate) first: u32,
    pub(crate) count: u32,
    pub(crate) budget: Duration,
}

impl Phase {
    pub(crate) fn numbers(&self) -> std::ops::Range<u32> {
        self.first..self.first + self.count
    }

    pub(crate) fn call(&self, number: u32) -> Call {
        self.calls[number as usize % self.calls.len()]
    }
}

/// How many calls ended in which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) applied: u32,
    pub(crate) not_applied: u32,
    pub(crate) unknown: u32,
}

pub(crate) fn zoom_user(number: u32) -> String {
    format!("user{number:06}@example.com")
}

pub(crate) fn portal_user(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

pub(crate) fn directory_user(number: u32) -> String {
    format!("member{number:06}")
}

/// Does what standard input says, a phase a line, until it ends.
#[test]
fn searched_process() {
    let Ok(task) = env::var(VARIABLE) else {
        return;
    };
    let task: Task = serde_json::from_str(&task).unwrap();
    let services = Services::builder().toml(&task.config).build().unwrap();
    let subject = Arc::new(Subject { task, services });
    let runtime = Runtime::new().unwrap();
    for line in io::stdin().lines() {
        let phase: Phase = serde_json::from_str(&line.unwrap()).unwrap();
        let summary = runtime.block_on(Arc::clone(&subject).run(phase));
        println!("{READY}{}", serde_json::to_string(&summary).unwrap());
    }
}

struct Subject {
    task: Task,
    services: Services,
}

impl Subject {
    async fn run(self: Arc<Self>, phase: Phase) -> Summary {
        let next = Arc::new(AtomicU32::new(phase.first));
        let phase = Arc::new(phase);
        let callers: Vec<_> = (0..CONCURRENCY)
            .map(|_| {
                let (subject, phase, next) = (Arc::clone(&self), Arc::clone(&phase), Arc::clone(&next));
                tokio::spawn(async move { subject.caller(&phase, &next).await })
            })
            .collect();
        let mut sum = Summary::default();
        for caller in callers {
            let one = caller.await.unwrap();
            sum.applied += one.applied;
            sum.not_applied += one.not_applied;
            sum.unknown += one.unknown;
        }
        sum
    }

    async fn caller(&self, phase: &Phase, next: &AtomicU32) -> Summary {
        let mut summary = Summary::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if !phase.numbers().contains(&number) {
                return summary;
            }
            match self.call(phase, number).await {
                Ok(_) => summary.applied += 1,
                Err(error) if error.outcome() == Outcome::NotApplied => summary.not_applied += 1,
                Err(_) => summary.unknown += 1,
            }
        }
    }

    async fn call(&self, phase: &Phase, number: u32) -> Result<ChangeReceipt, Error> {
        let secret = |role| {
            let text = password(self.task.seed, number, role);
            Password::new(text.as_str()).unwrap()
        };
        let cx = CallContext::with_budget(phase.budget);
        let zoom: UserId = zoom_user(number).parse().unwrap();
        let portal: UserId = portal_user(number).parse().unwrap();
        let member: UserId = directory_user(number).parse().unwrap();
        let new = secret(PasswordRole::New);
        match phase.call(number) {
            Call::ZoomFormData => self.service("form-data").reset(&cx, zoom, new).await,
            Call::ZoomJson => self.service("json").reset(&cx, zoom, new).await,
            Call::Table => self.service("table").reset(&cx, zoom, new).await,
            Call::PortalReset => self.service("portal").reset(&cx, portal, new).await,
            Call::LdapReset => self.service("ldap").reset(&cx, member, new).await,
            Call::DomainReset => self.service("domain").reset(&cx, member, new).await,
            Call::LdapChange | Call::DomainChange => {
                let name = if phase.call(number) == Call::LdapChange {
                    "ldap"
                } else {
                    "domain"
                };
                let service = self.service(name);
                service.change(&cx, member, secret(PasswordRole::Old), new).await
            }
            Call::PortalChange => {
                let portal_service = self.service("portal");
                portal_service
                    .change(&cx, portal, secret(PasswordRole::Old), new)
                    .await
            }
            Call::PlainClient => {
                drop(new);
                let new = password(self.task.seed, number, PasswordRole::New);
                self.task.plain.reset(&zoom_user(number), &new).await;
                Ok(ChangeReceipt::new())
            }
            Call::Kept => {
                std::mem::forget(new);
                Ok(ChangeReceipt::new())
            }
        }
    }

    fn service(&self, name: &str) -> Arc<dyn PasswordService> {
        self.services.get(name).unwrap()
    }
}
