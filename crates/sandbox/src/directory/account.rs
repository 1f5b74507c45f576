//! The accounts of a directory.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::ledger::DirectoryChange;
use super::options::{DirectoryKind, DirectoryOptions};
use super::policy::{DEFAULT, DOMAIN, FINE_GRAINED, Policy, SLAPD};
use crate::fingerprint::Fingerprinter;
use crate::fixtures::{PEOPLE, number_of_zoom_id, numbered_password, numbered_zoom_id};
use crate::ledger::{LedgerWriter, Password};
use crate::shared::reveal;

pub(super) const BASE: &str = "dc=example,dc=org";

/// The password of every account that exists for one special case.
pub(super) const SPECIAL_PASSWORD: &str = "Special-Start-7";
/// The password of the accounts that act on others.
pub(super) const SERVICE_PASSWORD: &str = "Service-Start-7";

/// What an account may do to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    User,
    /// May reset passwords; every rule applies.
    Service,
    /// May reset passwords past every rule, as slapd's `manage` does.
    Bypass,
}

/// One account.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent states of an account")]
pub(super) struct Account {
    pub(super) dn: String,
    pub(super) login: String,
    pub(super) role: Role,
    pub(super) password: Option<Password>,
    pub(super) policy: Policy,
    /// Password writes, as `msDS-KeyVersionNumber` counts them.
    pub(super) version: u32,
    /// When the password was last set.
    pub(super) changed: Timestamp,
    /// The last write of any kind, in microseconds; increases with every write in the directory.
    pub(super) stamp: i64,
    /// Wrong passwords in a row.
    pub(super) failures: u32,
    /// Until when it is locked, by the directory's clock.
    pub(super) locked_until: Option<Duration>,
    pub(super) must_change: bool,
    pub(super) is_disabled: bool,
    pub(super) is_expired: bool,
    /// Whether its owner may change the password.
    pub(super) may_change: bool,
    /// Whether delegated rights do not reach it, as Active Directory protects administrators.
    pub(super) is_protected: bool,
    pub(super) grace_used: u32,
    /// Attributes that a client has written, by name in lower case.
    pub(super) written: BTreeMap<String, String>,
}

impl Account {
    /// Whether it is locked at this time.
    pub(super) fn is_locked(&self, elapsed: Duration) -> bool {
        self.locked_until.is_some_and(|until| elapsed < until)
    }

    /// Counts a wrong password.
    pub(super) fn fail(&mut self, elapsed: Duration) {
        self.failures += 1;
        if self.policy.max_failures > 0 && self.failures >= self.policy.max_failures {
            self.locked_until = Some(elapsed + Duration::from_secs(self.policy.lockout));
        }
    }

    /// Whether the password is older than the policy allows.
    pub(super) fn is_password_expired(&self, now: Timestamp) -> bool {
        self.policy.max_age > 0 && age(self.changed, now) >= self.policy.max_age
    }

    /// Whether the password is too young to be changed.
    pub(super) fn is_too_young(&self, now: Timestamp) -> bool {
        self.policy.min_age > 0 && age(self.changed, now) < self.policy.min_age
    }
}

fn age(changed: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.duration_since(changed).as_secs()).unwrap_or(0)
}

/// Every account of one directory, and what was applied to them.
#[derive(Debug)]
pub(super) struct Accounts {
    kind: DirectoryKind,
    by_dn: BTreeMap<String, Account>,
    numbered: u32,
    started: Timestamp,
    pub(super) ledger: LedgerWriter<DirectoryChange>,
    /// Binds with a wrong password.
    pub(super) failed_binds: u64,
    /// Requests to change a password, by the login name that they are about.
    pub(super) change_requests: BTreeMap<String, u64>,
    last_stamp: i64,
}

impl Accounts {
    pub(super) fn new(options: &DirectoryOptions, fingerprinter: &Fingerprinter, now: Timestamp) -> Self {
        let mut accounts = Self {
            kind: options.kind,
            by_dn: BTreeMap::new(),
            numbered: options.users,
            started: now,
            ledger: LedgerWriter::default(),
            failed_binds: 0,
            change_requests: BTreeMap::new(),
            last_stamp: 0,
        };
        let initial = |password| Some(Password::initial(fingerprinter.of(password)));
        for person in &PEOPLE {
            let login = person.email.split('@').next().unwrap_or_default();
            accounts.add(login, Role::User, initial(person.password));
        }
        accounts.add_special(&|| initial(SPECIAL_PASSWORD));
        accounts.add("service", Role::Service, initial(SERVICE_PASSWORD));
        accounts.add("powerless", Role::User, initial(SERVICE_PASSWORD));
        if options.kind == DirectoryKind::Slapd {
            accounts.add("bypass", Role::Bypass, initial(SERVICE_PASSWORD));
        }
        for (login, password) in &options.seeded {
            let password = initial(reveal(password));
            match accounts.by_login(login, fingerprinter) {
                Some(account) => account.password = password,
                None => drop(accounts.add(login, Role::User, password)),
            }
        }
        accounts
    }

    fn add_special(&mut self, password: &dyn Fn() -> Option<Password>) {
        let old = self.started - jiff::SignedDuration::from_hours(24 * 365);
        let forever = Some(Duration::MAX);
        let policies: &[Policy] = match self.kind {
            DirectoryKind::Slapd => &SLAPD,
            DirectoryKind::ActiveDirectory => &FINE_GRAINED,
        };
        for policy in policies {
            let account = self.add(policy.name, Role::User, password());
            account.policy = *policy;
            account.must_change = policy.must_change;
            if policy.max_age > 0 {
                account.changed = old;
            }
        }
        self.add("locked", Role::User, password()).locked_until = forever;
        self.add("nopassword", Role::User, None);
        if self.kind == DirectoryKind::ActiveDirectory {
            self.add("mustchange", Role::User, password()).must_change = true;
            self.add("disabled", Role::User, password()).is_disabled = true;
            self.add("accountexpired", Role::User, password()).is_expired = true;
            self.add("nochange", Role::User, password()).may_change = false;
            self.add("protected", Role::User, password()).is_protected = true;
        }
    }

    fn add(&mut self, login: &str, role: Role, password: Option<Password>) -> &mut Account {
        let dn = self.dn(login);
        let account = Account {
            login: login.to_owned(),
            role,
            version: u32::from(password.is_some()),
            password,
            policy: match self.kind {
                DirectoryKind::Slapd => DEFAULT,
                DirectoryKind::ActiveDirectory => DOMAIN,
            },
            changed: self.started,
            stamp: self.next_stamp(self.started),
            failures: 0,
            locked_until: None,
            must_change: false,
            is_disabled: false,
            is_expired: false,
            may_change: true,
            is_protected: false,
            grace_used: 0,
            written: BTreeMap::new(),
            dn: dn.clone(),
        };
        self.by_dn.entry(normalized(&dn)).or_insert(account)
    }

    /// The name of an account's entry, as this kind of server writes it.
    pub(super) fn dn(&self, login: &str) -> String {
        match self.kind {
            DirectoryKind::Slapd => format!("uid={login},ou=people,{BASE}"),
            DirectoryKind::ActiveDirectory => format!("CN={login},CN=Users,DC=example,DC=org"),
        }
    }

    /// The account with this login name, in any case.
    pub(super) fn by_login(&mut self, login: &str, fingerprinter: &Fingerprinter) -> Option<&mut Account> {
        let login = login.to_lowercase();
        let dn = normalized(&self.dn(&login));
        if !self.by_dn.contains_key(&dn) {
            let number = number_of_zoom_id(&format!("{login}@example.com"))?;
            if number > self.numbered {
                return None;
            }
            let password = Password::initial(fingerprinter.of(&numbered_password(number)));
            let name = numbered_zoom_id(number);
            self.add(name.split('@').next()?, Role::User, Some(password));
        }
        self.by_dn.get_mut(&dn)
    }

    /// The account whose entry has this name.
    pub(super) fn by_dn(&mut self, dn: &str, fingerprinter: &Fingerprinter) -> Option<&mut Account> {
        let dn = normalized(dn);
        let login = dn.split(',').next()?.split_once('=')?.1.to_owned();
        let account = self.by_login(&login, fingerprinter)?;
        (normalized(&account.dn) == dn).then_some(account)
    }

    /// Marks a write to an account.
    pub(super) fn touch(&mut self, dn: &str, now: Timestamp) {
        let stamp = self.next_stamp(now);
        if let Some(account) = self.by_dn.get_mut(&normalized(dn)) {
            account.stamp = stamp;
        }
    }

    /// An account that exists, together with the ledger.
    pub(super) fn with_ledger(
        &mut self,
        dn: &str,
    ) -> Option<(&mut Account, &mut LedgerWriter<DirectoryChange>)> {
        Some((self.by_dn.get_mut(&normalized(dn))?, &mut self.ledger))
    }

    fn next_stamp(&mut self, now: Timestamp) -> i64 {
        self.last_stamp = now.as_microsecond().max(self.last_stamp + 1);
        self.last_stamp
    }
}

/// A name in one spelling: lower case, no blanks around separators.
pub(super) fn normalized(dn: &str) -> String {
    let parts = dn.split(',').map(|part| match part.split_once('=') {
        Some((name, value)) => format!("{}={}", name.trim(), value.trim()),
        None => part.trim().to_owned(),
    });
    parts.collect::<Vec<_>>().join(",").to_lowercase()
}

/// Whether this has the form of a name.
pub(super) fn is_dn(text: &str) -> bool {
    text.split(',').all(|part| {
        part.split_once('=')
            .is_some_and(|(name, _)| !name.trim().is_empty())
    })
}
