//! The emulated portal: its users, its tokens, and its rate limits.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use crate::fingerprint::Fingerprinter;
use crate::fixtures::{
    DIRECTORY, PEOPLE, Person, number_of_guid, number_of_zoom_id, numbered_guid, numbered_password,
    numbered_zoom_id,
};
use crate::ledger::Password;
use crate::limits::SlidingWindows;
use crate::options::{IdentityIds, Options, Provider};
use crate::shared::reveal;
use crate::tokens::Tokens;

/// One user. Users of an external directory have no local password.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) surname: String,
    pub(crate) display_name: Option<String>,
    pub(crate) is_active: bool,
    pub(crate) modified: Option<Timestamp>,
    pub(crate) password: Option<Password>,
    /// Wrong old passwords in a row.
    pub(crate) failures: u32,
    /// Until when the user is locked out, by the sandbox's clock.
    pub(crate) locked_until: Option<Duration>,
}

/// Users by id in lower case; numbered ones are created on first use.
#[derive(Debug)]
pub(crate) struct Directory {
    users: HashMap<String, User>,
    ids: IdentityIds,
    numbered: u32,
    pub(crate) tokens: Tokens,
    pub(crate) windows: SlidingWindows,
}

impl Directory {
    pub(crate) fn new(options: &Options, fingerprinter: &Fingerprinter) -> Self {
        let mut directory = Self {
            users: HashMap::new(),
            ids: options.identity.ids,
            numbered: options.users,
            tokens: Tokens::default(),
            windows: SlidingWindows::default(),
        };
        let initial = |password| Password::initial(fingerprinter.of(password));
        for Person {
            guid,
            email,
            password,
        } in &PEOPLE
        {
            directory.add(guid, email, Some(initial(password)));
        }
        directory.add(DIRECTORY.guid, DIRECTORY.email, None);
        for seeded in options
            .seeded
            .iter()
            .filter(|seeded| seeded.provider == Provider::Identity)
        {
            let password = Some(initial(reveal(&seeded.password)));
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
        if !self.users.contains_key(&key) && !self.enter_numbered(number_of_guid(&key), fingerprinter) {
            if self.ids == IdentityIds::Guid {
                return None;
            }
            let lower = id.to_lowercase();
            self.enter_numbered(number_of_zoom_id(&lower), fingerprinter);
            key = self
                .users
                .iter()
                .find(|(_, user)| user.email.to_lowercase() == lower)?
                .0
                .clone();
        }
        self.users.get_mut(&key)
    }

    /// A page of the users whose e-mail address holds a text, by address, and how many there are in all.
    pub(crate) fn search(
        &mut self,
        text: &str,
        skip: usize,
        top: usize,
        fingerprinter: &Fingerprinter,
    ) -> (usize, Vec<&User>) {
        let text = text.to_lowercase();
        let not_entered = |n: &u32| *n <= self.numbered && !self.users.contains_key(&numbered_guid(*n));
        let mut found: Vec<(String, Option<u32>)> = match number_of_zoom_id(&text) {
            // The common case, e-mail to id, without writing down every address.
            Some(n) => Some(n)
                .filter(not_entered)
                .map(|n| (text.clone(), Some(n)))
                .into_iter()
                .collect(),
            None => (1..=self.numbered)
                .filter(not_entered)
                .map(|n| (numbered_zoom_id(n), Some(n)))
                .collect(),
        };
        found.extend(self.users.values().map(|user| (user.email.to_lowercase(), None)));
        found.retain(|(email, _)| email.contains(&text));
        found.sort();
        let total = found.len();
        let page: Vec<_> = found.into_iter().skip(skip).take(top).collect();
        for (_, n) in &page {
            self.enter_numbered(*n, fingerprinter);
        }
        let by_email = |email: &str| {
            self.users
                .values()
                .find(|user| user.email.eq_ignore_ascii_case(email))
        };
        (
            total,
            page.iter().filter_map(|(email, _)| by_email(email)).collect(),
        )
    }

    /// Makes sure that a numbered user is among the others; `false` when there is none of that number.
    fn enter_numbered(&mut self, n: Option<u32>, fingerprinter: &Fingerprinter) -> bool {
        let Some(n) = n.filter(|n| *n <= self.numbered) else {
            return false;
        };
        let id = numbered_guid(n);
        if !self.users.contains_key(&id) {
            let password = Password::initial(fingerprinter.of(&numbered_password(n)));
            self.add(&id, &numbered_zoom_id(n), Some(password));
        }
        true
    }

    fn add(&mut self, id: &str, email: &str, password: Option<Password>) {
        let id = guid(id).unwrap_or_else(|| id.to_owned());
        let user = User {
            email: email.to_owned(),
            name: email.split('@').next().unwrap_or_default().to_owned(),
            surname: "Example".to_owned(),
            display_name: None,
            is_active: true,
            modified: None,
            password,
            failures: 0,
            locked_until: None,
            id: id.clone(),
        };
        self.users.insert(id.to_lowercase(), user);
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
