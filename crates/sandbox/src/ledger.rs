//! The applied changes.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fingerprint::Fingerprint;
use crate::options::Provider;
use crate::word_enum::word_enum;

word_enum! {
    /// Who set a password: its owner or an administrator.
    Operation {
        /// Set by its owner, who gave the current password.
        Change = "change",
        /// Set by an administrator, without the current password.
        Reset = "reset",
    }
}

/// A ledger entry: one password that was set at an emulated provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The position in the ledger, counted from 1 across both providers.
    pub seq: u64,
    /// The provider at which the password was set.
    pub provider: Provider,
    /// The user whose password was set: the e-mail address at Zoom, the GUID (or free id) at the identity portal, in
    /// the spelling of the sandbox's own directory.
    pub user: String,
    /// When the password was set, by the sandbox's clock.
    pub at: Timestamp,
    /// Who set the password: its owner or an administrator.
    pub operation: Operation,
    /// A keyed fingerprint of the new password, as [`Sandbox::fingerprint`](crate::Sandbox::fingerprint) gives it.
    pub fingerprint: String,
    /// The tracking id of the response, where the provider sends one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_id: Option<String>,
}

/// The number of times that one user's password was really set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// The provider at which the passwords were set.
    pub provider: Provider,
    /// The user whose password was set.
    pub user: String,
    /// The number of times that the password was set.
    pub count: u64,
}

/// The changes that a sandbox has really applied so far, to compare reported outcomes with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Every change, oldest first.
    pub changes: Vec<Change>,
    /// The number of changes per user; users without a change are absent.
    pub totals: Vec<Total>,
}

impl Ledger {
    /// Returns how often this user's password was really set.
    pub fn count(&self, provider: Provider, user: &str) -> u64 {
        self.totals
            .iter()
            .find(|total| total.provider == provider && total.user == user)
            .map_or(0, |total| total.count)
    }
}

/// How many earlier passwords are remembered: the providers look back at 12 at most.
const REMEMBERED: usize = 24;

/// A user's password, and the ones before it. Only [`LedgerWriter::record`] can set another.
#[derive(Debug)]
pub(crate) struct Password {
    current: Fingerprint,
    /// Latest first.
    earlier: VecDeque<Fingerprint>,
}

impl Password {
    pub(crate) fn initial(password: Fingerprint) -> Self {
        Self {
            current: password,
            earlier: VecDeque::new(),
        }
    }

    pub(crate) fn is(&self, password: Fingerprint) -> bool {
        self.current == password
    }

    /// Whether this is one of the last `n` passwords, the current one included.
    pub(crate) fn is_among_last(&self, n: usize, password: Fingerprint) -> bool {
        let all = std::iter::once(&self.current).chain(&self.earlier);
        all.take(n).any(|known| *known == password)
    }

    /// Whether this is the password before the current one.
    pub(crate) fn was_last(&self, password: Fingerprint) -> bool {
        self.earlier.front() == Some(&password)
    }

    fn set(&mut self, password: Fingerprint) {
        self.earlier
            .push_front(std::mem::replace(&mut self.current, password));
        self.earlier.truncate(REMEMBERED);
    }
}

/// What an entry says besides the password.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) provider: Provider,
    pub(crate) user: &'a str,
    pub(crate) at: Timestamp,
    pub(crate) operation: Operation,
    pub(crate) tracking_id: Option<&'a str>,
}

/// A ledger as it grows.
#[derive(Debug)]
pub(crate) struct LedgerWriter<C = Change> {
    changes: Vec<C>,
}

impl<C> Default for LedgerWriter<C> {
    fn default() -> Self {
        Self { changes: Vec::new() }
    }
}

impl<C> LedgerWriter<C> {
    /// Sets a password and appends its entry, which gets its position and the password's fingerprint.
    pub(crate) fn record(
        &mut self,
        password: &mut Password,
        new: Fingerprint,
        entry: impl FnOnce(u64, String) -> C,
    ) {
        password.set(new);
        let seq = self.changes.len() as u64 + 1;
        self.changes.push(entry(seq, new.to_string()));
    }

    pub(crate) fn len(&self) -> usize {
        self.changes.len()
    }

    pub(crate) fn changes(&self) -> &[C] {
        &self.changes
    }
}

impl LedgerWriter {
    /// Sets a password and appends its entry.
    pub(crate) fn apply(&mut self, password: &mut Password, new: Fingerprint, entry: &Entry<'_>) {
        self.record(password, new, |seq, fingerprint| Change {
            seq,
            provider: entry.provider,
            user: entry.user.to_owned(),
            at: entry.at,
            operation: entry.operation,
            fingerprint,
            tracking_id: entry.tracking_id.map(str::to_owned),
        });
    }

    pub(crate) fn snapshot(&self) -> Ledger {
        let mut counts: BTreeMap<(Provider, &str), u64> = BTreeMap::new();
        for change in &self.changes {
            *counts.entry((change.provider, &change.user)).or_default() += 1;
        }
        let totals = counts
            .into_iter()
            .map(|((provider, user), count)| Total {
                provider,
                user: user.to_owned(),
                count,
            })
            .collect();
        Ledger {
            changes: self.changes.clone(),
            totals,
        }
    }
}
