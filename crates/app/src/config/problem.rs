//! What is wrong with a configuration, all of it at once.

use std::cell::RefCell;
use std::fmt;

use secrecy::SecretString;

use super::document::{Origin, Origins};
use crate::secrets::SecretError;

/// A problem of a configuration, with its place. Displays as one line: `repass.toml:7: providers.zoom.plan: …`. Never
/// quotes a value, which might be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    origin: Option<Origin>,
    key: String,
    message: String,
    is_transient: bool,
}

impl Problem {
    pub(super) fn at(origin: Origin, message: impl Into<String>) -> Self {
        Self {
            origin: Some(origin),
            key: String::new(),
            message: message.into(),
            is_transient: false,
        }
    }

    /// The full path of the key with the problem, for example `providers.zoom.plan`; empty where the whole file is
    /// meant.
    pub fn key(&self) -> &str {
        &self.key
    }

    // Whether a problem of this other key would be about the placeholder that took this one's place. A bad `kind`
    // takes the place of its whole section, a bad value that of what it is part of; a provider's bad name takes none.
    fn covers(&self, key: &str) -> bool {
        let is_provider = |key: &str| {
            let name = key.strip_prefix("providers.");
            name.is_some_and(|name| !name.contains('.'))
        };
        let is_below = |key: &str, section: &str| {
            let rest = key.strip_prefix(section);
            rest.is_some_and(|rest| rest.starts_with('.')) && !is_provider(section)
        };
        let section = self.key.strip_suffix(".kind").unwrap_or(&self.key);
        self.key == key || is_below(key, section) || is_below(&self.key, key)
    }

    /// What is wrong with the value and, where that is known, what to do.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the problem may be gone at the next try: the program of a secret gave nothing in time.
    pub fn is_transient(&self) -> bool {
        self.is_transient
    }

    /// The line of the file where the problem is, counted from 1; `None` for what came from a variable or from code.
    pub fn line(&self) -> Option<usize> {
        match self.origin {
            Some(Origin::Line { number, .. }) => Some(number),
            _ => None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{}: ", shown(&origin.to_string(), 300))?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", shown(&self.key, 300))?;
        }
        f.write_str(&shown(&self.message, 1000))
    }
}

// Names of keys, files and variables may be long, and hold what controls a terminal.
fn shown(text: &str, longest: usize) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        match c {
            _ if shown.len() >= longest => {
                shown.push('…');
                break;
            }
            '"' | '\'' | '\\' => shown.push(c),
            c => shown.extend(c.escape_debug()),
        }
    }
    shown
}

/// The error for a configuration that cannot be used, with every problem. Displays as one line for each, and so does
/// `Debug`: a `main` that returns it prints them.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError(Vec<Problem>);

impl ConfigError {
    /// Every problem of the configuration, in the order of the file. There is at least one.
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }

    /// Whether every problem [may be gone](Problem::is_transient) at the next try.
    pub fn is_transient(&self) -> bool {
        self.0.iter().all(Problem::is_transient)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ConfigError {}

/// The list to which every step adds.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    list: RefCell<Vec<Problem>>,
    // Of keys in files that the configuration names.
    origins: RefCell<Origins>,
}

impl Problems {
    /// Adds a problem of a key. Only the first of each key is kept, and none below or above a key that has one: what
    /// follows is about the placeholder that took its place.
    pub(crate) fn add(&self, key: &str, message: impl Into<String>) {
        if !self.list.borrow().iter().any(|known| known.covers(key)) {
            self.add_beside(key, message);
        }
    }

    /// Adds a problem of a key that stands in the file, so that it is about no placeholder.
    pub(super) fn add_beside(&self, key: &str, message: impl Into<String>) {
        self.note(key, message.into(), false);
    }

    fn note(&self, key: &str, message: String, is_transient: bool) {
        let mut problems = self.list.borrow_mut();
        if !problems.iter().any(|known| known.key == key) {
            problems.push(Problem {
                origin: None,
                key: key.to_owned(),
                message,
                is_transient,
            });
        }
    }

    /// The secret, or `None` and a problem of the key.
    pub(crate) fn keep_secret(
        &self,
        key: &str,
        secret: Result<SecretString, SecretError>,
    ) -> Option<SecretString> {
        let note = |error: SecretError| {
            if !self.list.borrow().iter().any(|known| known.covers(key)) {
                self.note(key, error.to_string(), error.is_timeout());
            }
        };
        secret.map_err(note).ok()
    }

    /// The value, or `None` and a problem of the key.
    pub(crate) fn keep<T>(&self, key: &str, result: Result<T, impl fmt::Display>) -> Option<T> {
        result.map_err(|error| self.add(key, error.to_string())).ok()
    }

    /// Adds the problems of another check of the same configuration.
    #[cfg(feature = "postgres")]
    pub(crate) fn extend(&self, error: ConfigError) {
        self.list.borrow_mut().extend(error.0);
    }

    /// Adds a problem that has its place already.
    pub(super) fn push(&self, problem: Problem) {
        self.list.borrow_mut().push(problem);
    }

    /// Says where keys come from that do not stand in the configuration itself.
    #[cfg(feature = "http")]
    pub(super) fn locate(&self, origins: Origins) {
        self.origins.borrow_mut().extend(origins);
    }

    /// Where they come from.
    pub(super) fn take_origins(&self) -> Origins {
        self.origins.take()
    }

    /// Whether there is one of this key or of a key below it.
    pub(super) fn any_under(&self, path: &str) -> bool {
        let below = |key: &str| {
            key.strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.list.borrow().iter().any(|problem| below(&problem.key))
    }

    /// The value, if nothing is wrong; else everything that is, with its place.
    pub(crate) fn into_result<T>(self, value: T, origins: impl Fn(&T) -> &Origins) -> Result<T, ConfigError> {
        let mut problems = self.list.into_inner();
        if problems.is_empty() {
            return Ok(value);
        }
        for problem in &mut problems {
            if problem.origin.is_none() {
                problem.origin = origins(&value).of(&problem.key).cloned();
            }
        }
        problems.sort_by(|a, b| (&a.origin, &a.key).cmp(&(&b.origin, &b.key)));
        Err(ConfigError(problems))
    }
}

/// The candidate that was probably meant, if one is close.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1))
        .min()
        .map(|(_, candidate)| candidate)
}

/// The end of a message about a word that is not known.
pub(crate) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map_or_else(String::new, |found| format!("; did you mean `{found}`?"))
}
