//! One table of the tree, read key by key. A key that is missing, of the wrong type or unknown becomes a problem, never a
//! panic or an early end, and no message quotes a value.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;

use super::document::{Node, Table, Value, join};
use super::duration;
use super::problem::{Problems, did_you_mean};
use super::schema::ObjectSchema;
use crate::secrets::SecretRef;

/// The kinds of reference to a secret, of which exactly one is given.
pub(super) const REFERENCE_KINDS: [&str; 3] = ["command", "env", "file"];

/// What the value of a key may be.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    Flag,
    Number,
    NumberOrFlag,
    Text,
    Texts,
}

impl Shape {
    fn spelled(self) -> &'static str {
        match self {
            Self::Flag => "true or false",
            Self::Number => "a number",
            Self::NumberOrFlag => "a number, true or false",
            Self::Text => "a string",
            Self::Texts => "an array of strings",
        }
    }

    fn schema(self) -> serde_json::Value {
        let number = json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX });
        match self {
            Self::Flag => json!({ "type": "boolean" }),
            Self::Number => number,
            Self::NumberOrFlag => json!({ "oneOf": [number, { "type": "boolean" }] }),
            Self::Text => json!({ "type": "string" }),
            Self::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        }
    }

    fn read(self, node: &Node) -> Option<serde_json::Value> {
        if let (Self::Text, Value::Text(text)) = (self, &node.value) {
            return Some(text.as_str().into());
        }
        match (self, &*node.typed()) {
            (Self::Flag | Self::NumberOrFlag, Value::Flag(flag)) => Some((*flag).into()),
            (Self::Number | Self::NumberOrFlag, Value::Number(number)) => Some((*number).into()),
            (Self::Texts, Value::List(items)) => items.iter().map(|item| Self::Text.read(item)).collect(),
            // Words need neither quotes nor brackets in a variable.
            (Self::Texts, Value::Text(text)) if node.is_variable() && !text.starts_with('[') => {
                Some(text.split(',').map(str::trim).collect::<Vec<_>>().into())
            }
            _ => None,
        }
    }
}

pub(super) struct Section<'a> {
    path: String,
    table: &'a Table,
    known: Vec<&'static str>,
    // Not a table, so that no key counts as missing.
    broken: bool,
    problems: &'a Problems,
    // Records the keys that are read. Then every table is there.
    schema: Option<Rc<ObjectSchema>>,
}

static EMPTY: Table = Table::new();

impl<'a> Section<'a> {
    /// The section of a node; an empty one, with a problem, if it is not a table.
    pub(super) fn of(path: String, node: &'a Node, problems: &'a Problems) -> Self {
        let (table, broken) = match &node.value {
            Value::Table(table) => (table, false),
            other => {
                problems.add(&path, format!("must be a table, not {}", other.type_name()));
                (&EMPTY, true)
            }
        };
        Self {
            path,
            table,
            known: Vec::new(),
            broken,
            problems,
            schema: None,
        }
    }

    /// The same section, whose keys are recorded as they are read.
    pub(super) fn recording(mut self, schema: &Rc<ObjectSchema>) -> Self {
        self.schema = Some(Rc::clone(schema));
        self
    }

    fn record(&self, key: &str, schema: impl FnOnce() -> serde_json::Value) {
        if let Some(recorded) = &self.schema {
            recorded.property(key, schema());
        }
    }

    pub(super) fn key(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// Whether the key stands here.
    #[cfg(feature = "http")]
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Every entry, for tables whose keys are names.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Node)> + use<'a> {
        self.table.iter().map(|(key, node)| (key.as_str(), node))
    }

    fn node(&mut self, key: &'static str) -> Option<&'a Node> {
        self.known.push(key);
        self.table.get(key)
    }

    /// A text, if it is one, without any problem noted.
    pub(super) fn peek(&self, key: &str) -> Option<&'a str> {
        match &self.table.get(key)?.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn is_missing(&self, key: &str, hint: &str) {
        if let Some(recorded) = &self.schema {
            recorded.require(key);
        }
        if !self.broken {
            self.problems.add(&self.key(key), format!("is missing{hint}"));
        }
    }

    fn is_wrong(&self, key: &str, expected: &str, found: &Value) {
        self.problems.add(
            &self.key(key),
            format!("must be {expected}, not {}", found.type_name()),
        );
    }

    pub(super) fn section(&mut self, key: &'static str) -> Option<Section<'a>> {
        let schema = self.schema.as_ref().map(|recorded| recorded.table(key));
        let section = match self.node(key) {
            Some(node) => Self::of(self.key(key), node, self.problems),
            None if schema.is_some() => Self {
                path: self.key(key),
                table: &EMPTY,
                known: Vec::new(),
                broken: false,
                problems: self.problems,
                schema: None,
            },
            None => return None,
        };
        Some(Self { schema, ..section })
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        self.record(key, || json!({ "type": "string" }));
        match &self.node(key)?.value {
            Value::Text(text) => Some(text.clone()),
            other => {
                self.is_wrong(key, "a string", other);
                None
            }
        }
    }

    /// True or false.
    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        self.record(key, || Shape::Flag.schema());
        let node = self.node(key)?;
        match &*node.typed() {
            Value::Flag(flag) => Some(*flag),
            other => {
                self.is_wrong(key, Shape::Flag.spelled(), other);
                None
            }
        }
    }

    /// A text that must be there; empty when it is not.
    pub(super) fn required_text(&mut self, key: &'static str) -> String {
        if !self.table.contains_key(key) {
            self.is_missing(key, "");
        }
        self.text(key).unwrap_or_default()
    }

    /// One of a short list of spellings, as what it stands for.
    pub(super) fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&'static str, T)]) -> Option<T> {
        let text = self.text(key);
        self.record(
            key,
            || json!({ "enum": choices.iter().map(|(name, _)| *name).collect::<Vec<_>>() }),
        );
        let text = text?;
        let found = choices
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, value)| *value);
        if found.is_none() {
            let names = || choices.iter().map(|(name, _)| *name);
            let hint = did_you_mean(&text, names());
            self.problems
                .add(&self.key(key), format!("must be {}{hint}", spell(names())));
        }
        found
    }

    pub(super) fn required_choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        if !self.table.contains_key(key) {
            let names = spell(choices.iter().map(|(name, _)| *name));
            self.is_missing(key, &format!("; give {names}"));
        }
        self.choice(key, choices)
    }

    pub(super) fn duration(&mut self, key: &'static str) -> Option<Duration> {
        let text = self.text(key);
        self.record(key, || json!({ "type": "string", "pattern": duration::PATTERN }));
        self.problems.keep(&self.key(key), duration::parse(&text?))
    }

    /// A number of at least 1.
    pub(super) fn count(&mut self, key: &'static str) -> Option<NonZeroUsize> {
        self.record(
            key,
            || json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX }),
        );
        let node = self.node(key)?;
        let value = node.typed();
        let count = match *value {
            Value::Number(number) => usize::try_from(number).ok().and_then(NonZeroUsize::new),
            _ => None,
        };
        if count.is_none() {
            self.is_wrong(key, "a number of at least 1", &value);
        }
        count
    }

    pub(super) fn file(&mut self, key: &'static str, folder: &Path) -> Option<PathBuf> {
        self.text(key).map(|text| folder.join(text))
    }

    /// Copies these keys, as far as they are there, into a document for another reader.
    pub(super) fn take(
        &mut self,
        keys: &[(&'static str, Shape)],
        document: &mut serde_json::Map<String, serde_json::Value>,
    ) {
        for (key, shape) in keys {
            self.record(key, || shape.schema());
            let Some(node) = self.node(key) else { continue };
            match shape.read(node) {
                Some(value) => {
                    document.insert((*key).to_owned(), value);
                }
                None => self.is_wrong(key, shape.spelled(), &node.typed()),
            }
        }
    }

    /// A reference to a secret, which must be there; an invalid reference if it is not.
    pub(super) fn required_secret(&mut self, key: &'static str, folder: &Path) -> SecretRef {
        let nowhere = || SecretRef::Env(String::new());
        self.record(key, || json!({ "$ref": "#/definitions/secret" }));
        let Some(node) = self.node(key) else {
            self.is_missing(key, "");
            return nowhere();
        };
        if !matches!(node.value, Value::Table(_)) {
            let forms = "{ env = \"NAME\" }, { file = \"PATH\" } or { command = [\"PROGRAM\", …] }";
            let message = format!("must say where the secret is, never hold it: write {forms}");
            self.problems.add(&self.key(key), message);
            return nowhere();
        }
        let mut section = Self::of(self.key(key), node, self.problems);
        let given = section
            .table
            .keys()
            .filter(|key| REFERENCE_KINDS.contains(&key.as_str()))
            .count();
        let env = section.text("env").map(SecretRef::Env);
        let file = section.file("file", folder).map(SecretRef::File);
        let command = section.words("command").map(SecretRef::Command);
        if given != 1 {
            self.problems
                .add(&section.path, "needs exactly one of `env`, `file` and `command`");
        }
        section.finish();
        env.or(file).or(command).unwrap_or_else(nowhere)
    }

    fn words(&mut self, key: &'static str) -> Option<Vec<String>> {
        let node = self.node(key)?;
        let word = |item: &Node| match &item.value {
            Value::Text(word) => Some(word.clone()),
            _ => None,
        };
        let words = match &*node.typed() {
            Value::List(items) => items.iter().map(word).collect::<Option<Vec<String>>>(),
            _ => None,
        };
        if words.as_ref().is_none_or(Vec::is_empty) {
            let message =
                "must be an array of strings: a program and its arguments, as in [\"PROGRAM\", \"ARGUMENT\"]";
            self.problems.add(&self.key(key), message);
        }
        words
    }

    /// Everything under these keys, as one document.
    pub(super) fn document(&mut self, keys: &[&'static str]) -> serde_json::Map<String, serde_json::Value> {
        let mut document = serde_json::Map::new();
        for key in keys {
            self.record(key, || serde_json::json!({}));
            if let Some(node) = self.node(key)
                && let Some(value) = self.json(key, node)
            {
                document.insert((*key).to_owned(), value);
            }
        }
        document
    }

    fn json(&self, key: &str, node: &Node) -> Option<serde_json::Value> {
        Some(match &node.value {
            Value::Table(table) => {
                let members = table.iter();
                let members = members
                    .filter_map(|(name, node)| Some((name.clone(), self.json(&join(key, name), node)?)));
                serde_json::Value::Object(members.collect())
            }
            Value::Text(text) => text.clone().into(),
            Value::List(items) => {
                let items = items.iter().filter_map(|item| self.json(key, item));
                serde_json::Value::Array(items.collect())
            }
            Value::Flag(flag) => (*flag).into(),
            Value::Number(number) => (*number).into(),
            Value::Other(_) => {
                self.is_wrong(key, "a string, number, boolean, array or table", &node.value);
                return None;
            }
        })
    }

    /// Ends the reading: a key that was not read is unknown.
    pub(super) fn finish(self) {
        for key in self
            .table
            .keys()
            .filter(|key| !self.known.contains(&key.as_str()))
        {
            let hint = did_you_mean(key, self.known.iter().copied());
            self.problems
                .add_beside(&self.key(key), format!("unknown key{hint}"));
        }
    }
}

// `"a", "b" or "c"`
pub(super) fn spell(names: impl IntoIterator<Item = &'static str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("\"{name}\"")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
