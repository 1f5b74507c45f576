//! Texts with `{names}` in them, which each call fills in.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use repass_domain::Password;
use repass_transport::Json;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

// RFC 3986's unreserved characters.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A text with `{names}`: `{user}`, `{id}`, `{new}`, `{current}` and `{keep.NAME}`. `{name:quoted}` writes the value
/// as a JSON string with its quotes, for languages that have such strings inside a text (SCIM filters). `{{` and
/// `}}` stand for braces. Names of the table's `set` are filled in when it is loaded. A login has `{username}` and
/// `{password}`, those of the configured account, and no others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Value { name: Name, is_quoted: bool },
}

/// What a call fills in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    User,
    Id,
    New,
    Current,
    Keep(String),
    Username,
    Password,
}

impl Name {
    pub(crate) fn is_secret(&self) -> bool {
        matches!(self, Self::New | Self::Current | Self::Password)
    }
}

/// Which names a text may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Those of a change.
    Change,
    /// Those of a login.
    Login,
}

impl Scope {
    fn name(self, text: &str) -> Option<Name> {
        let kept = text.strip_prefix("keep.").filter(|kept| !kept.is_empty());
        Some(match (self, text) {
            (Self::Change, "user") => Name::User,
            (Self::Change, "id") => Name::Id,
            (Self::Change, "new") => Name::New,
            (Self::Change, "current") => Name::Current,
            (Self::Change, _) => Name::Keep(kept?.to_owned()),
            (Self::Login, "username") => Name::Username,
            (Self::Login, "password") => Name::Password,
            (Self::Login, _) => return None,
        })
    }

    fn names(self) -> &'static str {
        match self {
            Self::Change => "user, id, new, current, keep.NAME",
            Self::Login => "username, password",
        }
    }
}

/// The values of one call.
#[derive(Clone, Copy)]
pub(crate) struct Values<'a> {
    /// The user as the caller names it; of a login the account.
    pub(crate) user: &'a str,
    /// The provider's own id: what the look-up found, else the user.
    pub(crate) id: &'a str,
    pub(crate) kept: &'a BTreeMap<String, Json>,
    pub(crate) new: Option<&'a Password>,
    pub(crate) current: Option<&'a Password>,
    /// Of a login's account.
    pub(crate) password: Option<&'a SecretString>,
}

static NOTHING: BTreeMap<String, Json> = BTreeMap::new();

impl<'a> Values<'a> {
    /// Those of a user, of whom nothing else is known yet.
    pub(crate) fn of(user: &'a str) -> Self {
        Self {
            user,
            id: user,
            kept: &NOTHING,
            new: None,
            current: None,
            password: None,
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "written into the request's body, which wipes itself"
    )]
    fn text(&self, name: &Name) -> Zeroizing<String> {
        let owned = |text: &str| Zeroizing::new(text.to_owned());
        let secret = |password: Option<&Password>| owned(password.map_or("", |it| it.expose_secret()));
        match name {
            Name::User | Name::Username => owned(self.user),
            Name::Password => owned(self.password.map_or("", |it| it.expose_secret())),
            Name::Id => owned(self.id),
            Name::New => secret(self.new),
            Name::Current => secret(self.current),
            Name::Keep(kept) => Zeroizing::new(self.kept.get(kept).map(Json::plain).unwrap_or_default()),
        }
    }
}

impl Template {
    /// Reads a text, with the values of `set` filled in.
    pub(crate) fn parse(text: &str, set: &BTreeMap<String, String>) -> Result<Self, String> {
        Self::parse_in(Scope::Change, text, set)
    }

    /// The same with the names of this scope.
    pub(crate) fn parse_in(scope: Scope, text: &str, set: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
                continue;
            }
            let Some((name, after)) = rest.split_once('}').filter(|_| brace == "{") else {
                return Err(format!(
                    "`{text}` has a single `{brace}`; write `{brace}{brace}` for the character"
                ));
            };
            rest = after;
            let (name, is_quoted) = match name.strip_suffix(":quoted") {
                Some(name) => (name, true),
                None => (name, false),
            };
            if let Some(value) = set.get(name) {
                literal.push_str(&if is_quoted { quoted(value) } else { value.clone() });
                continue;
            }
            let Some(name) = scope.name(name) else {
                let known: Vec<&str> = set.keys().map(String::as_str).collect();
                let known = if known.is_empty() {
                    String::new()
                } else {
                    format!(", or of `set`: {}", known.join(", "))
                };
                return Err(format!("`{{{name}}}` is unknown; use {}{known}", scope.names()));
            };
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::Value { name, is_quoted });
        }
        literal.push_str(rest);
        if !literal.is_empty() || parts.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self(parts))
    }

    /// One name alone.
    pub(crate) fn of(name: Name) -> Self {
        Self(vec![Part::Value {
            name,
            is_quoted: false,
        }])
    }

    /// The names that a call fills in.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Name> {
        self.0.iter().filter_map(|part| match part {
            Part::Value { name, .. } => Some(name),
            Part::Literal(_) => None,
        })
    }

    /// The name, if the text is nothing else: a kept list or number then keeps its type.
    pub(crate) fn as_name(&self) -> Option<&Name> {
        match &self.0[..] {
            [
                Part::Value {
                    name,
                    is_quoted: false,
                },
            ] => Some(name),
            _ => None,
        }
    }

    /// Whether the last segment of a path names the user, and not something below the user.
    pub(crate) fn ends_with_user(&self) -> bool {
        let mut is_user = false;
        for part in &self.0 {
            match part {
                Part::Value { name, .. } => is_user |= matches!(name, Name::User | Name::Id),
                Part::Literal(text) => match text.split('?').next() {
                    Some(path) if path.trim_end_matches('/').contains('/') => is_user = false,
                    _ => {}
                },
            }
        }
        is_user
    }

    /// The text, filled in. Wiped when dropped: it may hold a password.
    pub(crate) fn fill(&self, values: &Values<'_>) -> Zeroizing<String> {
        let pieces: Vec<Zeroizing<String>> = self
            .0
            .iter()
            .map(|part| match part {
                Part::Literal(text) => Zeroizing::new(text.clone()),
                Part::Value {
                    name,
                    is_quoted: false,
                } => values.text(name),
                Part::Value {
                    name,
                    is_quoted: true,
                } => Zeroizing::new(quoted(&values.text(name))),
            })
            .collect();
        // Of its exact size, so that no outgrown copy stays behind.
        let mut text = Zeroizing::new(String::with_capacity(
            pieces.iter().map(|piece| piece.len()).sum(),
        ));
        for piece in &pieces {
            text.push_str(piece);
        }
        text
    }

    /// Path and query, with each value percent-encoded. `None` if a value is a step of a path (`.`, `..`) or empty:
    /// servers would take it for another resource.
    pub(crate) fn fill_path(&self, values: &Values<'_>) -> Option<String> {
        let mut path = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(text) => path.push_str(text),
                Part::Value { name, is_quoted } => {
                    let text = values.text(name);
                    if !path.contains('?') && matches!(text.as_str(), "" | "." | "..") {
                        return None;
                    }
                    let text = if *is_quoted {
                        Zeroizing::new(quoted(&text))
                    } else {
                        text
                    };
                    path.extend(utf8_percent_encode(&text, VALUE));
                }
            }
        }
        Some(path)
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Template, String> {
        let set = BTreeMap::from([("realm".to_owned(), "acme".to_owned())]);
        Template::parse(text, &set)
    }

    fn filled(text: &str, is_path: bool) -> Option<String> {
        let kept = BTreeMap::from([("tags".to_owned(), Json::read("[\"a\",\"b\"]").unwrap())]);
        let new = Password::new("p\"w").unwrap();
        let values = Values {
            id: "..",
            kept: &kept,
            new: Some(&new),
            ..Values::of("ann+o'neil@example.com")
        };
        let template = parse(text).unwrap();
        if is_path {
            template.fill_path(&values)
        } else {
            Some(template.fill(&values).to_string())
        }
    }

    #[test]
    fn template_fills_names_and_keeps_braces() {
        assert_eq!(filled("a{{b}}", false).unwrap(), "a{b}");
        assert_eq!(filled("{realm}/{new}", false).unwrap(), "acme/p\"w");
        assert_eq!(filled("pw eq {new:quoted}", false).unwrap(), r#"pw eq "p\"w""#);
        assert_eq!(filled("{keep.tags}", false).unwrap(), "a b");
    }

    #[test]
    fn path_value_stays_one_segment() {
        assert_eq!(
            filled("/{realm}/{user}?q=id%20eq%20{user:quoted}", true).unwrap(),
            "/acme/ann%2Bo%27neil%40example.com?q=id%20eq%20%22ann%2Bo%27neil%40example.com%22"
        );
        assert_eq!(filled("/users/{id}", true), None, "a step of the path");
        assert_eq!(filled("/users?id={id}", true).unwrap(), "/users?id=..");
    }

    #[test]
    fn unknown_name_and_single_brace_are_rejected() {
        for (text, part) in [
            ("{usr}", "`{usr}` is unknown"),
            ("{usr}", "realm"),
            ("{keep.}", "unknown"),
            ("a{b", "single `{`"),
            ("a}b", "single `}`"),
        ] {
            let problem = parse(text).unwrap_err();
            assert!(problem.contains(part), "{text}: {problem}");
        }
    }
}
