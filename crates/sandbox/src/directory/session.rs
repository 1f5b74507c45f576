//! One connection's requests, whichever server is emulated.

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::account::Accounts;
use super::faults::{DirectoryOperation, Faults};
use super::ledger::DirectoryChange;
use super::message::{
    ASSERTION, Control, Filter, LdapResult, Operation, PASSWORD_MODIFY, PasswordModify, Request, Response,
    START_TLS,
};
use super::options::{DirectoryKind, DirectoryOptions};
use super::{active_directory, slapd};
use crate::clock::Clock;
use crate::fingerprint::Fingerprinter;
use crate::ledger::Operation as LedgerOperation;

/// What every connection of one directory shares.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: DirectoryOptions,
    pub(super) fingerprinter: Fingerprinter,
    pub(super) clock: Clock,
    pub(super) faults: Faults,
    /// Connections that were accepted.
    pub(super) connections: AtomicU64,
    accounts: Mutex<Accounts>,
}

impl Shared {
    pub(super) fn new(options: DirectoryOptions) -> Self {
        let (fingerprinter, clock) = (Fingerprinter::with_random_key(), Clock::start());
        let accounts = Accounts::new(&options, &fingerprinter, clock.now());
        Self {
            accounts: Mutex::new(accounts),
            faults: Faults::default(),
            connections: AtomicU64::new(0),
            options,
            fingerprinter,
            clock,
        }
    }

    /// A handler that panics has applied all or nothing, so the state behind a poisoned lock is sound.
    pub(super) fn accounts(&self) -> MutexGuard<'_, Accounts> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Restores the initial state: accounts, ledger, no faults. The clock and the key stay.
    pub(super) fn reset(&self) {
        *self.accounts() = Accounts::new(&self.options, &self.fingerprinter, self.clock.now());
        self.faults.disarm_all();
    }

    /// What kind of operation a request is, and the login name of the account it is about.
    pub(super) fn subject(
        &self,
        session: &Session,
        request: &Request,
    ) -> Option<(DirectoryOperation, Option<String>)> {
        let (operation, dn) = match &request.operation {
            Operation::Bind { name, .. } => (DirectoryOperation::Bind, Some(name.clone())),
            Operation::Search(search) => (DirectoryOperation::Search, Some(search.base.clone())),
            Operation::Modify { dn, .. } => (DirectoryOperation::Change, Some(dn.clone())),
            Operation::Extended { oid, .. } if oid == START_TLS => (DirectoryOperation::StartTls, None),
            Operation::Extended { oid, value } if oid == PASSWORD_MODIFY => {
                let user = PasswordModify::read(value.as_deref())
                    .ok()
                    .and_then(|modify| modify.user);
                (DirectoryOperation::Change, user.or_else(|| session.bound.clone()))
            }
            _ => return None,
        };
        let login = dn.and_then(|dn| {
            let mut accounts = self.accounts();
            Some(accounts.by_dn(&dn, &self.fingerprinter)?.login.clone())
        });
        Some((operation, login))
    }

    /// Carries out a request; its responses in order.
    pub(super) fn respond(&self, session: &mut Session, request: &Request) -> Vec<Response> {
        let call = Call {
            shared: self,
            request,
            now: self.clock.now(),
            elapsed: self.clock.elapsed(),
        };
        match self.options.kind {
            DirectoryKind::Slapd => slapd::respond(&call, session),
            DirectoryKind::ActiveDirectory => active_directory::respond(&call, session),
        }
    }
}

/// The state of one connection.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// The entry that it is bound as; `None` is anonymous.
    pub(super) bound: Option<String>,
    pub(super) is_encrypted: bool,
    /// Whether only the bound user's password may be changed, as after a bind with one that must be.
    pub(super) is_restricted: bool,
}

/// One request, at one time.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) shared: &'a Shared,
    pub(super) request: &'a Request,
    pub(super) now: Timestamp,
    pub(super) elapsed: Duration,
}

impl Call<'_> {
    /// Sets a password and whatever a server sets with it.
    pub(super) fn apply(&self, accounts: &mut Accounts, dn: &str, new: &str, operation: LedgerOperation) {
        let Some((account, ledger)) = accounts.with_ledger(dn) else {
            return;
        };
        let new = self.shared.fingerprinter.of(new);
        let user = account.login.clone();
        let password = account
            .password
            .get_or_insert_with(|| crate::ledger::Password::initial(new));
        ledger.record(password, new, |seq, fingerprint| DirectoryChange {
            seq,
            user,
            at: self.now,
            operation,
            fingerprint,
        });
        account.version += 1;
        account.changed = self.now;
        account.must_change = false;
        account.grace_used = 0;
        accounts.touch(dn, self.now);
    }

    /// The filter of a critical assertion control.
    pub(super) fn assertion(&self) -> Option<Filter> {
        let value = self.request.control(ASSERTION)?.value.as_deref()?;
        Filter::read(&mut super::ber::Reader(value), 0).ok()
    }

    /// The critical control that is none of these.
    pub(super) fn unknown_critical(&self, known: &[&str]) -> Option<&Control> {
        let unknown = |control: &&Control| control.is_critical && !known.contains(&control.oid.as_str());
        self.request.controls.iter().find(unknown)
    }
}

/// Attributes of an entry, as they are sent.
pub(super) type Attributes = Vec<(String, Vec<Vec<u8>>)>;

/// An attribute with values in text.
pub(super) fn attribute<V: AsRef<str>>(
    name: &str,
    values: impl IntoIterator<Item = V>,
) -> (String, Vec<Vec<u8>>) {
    let values = values.into_iter().map(|value| value.as_ref().as_bytes().to_vec());
    (name.to_owned(), values.collect())
}

impl Filter {
    /// Whether an entry with these attributes is selected. Values are compared in lower case.
    pub(super) fn selects(&self, attributes: &Attributes) -> bool {
        let find = |name: &str| {
            attributes
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
        };
        match self {
            Self::And(parts) => parts.iter().all(|part| part.selects(attributes)),
            Self::Or(parts) => parts.iter().any(|part| part.selects(attributes)),
            Self::Not(part) => !part.selects(attributes),
            Self::Present(name) => find(name).is_some(),
            Self::Equal(name, value) => find(name)
                .is_some_and(|(_, values)| values.iter().any(|known| known.eq_ignore_ascii_case(value))),
            Self::Undefined => false,
        }
    }

    /// The values that an entry must have one of, if the filter asks for that: the way to an account without looking at
    /// all of them.
    pub(super) fn wanted(&self) -> Vec<String> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::wanted).collect(),
            Self::Equal(_, value) => vec![String::from_utf8_lossy(value).into_owned()],
            Self::Not(_) | Self::Present(_) | Self::Undefined => Vec::new(),
        }
    }
}

/// The attributes that a search asks for. `hidden` are those that are sent only when named or, with `plus`, by `+`.
pub(super) fn chosen(attributes: Attributes, wanted: &[String], hidden: &[&str], plus: bool) -> Attributes {
    let names = |text: &str| wanted.iter().any(|name| name.eq_ignore_ascii_case(text));
    let all = wanted.is_empty() || names("*");
    let is_hidden = |name: &str| hidden.iter().any(|known| known.eq_ignore_ascii_case(name));
    attributes
        .into_iter()
        .filter(|(name, _)| {
            let by_group = if is_hidden(name) { plus && names("+") } else { all };
            by_group || names(name)
        })
        .collect()
}

/// The one response of most operations.
pub(super) fn only(tag: u8, result: LdapResult) -> Vec<Response> {
    vec![Response::result(tag, result)]
}
