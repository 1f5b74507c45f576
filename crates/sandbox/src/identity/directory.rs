//! The users of the emulated portal.

use std::collections::HashMap;

use uuid::Uuid;

use crate::fingerprint::Fingerprinter;
use crate::ledger::Current;
use crate::options::{IdentityIds, Options, Provider};
use crate::people::{DIRECTORY, PEOPLE, Person, number_of_guid, numbered_password, numbered_zoom_id};
use crate::shared::reveal;

/// One user. Who comes from an outside directory has no local password.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) password: Option<Current>,
}

/// Everyone, by id in lower case. Numbered users come into being when first asked for.
#[derive(Debug)]
pub(crate) struct Directory {
    users: HashMap<String, User>,
    ids: IdentityIds,
    numbered: u32,
}

impl Directory {
    pub(crate) fn new(options: &Options, fingerprinter: &Fingerprinter) -> Self {
        let mut directory = Self {
            users: HashMap::new(),
            ids: options.identity.ids,
            numbered: options.users,
        };
        let current = |password| Current::initial(fingerprinter.of(password));
        for Person {
            guid,
            email,
            password,
            ..
        } in &PEOPLE
        {
            directory.add(guid, email, Some(current(password)));
        }
        directory.add(DIRECTORY.guid, DIRECTORY.email, None);
        for seeded in options
            .seeded
            .iter()
            .filter(|seeded| seeded.provider == Provider::Identity)
        {
            let password = Some(current(reveal(&seeded.password)));
            match directory.find(&seeded.id, fingerprinter) {
                Some(user) => user.password = password,
                None => directory.add(&seeded.id, &seeded.id, password),
            }
        }
        directory
    }

    /// The user of an id as a path has it.
    pub(crate) fn find(&mut self, id: &str, fingerprinter: &Fingerprinter) -> Option<&mut User> {
        let mut key = key(self.ids, id)?;
        if !self.users.contains_key(&key) {
            if let Some(n) = number_of_guid(&key).filter(|n| *n <= self.numbered) {
                let password = Current::initial(fingerprinter.of(&numbered_password(n)));
                self.add(&key, &numbered_zoom_id(n), Some(password));
            } else if self.ids == IdentityIds::Any {
                key = self
                    .users
                    .iter()
                    .find(|(_, user)| user.email.eq_ignore_ascii_case(id))?
                    .0
                    .clone();
            }
        }
        self.users.get_mut(&key)
    }

    fn add(&mut self, id: &str, email: &str, password: Option<Current>) {
        let id = guid(id).unwrap_or_else(|| id.to_owned());
        self.users.insert(
            id.to_lowercase(),
            User {
                id,
                email: email.to_owned(),
                password,
            },
        );
    }
}

/// What a path's id is looked up by; `None` when the portal cannot take it for an id.
pub(crate) fn key(ids: IdentityIds, id: &str) -> Option<String> {
    match (guid(id), ids) {
        (Some(guid), _) => Some(guid),
        (None, IdentityIds::Any) => Some(id.to_lowercase()),
        (None, IdentityIds::Guid) => None,
    }
}

/// A GUID's canonical form, from any form that the framework reads: bare, hyphenated, in braces or brackets.
pub(crate) fn guid(text: &str) -> Option<String> {
    let bare = text
        .strip_prefix('(')
        .and_then(|text| text.strip_suffix(')'))
        .unwrap_or(text);
    if bare.starts_with("urn:") {
        return None;
    }
    Uuid::try_parse(bare)
        .ok()
        .map(|guid| guid.hyphenated().to_string())
}
