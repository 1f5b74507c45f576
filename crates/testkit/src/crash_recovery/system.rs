//! The system whose users a campaign changes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A system whose users are changed, and what it says itself about them.
pub trait System: Send {
    /// How the provider is called in the configuration.
    fn provider(&self) -> &str;

    /// The lines of its section in the configuration.
    fn section(&self) -> String;

    /// Files that the section names, with their contents.
    fn secrets(&self) -> Vec<(&str, &str)> {
        Vec::new()
    }

    /// The user on row `n`, from 1.
    fn user(&self, n: u32) -> String;

    /// How many changes a run may have in flight; the default if `None`.
    fn concurrency(&self) -> Option<u32> {
        None
    }

    /// How long after its request a change is made at the latest, even if nobody waits for it; zero if at once.
    fn latest(&self) -> Duration;

    /// How many changes it has made so far, or about so many.
    fn changes(&self) -> u64;

    /// What was made, by the users.
    fn ledger(&self) -> BTreeMap<String, Made>;

    /// Whether it accepts this password of this user.
    fn accepts(&self, user: &str, password: &str) -> bool;
}

/// What was really done about one user.
#[derive(Debug, Clone, Default)]
pub struct Made {
    /// How often a password was set.
    pub times: u64,
    /// The passwords, by something that tells them apart.
    pub passwords: BTreeSet<String>,
}
