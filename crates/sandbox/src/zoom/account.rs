//! The emulated Zoom account: its users, its tokens, and its rate limits.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::fingerprint::Fingerprinter;
use crate::fixtures::{OWNER, PEOPLE, ZOOM_ONLY, ZoomKind, number_of_zoom_id, numbered_password};
use crate::ledger::Password;
use crate::limits::{DailyCounts, SlidingWindows};
use crate::options::{Options, Provider};
use crate::shared::reveal;
use crate::tokens::Tokens;

/// One user. Users without a work email login have no password.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) kind: ZoomKind,
    pub(crate) password: Option<Password>,
    /// When the password was set during the last 24 hours, oldest first, by the sandbox's clock.
    pub(crate) changed: VecDeque<Duration>,
    /// What updates have set, by field.
    pub(crate) profile: Map<String, Value>,
}

/// Users by e-mail address in lower case; numbered ones are created on first use.
#[derive(Debug)]
pub(crate) struct Account {
    users: HashMap<String, User>,
    numbered: u32,
    pub(crate) tokens: Tokens,
    pub(crate) seconds: SlidingWindows,
    pub(crate) days: DailyCounts,
}

impl Account {
    pub(crate) fn new(options: &Options, fingerprinter: &Fingerprinter) -> Self {
        let mut account = Self {
            users: HashMap::new(),
            numbered: options.users,
            tokens: Tokens::default(),
            seconds: SlidingWindows::default(),
            days: DailyCounts::default(),
        };
        let initial = |password| Password::initial(fingerprinter.of(password));
        for person in &PEOPLE {
            account.add(person.email, ZoomKind::Member, Some(initial(person.password)));
        }
        for person in &ZOOM_ONLY {
            account.add(person.email, person.kind, person.password.map(initial));
        }
        for seeded in options
            .seeded
            .iter()
            .filter(|seeded| seeded.provider == Provider::Zoom)
        {
            let password = Some(initial(reveal(&seeded.password)));
            match account.find(&seeded.id, fingerprinter) {
                Some(user) => user.password = password,
                None => account.add(&seeded.id, ZoomKind::Member, password),
            }
        }
        account
    }

    /// The user of this e-mail address, whatever its case; `me` is the account's owner.
    pub(crate) fn find(&mut self, id: &str, fingerprinter: &Fingerprinter) -> Option<&mut User> {
        let key = if id == "me" {
            OWNER.to_owned()
        } else {
            id.to_lowercase()
        };
        if !self.users.contains_key(&key) {
            let n = number_of_zoom_id(&key).filter(|n| *n <= self.numbered)?;
            let password = Password::initial(fingerprinter.of(&numbered_password(n)));
            self.add(&key, ZoomKind::Member, Some(password));
        }
        self.users.get_mut(&key)
    }

    /// Whether another user has this personal link name.
    pub(crate) fn is_vanity_name_taken(&self, id: &str, name: &Value) -> bool {
        self.users
            .values()
            .any(|user| user.id != id && user.profile.get("vanity_name") == Some(name))
    }

    fn add(&mut self, id: &str, kind: ZoomKind, password: Option<Password>) {
        let user = User {
            id: id.to_owned(),
            kind,
            password,
            changed: VecDeque::new(),
            profile: Map::new(),
        };
        self.users.insert(id.to_lowercase(), user);
    }
}
