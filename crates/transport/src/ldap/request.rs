//! Requests (RFC 4511, section 4): what repass sends, and what a test server reads.

use std::fmt;

use zeroize::Zeroizing;

use super::ber::{BOOLEAN, ENUMERATED, Element, INTEGER, Malformed, OCTET_STRING, Reader, SEQUENCE, SET};
use super::control::{self, Control};

pub(super) const BIND: u8 = 0x60;
const UNBIND: u8 = 0x42;
const SEARCH: u8 = 0x63;
pub(super) const MODIFY: u8 = 0x66;
pub(super) const EXTENDED: u8 = 0x77;
const SIMPLE: u8 = 0x80;
const SASL: u8 = 0xa3;
const EQUALITY: u8 = 0xa3;
const PRESENT: u8 = 0x87;
const EXTENDED_NAME: u8 = 0x80;
const EXTENDED_VALUE: u8 = 0x81;

/// An LDAP request. It borrows its contents: a secret is copied once, into the buffer that is sent.
#[derive(Clone, PartialEq, Eq)]
pub enum Request<'a> {
    /// An LDAP bind, which authenticates the connection.
    Bind {
        /// The DN of the identity, or another name that the server accepts. Empty for SASL.
        name: &'a str,
        /// The proof of the identity.
        authentication: Authentication<'a>,
    },
    /// An LDAP unbind, which ends the connection. It has no response.
    Unbind,
    /// An LDAP search, which reads entries.
    Search(Search<'a>),
    /// An LDAP Modify, which changes one entry, all or nothing.
    Modify {
        /// The DN of the entry to change.
        entry: &'a str,
        /// The modifications, made in this order.
        changes: Vec<Modification<'a>>,
    },
    /// An LDAP extended operation, such as Password Modify.
    Extended {
        /// The OID of the operation.
        name: &'a str,
        /// The value of the operation, if it has one.
        value: Option<Value<'a>>,
    },
    /// An operation that this codec does not know, by its tag. It cannot be encoded.
    Other(u8),
}

/// How a bind proves an identity: by a simple password or by SASL.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Authentication<'a> {
    /// The identity's password, in a simple bind. Never empty: many servers accept an empty one as *anonymous*.
    Simple(&'a [u8]),
    /// A SASL mechanism that needs one message: `EXTERNAL`.
    Sasl {
        /// The name of the SASL mechanism.
        mechanism: &'a str,
        /// The credentials of the SASL mechanism.
        credentials: Option<&'a [u8]>,
    },
}

/// An LDAP search request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search<'a> {
    /// The DN of the entry where the search begins.
    pub base: &'a str,
    /// How far below the base the search goes.
    pub scope: Scope,
    /// The maximum number of entries to return; 0 for no limit.
    pub size_limit: u32,
    /// The filter that selects the entries.
    pub filter: Filter<'a>,
    /// The attributes to return; empty for all user attributes.
    pub attributes: Vec<&'a str>,
}

/// How far an LDAP search goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The base entry alone.
    Base,
    /// The entries directly below the base.
    OneLevel,
    /// The base entry and everything below it.
    Subtree,
}

/// An LDAP search filter: which entries a search returns. There are no filter strings, so there is nothing to escape.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Filter<'a> {
    /// Entries that have this value of an attribute, by the attribute's own rule of equality.
    Equality(&'a str, &'a [u8]),
    /// Entries that have any value of an attribute.
    Present(&'a str),
    /// A filter that this codec does not know, by its tag. It cannot be encoded.
    Other(u8),
}

/// A change of one attribute, as part of an LDAP Modify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modification<'a> {
    /// Whether the values are added, deleted, or replace the present ones.
    pub operation: Operation,
    /// The name of the attribute.
    pub attribute: &'a str,
    /// The values to add, delete or set.
    pub values: Vec<Value<'a>>,
}

impl<'a> Modification<'a> {
    /// Creates a modification with one value.
    pub fn new(operation: Operation, attribute: &'a str, value: Value<'a>) -> Self {
        let values = vec![value];
        Self {
            operation,
            attribute,
            values,
        }
    }
}

/// What a [`Modification`] does with its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Adds the values.
    Add,
    /// Removes the values, each of which must be there; without values removes all.
    Delete,
    /// Puts the values in place of all that are there.
    Replace,
}

/// A value of an attribute or an operation in an LDAP request. One that was read is always [`Bytes`](Self::Bytes).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// The value is these bytes as they are.
    Bytes(&'a [u8]),
    /// The value is this text in quotes, as UTF-16LE, for Active Directory's `unicodePwd`.
    QuotedUtf16(&'a str),
    /// The value of a Password Modify operation.
    PasswordModify(PasswordModify<'a>),
}

/// The value of a Password Modify operation (RFC 3062).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PasswordModify<'a> {
    /// The DN of the user whose password is changed.
    pub user: &'a str,
    /// The current password, if the user proves it.
    pub old: Option<&'a str>,
    /// The new password, if the caller chose one. Without one, servers invent one.
    pub new: Option<&'a str>,
}

impl<'a> PasswordModify<'a> {
    const USER: u8 = 0x80;
    const OLD: u8 = 0x81;
    const NEW: u8 = 0x82;

    fn element(self) -> Element<'a> {
        let mut parts = vec![Element::bytes(Self::USER, self.user.as_bytes())];
        let passwords = [(Self::OLD, self.old), (Self::NEW, self.new)];
        for (tag, password) in passwords {
            parts.extend(password.map(|password| Element::bytes(tag, password.as_bytes())));
        }
        Element::constructed(SEQUENCE, parts)
    }

    /// Decodes the value of an extended request.
    ///
    /// # Errors
    /// It is not one of this operation, or its texts are not UTF-8.
    pub fn decode(value: &'a [u8]) -> Result<Self, Malformed> {
        let mut parts = Reader::new(value).expect(SEQUENCE)?.reader();
        let mut part = |tag| match parts.optional(tag)? {
            Some(item) => utf8(item.value).map(Some),
            None => Ok(None),
        };
        Ok(Self {
            user: part(Self::USER)?.unwrap_or_default(),
            old: part(Self::OLD)?,
            new: part(Self::NEW)?,
        })
    }
}

impl<'a> Value<'a> {
    fn element(self, tag: u8) -> Element<'a> {
        match self {
            Self::Bytes(bytes) => Element::bytes(tag, bytes),
            Self::QuotedUtf16(text) => Element::quoted_utf16(text).with_tag(tag),
            Self::PasswordModify(value) => Element::constructed(tag, vec![value.element()]),
        }
    }
}

impl<'a> Request<'a> {
    /// Encodes the request as a whole LDAP message, in a buffer of exactly its size that is wiped when it is dropped.
    /// Begin `id` at 1: servers use 0 for messages that nothing asked for.
    ///
    /// # Errors
    /// It has a part that only reading knows.
    pub fn encode(&self, id: u32, controls: &[Control]) -> Result<Zeroizing<Vec<u8>>, Malformed> {
        let mut parts = vec![Element::integer(INTEGER, id), self.element()?];
        parts.extend(control::element(controls));
        Ok(Element::constructed(SEQUENCE, parts).encode())
    }

    fn element(&self) -> Result<Element<'_>, Malformed> {
        const VERSION: u32 = 3;
        Ok(match self {
            Self::Bind { name, authentication } => {
                let authentication = match authentication {
                    Authentication::Simple(password) => Element::bytes(SIMPLE, password),
                    Authentication::Sasl {
                        mechanism,
                        credentials,
                    } => {
                        let mut parts = vec![Element::text(mechanism)];
                        parts.extend(credentials.map(|bytes| Element::bytes(OCTET_STRING, bytes)));
                        Element::constructed(SASL, parts)
                    }
                };
                let version = Element::integer(INTEGER, VERSION);
                Element::constructed(BIND, vec![version, Element::text(name), authentication])
            }
            Self::Unbind => Element::bytes(UNBIND, &[]),
            Self::Search(search) => search.element()?,
            Self::Modify { entry, changes } => {
                let changes = changes.iter().map(Modification::element).collect();
                let changes = Element::constructed(SEQUENCE, changes);
                Element::constructed(MODIFY, vec![Element::text(entry), changes])
            }
            Self::Extended { name, value } => {
                let mut parts = vec![Element::bytes(EXTENDED_NAME, name.as_bytes())];
                parts.extend(value.map(|value| value.element(EXTENDED_VALUE)));
                Element::constructed(EXTENDED, parts)
            }
            Self::Other(_) => return Err(Malformed),
        })
    }

    /// Decodes a whole LDAP message: its id, its request and its controls.
    ///
    /// # Errors
    /// It is no request of LDAP.
    pub fn decode(message: &'a [u8]) -> Result<(u32, Self, Vec<Control>), Malformed> {
        let mut parts = Reader::new(message).expect(SEQUENCE)?.reader();
        let id = parts.expect(INTEGER)?.number()?;
        let operation = parts.read()?.ok_or(Malformed)?;
        let mut rest = operation.reader();
        let request = match operation.tag {
            BIND => {
                rest.expect(INTEGER)?.number()?;
                let name = utf8(rest.expect(OCTET_STRING)?.value)?;
                let proof = rest.read()?.ok_or(Malformed)?;
                let authentication = match proof.tag {
                    SIMPLE => Authentication::Simple(proof.value),
                    SASL => {
                        let mut sasl = proof.reader();
                        Authentication::Sasl {
                            mechanism: utf8(sasl.expect(OCTET_STRING)?.value)?,
                            credentials: sasl.optional(OCTET_STRING)?.map(|item| item.value),
                        }
                    }
                    _ => return Err(Malformed),
                };
                Self::Bind { name, authentication }
            }
            UNBIND => Self::Unbind,
            SEARCH => Self::Search(Search::decode(&mut rest)?),
            MODIFY => {
                let entry = utf8(rest.expect(OCTET_STRING)?.value)?;
                let mut list = rest.expect(SEQUENCE)?.reader();
                let mut changes = Vec::new();
                while let Some(change) = list.read()? {
                    changes.push(Modification::decode(&mut change.reader())?);
                }
                Self::Modify { entry, changes }
            }
            EXTENDED => Self::Extended {
                name: utf8(rest.expect(EXTENDED_NAME)?.value)?,
                value: rest
                    .optional(EXTENDED_VALUE)?
                    .map(|item| Value::Bytes(item.value)),
            },
            other => Self::Other(other),
        };
        Ok((id, request, control::decode(&mut parts)?))
    }
}

impl<'a> Search<'a> {
    fn element(&self) -> Result<Element<'_>, Malformed> {
        const NEVER_DEREFERENCE: u32 = 0;
        let scope = match self.scope {
            Scope::Base => 0,
            Scope::OneLevel => 1,
            Scope::Subtree => 2,
        };
        let filter = match &self.filter {
            Filter::Equality(attribute, value) => {
                let value = Element::bytes(OCTET_STRING, value);
                Element::constructed(EQUALITY, vec![Element::text(attribute), value])
            }
            Filter::Present(attribute) => Element::bytes(PRESENT, attribute.as_bytes()),
            Filter::Other(_) => return Err(Malformed),
        };
        let attributes = self.attributes.iter().map(|name| Element::text(name));
        let parts = vec![
            Element::text(self.base),
            Element::integer(ENUMERATED, scope),
            Element::integer(ENUMERATED, NEVER_DEREFERENCE),
            Element::integer(INTEGER, self.size_limit),
            // The time limit is this side's.
            Element::integer(INTEGER, 0),
            Element::boolean(false),
            filter,
            Element::constructed(SEQUENCE, attributes.collect()),
        ];
        Ok(Element::constructed(SEARCH, parts))
    }

    fn decode(rest: &mut Reader<'a>) -> Result<Self, Malformed> {
        let base = utf8(rest.expect(OCTET_STRING)?.value)?;
        let scope = match rest.expect(ENUMERATED)?.number()? {
            0 => Scope::Base,
            1 => Scope::OneLevel,
            2 => Scope::Subtree,
            _ => return Err(Malformed),
        };
        rest.expect(ENUMERATED)?.number()?;
        let size_limit = rest.expect(INTEGER)?.number()?;
        rest.expect(INTEGER)?.number()?;
        rest.expect(BOOLEAN)?.truth()?;
        let filter = rest.read()?.ok_or(Malformed)?;
        let filter = match filter.tag {
            EQUALITY => {
                let mut parts = filter.reader();
                let attribute = utf8(parts.expect(OCTET_STRING)?.value)?;
                Filter::Equality(attribute, parts.expect(OCTET_STRING)?.value)
            }
            PRESENT => Filter::Present(utf8(filter.value)?),
            other => Filter::Other(other),
        };
        let mut list = rest.expect(SEQUENCE)?.reader();
        let mut attributes = Vec::new();
        while let Some(attribute) = list.read()? {
            attributes.push(utf8(attribute.value)?);
        }
        Ok(Self {
            base,
            scope,
            size_limit,
            filter,
            attributes,
        })
    }
}

impl<'a> Modification<'a> {
    fn element(&self) -> Element<'_> {
        let operation = match self.operation {
            Operation::Add => 0,
            Operation::Delete => 1,
            Operation::Replace => 2,
        };
        let values = self.values.iter().map(|value| value.element(OCTET_STRING));
        let values = Element::constructed(SET, values.collect());
        let attribute = Element::constructed(SEQUENCE, vec![Element::text(self.attribute), values]);
        Element::constructed(SEQUENCE, vec![Element::integer(ENUMERATED, operation), attribute])
    }

    fn decode(change: &mut Reader<'a>) -> Result<Self, Malformed> {
        let operation = match change.expect(ENUMERATED)?.number()? {
            0 => Operation::Add,
            1 => Operation::Delete,
            2 => Operation::Replace,
            _ => return Err(Malformed),
        };
        let mut attribute = change.expect(SEQUENCE)?.reader();
        let name = utf8(attribute.expect(OCTET_STRING)?.value)?;
        let mut list = attribute.expect(SET)?.reader();
        let mut values = Vec::new();
        while let Some(value) = list.read()? {
            values.push(Value::Bytes(value.value));
        }
        Ok(Self {
            operation,
            attribute: name,
            values,
        })
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, Malformed> {
    str::from_utf8(bytes).map_err(|_| Malformed)
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind { name, .. } => f.debug_struct("Bind").field("name", name).finish_non_exhaustive(),
            Self::Unbind => f.write_str("Unbind"),
            Self::Search(search) => search.fmt(f),
            Self::Modify { entry, changes } => f
                .debug_struct("Modify")
                .field("entry", entry)
                .field("changes", changes)
                .finish(),
            Self::Extended { name, .. } => f
                .debug_struct("Extended")
                .field("name", name)
                .finish_non_exhaustive(),
            Self::Other(tag) => write!(f, "Other({tag:#04x})"),
        }
    }
}

impl fmt::Debug for Authentication<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simple(_) => f.write_str("Simple([REDACTED])"),
            Self::Sasl { mechanism, .. } => write!(f, "Sasl({mechanism:?}, [REDACTED])"),
        }
    }
}

impl fmt::Debug for Filter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equality(attribute, _) => write!(f, "Equality({attribute:?}, [REDACTED])"),
            Self::Present(attribute) => write!(f, "Present({attribute:?})"),
            Self::Other(tag) => write!(f, "Other({tag:#04x})"),
        }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value([REDACTED])")
    }
}

impl fmt::Debug for PasswordModify<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordModify")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::oid;
    use super::*;

    fn search() -> Request<'static> {
        Request::Search(Search {
            base: "dc=example,dc=org",
            scope: Scope::Subtree,
            size_limit: 2,
            filter: Filter::Equality("uid", b"a*)(x=y"),
            attributes: vec!["entryCSN", "1.1"],
        })
    }

    #[test]
    fn request_reads_back_as_it_was_encoded() {
        let changes = vec![
            Modification::new(Operation::Delete, "pwdLastSet", Value::Bytes(b"133")),
            Modification::new(Operation::Add, "pwdLastSet", Value::Bytes(b"-1")),
            Modification {
                operation: Operation::Replace,
                attribute: "lockoutTime",
                values: vec![],
            },
        ];
        let external = Authentication::Sasl {
            mechanism: "EXTERNAL",
            credentials: None,
        };
        let requests = [
            Request::Bind {
                name: "cn=service",
                authentication: Authentication::Simple(b"secret-1"),
            },
            Request::Bind {
                name: "",
                authentication: external,
            },
            Request::Unbind,
            search(),
            Request::Modify {
                entry: "cn=alice",
                changes,
            },
            Request::Extended {
                name: oid::START_TLS,
                value: None,
            },
        ];
        let controls = [Control::asking(oid::PASSWORD_POLICY)];
        for request in requests {
            for controls in [&controls[..], &[]] {
                let message = request.encode(1000, controls).unwrap();
                assert_eq!(
                    Request::decode(&message),
                    Ok((1000, request.clone(), controls.to_vec()))
                );
            }
        }
    }

    #[test]
    fn password_modify_is_encoded_as_rfc_3062_defines_it() {
        let value = PasswordModify {
            user: "uid=a",
            old: Some("old"),
            new: Some("new"),
        };
        let request = Request::Extended {
            name: oid::PASSWORD_MODIFY,
            value: Some(Value::PasswordModify(value)),
        };
        let message = request.encode(2, &[]).unwrap();
        let mut expected = vec![0x30, 51, 2, 1, 2, 0x77, 46, 0x80, 23];
        expected.extend(oid::PASSWORD_MODIFY.as_bytes());
        expected.extend([0x81, 19, 0x30, 17, 0x80, 5]);
        expected.extend(b"uid=a\x81\x03old\x82\x03new");
        assert_eq!(*message, expected);
        let Ok((
            2,
            Request::Extended {
                value: Some(Value::Bytes(read)),
                ..
            },
            _,
        )) = Request::decode(&message)
        else {
            panic!("it reads back");
        };
        assert_eq!(PasswordModify::decode(read), Ok(value));
    }

    #[test]
    fn password_of_active_directory_stands_in_the_modification() {
        let change = Modification::new(Operation::Replace, "unicodePwd", Value::QuotedUtf16("é"));
        let request = Request::Modify {
            entry: "cn=a",
            changes: vec![change],
        };
        let message = request.encode(1, &[]).unwrap();
        let (_, read, _) = Request::decode(&message).unwrap();
        let Request::Modify { changes, .. } = read else {
            panic!("it is a Modify");
        };
        assert_eq!(changes[0].values, [Value::Bytes(b"\"\0\xe9\0\"\0")]);
    }

    #[test]
    fn request_that_only_reading_knows_is_not_encoded() {
        assert_eq!(Request::Other(0x50).encode(1, &[]).err(), Some(Malformed));
    }

    #[test]
    fn request_debug_shows_no_secret() {
        let bind = Request::Bind {
            name: "cn=service",
            authentication: Authentication::Simple(b"canary-1"),
        };
        let value = PasswordModify {
            user: "uid=a",
            old: Some("canary-2"),
            new: Some("canary-3"),
        };
        let extended = Request::Extended {
            name: oid::PASSWORD_MODIFY,
            value: Some(Value::PasswordModify(value)),
        };
        let modify = Request::Modify {
            entry: "cn=a",
            changes: vec![Modification::new(
                Operation::Replace,
                "userPassword",
                Value::Bytes(b"canary-4"),
            )],
        };
        let shown = format!("{bind:?} {extended:?} {modify:?} {value:?} {:?}", search());
        // Bytes are shown as numbers: 99 is the first of the canary.
        assert!(!shown.contains("canary") && !shown.contains("99"), "{shown}");
    }
}
