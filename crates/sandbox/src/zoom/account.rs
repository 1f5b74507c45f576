//! The users of the emulated Zoom account.

use std::collections::HashMap;

use crate::fingerprint::Fingerprinter;
use crate::ledger::Current;
use crate::options::{Options, Provider};
use crate::people::{ADMIN, ADMIN_PASSWORD, PEOPLE, SSO, number_of_zoom_id, numbered_password};
use crate::shared::reveal;

/// One user. Who signs in by single sign-on only has no password.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) admin: bool,
    pub(crate) password: Option<Current>,
}

/// Everyone, by e-mail address in lower case. Numbered users come into being when first asked for.
#[derive(Debug)]
pub(crate) struct Account {
    users: HashMap<String, User>,
    numbered: u32,
}

impl Account {
    pub(crate) fn new(options: &Options, fingerprinter: &Fingerprinter) -> Self {
        let mut account = Self {
            users: HashMap::new(),
            numbered: options.users,
        };
        let current = |password| Some(Current::initial(fingerprinter.of(password)));
        for person in &PEOPLE {
            account.add(person.email, false, current(person.password));
        }
        account.add(ADMIN, true, current(ADMIN_PASSWORD));
        account.add(SSO, false, None);
        for seeded in options
            .seeded
            .iter()
            .filter(|seeded| seeded.provider == Provider::Zoom)
        {
            let admin = account
                .find(&seeded.id, fingerprinter)
                .is_some_and(|user| user.admin);
            account.add(&seeded.id, admin, current(reveal(&seeded.password)));
        }
        account
    }

    /// The user of this e-mail address, whatever its case; `me` is the account's owner.
    pub(crate) fn find(&mut self, id: &str, fingerprinter: &Fingerprinter) -> Option<&mut User> {
        let key = if id == "me" {
            ADMIN.to_owned()
        } else {
            id.to_lowercase()
        };
        if !self.users.contains_key(&key) {
            let n = number_of_zoom_id(&key).filter(|n| *n <= self.numbered)?;
            self.add(
                &key,
                false,
                Some(Current::initial(fingerprinter.of(&numbered_password(n)))),
            );
        }
        self.users.get_mut(&key)
    }

    fn add(&mut self, id: &str, admin: bool, password: Option<Current>) {
        self.users.insert(
            id.to_lowercase(),
            User {
                id: id.to_owned(),
                admin,
                password,
            },
        );
    }
}
