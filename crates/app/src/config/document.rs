//! A TOML document as a tree in which every value knows where it came from.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read as _;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::problem::{Problem, Problems};
use crate::secrets::{OpenError, open_trusted};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    Line { file: Arc<str>, number: usize },
    File(Arc<str>),
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { file, number } => write!(f, "{file}:{number}"),
            Self::File(file) => f.write_str(file),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// A value and where it came from. No `Debug`: somebody may have pasted a secret into the file.
pub(super) struct Node {
    pub(super) origin: Option<Origin>,
    pub(super) value: Value,
}

impl Node {
    pub(super) fn is_variable(&self) -> bool {
        matches!(self.origin, Some(Origin::Variable(_)))
    }

    /// The value, where its key wants another type than text. A variable has nothing but text, in which numbers, booleans
    /// and arrays are written as in a file.
    pub(super) fn typed(&self) -> Typed<'_> {
        let parsed = match &self.value {
            Value::Text(text) if self.is_variable() => parsed(text.trim(), self.origin.as_ref()),
            _ => None,
        };
        parsed.map_or(Typed::Kept(&self.value), Typed::Parsed)
    }
}

/// A value as it is, or made of a variable's text.
pub(super) enum Typed<'a> {
    Kept(&'a Value),
    Parsed(Value),
}

impl Deref for Typed<'_> {
    type Target = Value;

    fn deref(&self) -> &Value {
        match self {
            Self::Kept(value) => value,
            Self::Parsed(value) => value,
        }
    }
}

fn parsed(text: &str, origin: Option<&Origin>) -> Option<Value> {
    // As programs write them that make variables.
    for flag in [true, false] {
        if text.eq_ignore_ascii_case(if flag { "true" } else { "false" }) {
            return Some(Value::Flag(flag));
        }
    }
    let is_typed = text.starts_with(|c: char| c == '[' || c == '-' || c == '+' || c.is_ascii_digit());
    let document = is_typed.then(|| format!("value = {text}"))?;
    let (document, errors) = DeTable::parse_recoverable(&document);
    let only = errors.is_empty().then(|| document.into_inner().into_iter())?;
    let mut only = only.map(|(_, value)| value.into_inner());
    // Another key on a line of its own would be another value.
    let first = only.next().filter(|_| only.next().is_none())?;
    let line = |_: usize| origin.cloned().unwrap_or_else(|| Origin::Variable(String::new()));
    let value = value(first, &line);
    (!matches!(value, Value::Text(_) | Value::Table(_))).then_some(value)
}

pub(super) enum Value {
    Table(Table),
    Text(String),
    List(Vec<Node>),
    Flag(bool),
    Number(u32),
    /// Of a type that no key has.
    Other(&'static str),
}

pub(super) type Table = BTreeMap<String, Node>;

impl Value {
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Table(_) => "a table",
            Self::Text(_) => "a string",
            Self::List(_) => "an array",
            Self::Flag(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Other(name) => name,
        }
    }
}

/// The text of a document, with its name for messages and the folder that its relative paths start from.
pub(super) struct Source {
    name: Arc<str>,
    pub(super) text: String,
    pub(super) folder: PathBuf,
}

impl Source {
    pub(super) fn text(text: &str) -> Self {
        Self {
            name: "config".into(),
            text: text.to_owned(),
            folder: PathBuf::new(),
        }
    }

    pub(super) fn file(path: &Path) -> Result<Self, Problem> {
        let name: Arc<str> = path.display().to_string().into();
        // The user who writes it starts programs as this user, and says where passwords go.
        let bytes = match open_trusted(path) {
            Ok(mut file) => {
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes).map(|_| bytes)
            }
            Err(OpenError::Io(error)) => Err(error),
            Err(OpenError::Unsuitable(why)) => return Err(Problem::at(Origin::File(name), why)),
        };
        match bytes.map(String::from_utf8) {
            Ok(Ok(text)) => Ok(Self {
                name,
                text,
                folder: path.parent().unwrap_or(Path::new("")).to_owned(),
            }),
            Ok(Err(_)) => Err(Problem::at(Origin::File(name), "is not valid UTF-8")),
            Err(error) => Err(Problem::at(
                Origin::File(name),
                format!("cannot be read: {error}"),
            )),
        }
    }
}

/// The document's tree; an empty one without a document, `None` when it is not TOML.
pub(super) fn parse(source: Option<&Source>, problems: &Problems) -> Option<Node> {
    let Some(Source { name, text, .. }) = source else {
        return Some(Node {
            origin: None,
            value: Value::Table(Table::new()),
        });
    };
    let line = |offset: usize| {
        let number = 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
        Origin::Line {
            file: Arc::clone(name),
            number,
        }
    };
    let (document, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        let value = table(document.into_inner(), &line);
        return Some(Node {
            origin: Some(Origin::File(Arc::clone(name))),
            value,
        });
    }
    let mut last = None;
    for error in errors {
        let origin = error
            .span()
            .map_or(Origin::File(Arc::clone(name)), |span| line(span.start));
        // What follows on the same line is mostly an echo of the first.
        if last.as_ref() != Some(&origin) {
            problems.push(Problem::at(
                origin.clone(),
                format!("not TOML: {}", error.message()),
            ));
        }
        last = Some(origin);
    }
    None
}

fn table(entries: DeTable<'_>, line: &impl Fn(usize) -> Origin) -> Value {
    let entry = |(key, value): (toml::Spanned<_>, toml::Spanned<_>)| {
        let origin = line(key.span().start);
        let key: std::borrow::Cow<'_, str> = key.into_inner();
        (
            key.into_owned(),
            Node {
                origin: Some(origin),
                value: self::value(value.into_inner(), line),
            },
        )
    };
    Value::Table(entries.into_iter().map(entry).collect())
}

fn value(value: DeValue<'_>, line: &impl Fn(usize) -> Origin) -> Value {
    match value {
        DeValue::Table(entries) => table(entries, line),
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Array(items) => Value::List(
            items
                .into_iter()
                .map(|item| Node {
                    origin: Some(line(item.span().start)),
                    value: self::value(item.into_inner(), line),
                })
                .collect(),
        ),
        DeValue::Boolean(flag) => Value::Flag(flag),
        DeValue::Integer(digits) => match u32::from_str_radix(digits.as_str(), digits.radix()) {
            Ok(number) => Value::Number(number),
            Err(_) => Value::Other("a number below 0 or above 4,294,967,295"),
        },
        DeValue::Float(_) => Value::Other("a fraction"),
        DeValue::Datetime(_) => Value::Other("a date"),
    }
}

/// Where each key came from, for problems that are found after the tree is gone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origins(BTreeMap<String, Origin>);

impl Origins {
    pub(super) fn collect(tree: &Node) -> Self {
        let mut origins = Self::default();
        origins.walk("", tree);
        origins
    }

    /// Of what the tree of another file holds for the section at this path. `is_here` says of a key of the section whether
    /// it comes from there; `expected` keys that are not in the file are missing in it.
    #[cfg(feature = "http")]
    pub(super) fn of_section(
        path: &str,
        tree: &Node,
        expected: &[&'static str],
        is_here: impl Fn(&str) -> bool,
    ) -> Self {
        let mut origins = Self::default();
        for key in expected.iter().filter(|key| is_here(key)) {
            origins
                .0
                .extend(tree.origin.clone().map(|file| (join(path, key), file)));
        }
        if let Value::Table(table) = &tree.value {
            for (key, child) in table.iter().filter(|(key, _)| is_here(key)) {
                origins.walk(&join(path, key), child);
            }
        }
        origins
    }

    /// Adds others, of other keys.
    pub(super) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    fn walk(&mut self, path: &str, node: &Node) {
        if let Some(origin) = &node.origin {
            self.0.insert(path.to_owned(), origin.clone());
        }
        match &node.value {
            Value::Table(table) => {
                for (key, child) in table {
                    self.walk(&join(path, key), child);
                }
            }
            Value::List(items) => {
                for (index, child) in items.iter().enumerate() {
                    self.walk(&format!("{path}[{index}]"), child);
                }
            }
            _ => {}
        }
    }

    /// Where a key came from; for one that is missing, where it would belong.
    pub(super) fn of(&self, key: &str) -> Option<&Origin> {
        let mut key = key;
        loop {
            if let Some(origin) = self.0.get(key) {
                return Some(origin);
            }
            if key.is_empty() {
                return None;
            }
            key = key.rfind(['.', '[']).map_or("", |end| &key[..end]);
        }
    }
}

/// The path of a key in the table at `path`.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}
