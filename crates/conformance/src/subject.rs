//! What a tester gives: a service, and an oracle that knows what became of its changes.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use repass_domain::{PasswordService, UserId};

use crate::Fault;

/// Who authorizes the changes of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubjectMode {
    /// An administrator resets the passwords.
    AdminReset,
    /// Users change their own passwords, with the current ones.
    SelfService,
}

/// A service to check, which makes a fresh test environment for each check.
#[async_trait]
pub trait Subject: Send + Sync {
    /// The name of the service in the report.
    fn name(&self) -> &str;

    /// Who authorizes the password changes in the test environments. A service that takes both is two subjects.
    fn mode(&self) -> SubjectMode;

    /// Whether the service promises that one user's changes are made in the order of their calls.
    fn keeps_order(&self) -> bool {
        false
    }

    /// Creates a new test environment, untouched by what happened in earlier ones. It is called for only when the
    /// test environment before is gone.
    async fn env(&self) -> Box<dyn TestEnv>;
}

/// A test environment: one service, one user, and the provider's own view of what was changed.
///
/// Passwords in here are made up, so they are plain text.
#[async_trait]
pub trait TestEnv: Send + Sync {
    /// The service to check. It has made no call yet.
    fn service(&self) -> Arc<dyn PasswordService>;

    /// A user of the provider, whose password is changed.
    fn user(&self) -> UserId;

    /// The user's password at the start, unlike any other text in the test.
    fn current(&self) -> String;

    /// Returns a new password that the provider takes, by number from 1, each unlike any other text in the test.
    fn password(&self, n: usize) -> String;

    /// The secrets besides passwords that must never be reported: the service's own credentials.
    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }

    /// Injects a fault that strikes once, at the next request that changes the password. Never asked for
    /// [`Fault::None`]; where nothing is said, no other fault can happen either.
    ///
    /// # Errors
    /// It cannot happen here; the report tells the reason.
    async fn inject(&self, _fault: Fault) -> Result<(), Skip> {
        Err(Skip::because("this test environment has no faults"))
    }

    /// Removes the injected fault, so that none strikes from now on.
    async fn heal(&self) {}

    /// The number of requests and changes that the provider has seen until now.
    async fn counts(&self) -> OracleCounts;

    /// Whether this is the user's current password at the provider.
    async fn accepts(&self, password: &str) -> bool;

    /// The text that the service has logged and recorded until now, or as much of it as can be of interest.
    fn output(&self) -> String {
        String::new()
    }
}

/// What the provider has seen since the start of its test environment, in numbers. Whatever it does not count is
/// `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OracleCounts {
    /// How often the user's password was set.
    pub set: u64,
    /// The number of requests to set or try a password, without those that a gateway refused unread (such as by 401,
    /// 415 or 429).
    pub requests: Option<u64>,
    /// The number of connections and requests of any kind.
    pub contacts: Option<u64>,
    /// The number of requests to the origin to which [`Fault::Redirected`] and [`Fault::SeeOther`] redirect.
    pub elsewhere: Option<u64>,
    /// The number of audit records of abandoned calls.
    pub abandoned: Option<u64>,
}

/// Why a fault cannot happen in a test environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip(String);

impl Skip {
    /// Creates the reason, a few words, why a fault cannot happen in a test environment.
    pub fn because(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
