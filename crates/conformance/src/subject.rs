//! What a tester gives: a service, and an oracle that knows what became of its changes.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use repass_domain::{PasswordService, UserId};

use crate::Fault;

/// By whose right the passwords of a subject are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubjectMode {
    /// The administrator resets them.
    AdminReset,
    /// Their owners replace them.
    SelfService,
}

/// A service that is to be judged, in as many test environments as it takes.
#[async_trait]
pub trait Subject: Send + Sync {
    /// What the report calls it.
    fn name(&self) -> &str;

    /// By whose right passwords are changed in its test environments. A service that takes both is two subjects.
    fn mode(&self) -> SubjectMode;

    /// Whether it promises that one user's changes are made in the order of their calls.
    fn keeps_order(&self) -> bool {
        false
    }

    /// A new test environment, untouched by what happened in earlier ones. It is called for only when the test environment before
    /// is gone.
    async fn env(&self) -> Box<dyn TestEnv>;
}

/// One service, one user, and the oracle: the provider's own view, never the service's opinion.
///
/// Passwords in here are made up, so they are plain text.
#[async_trait]
pub trait TestEnv: Send + Sync {
    /// The service. It has made no call yet.
    fn service(&self) -> Arc<dyn PasswordService>;

    /// A user whom the provider knows.
    fn user(&self) -> UserId;

    /// The user's password at the start, unlike any other text there is.
    fn current(&self) -> String;

    /// New passwords that the provider takes, numbered from 1, each unlike any other text there is.
    fn password(&self, n: usize) -> String;

    /// What else must never be reported: the service's own credentials.
    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }

    /// Makes this happen, once, to the next request that changes the password. Never asked for
    /// [`Fault::None`]; where nothing is said, no other fault can happen either.
    ///
    /// # Errors
    /// It cannot happen here; the report tells the reason.
    async fn inject(&self, _fault: Fault) -> Result<(), Skip> {
        Err(Skip::because("this test environment has no faults"))
    }

    /// No fault strikes from now on.
    async fn heal(&self) {}

    /// What has happened until now.
    async fn counts(&self) -> OracleCounts;

    /// Whether this is the user's password now.
    async fn accepts(&self, password: &str) -> bool;

    /// What the service has logged and recorded until now, or as much of it as can be of interest.
    fn output(&self) -> String {
        String::new()
    }
}

/// What the oracle has seen since the start of its test environment. Whatever it does not count is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OracleCounts {
    /// How often the user's password was set.
    pub set: u64,
    /// Requests to set or try a password, those aside that a gateway refused unread (such as by 401, 415 or
    /// 429).
    pub requests: Option<u64>,
    /// Whatever has come at all: connections and requests of any kind.
    pub contacts: Option<u64>,
    /// Whatever has come to the origin that [`Fault::Redirected`] and [`Fault::SeeOther`] name.
    pub elsewhere: Option<u64>,
    /// Records of abandoned calls.
    pub abandoned: Option<u64>,
}

/// Why a fault cannot happen in a test environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip(String);

impl Skip {
    /// For this reason: a few words.
    pub fn because(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
