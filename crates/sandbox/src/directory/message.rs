//! Requests as they are read, responses as they are written (RFC 4511).

use super::ber::{BOOLEAN, ENUMERATED, INTEGER, Lengths, Malformed, OCTETS, Reader, SEQUENCE, SET};

pub(super) const PASSWORD_MODIFY: &str = "1.3.6.1.4.1.4203.1.11.1";
pub(super) const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
pub(super) const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";
pub(super) const PASSWORD_POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";
pub(super) const ASSERTION: &str = "1.3.6.1.1.12";

/// One request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) id: i32,
    pub(super) operation: Operation,
    pub(super) controls: Vec<Control>,
}

/// What a request asks for.
#[derive(Debug)]
pub(super) enum Operation {
    Bind {
        name: String,
        /// `None` for SASL.
        password: Option<String>,
    },
    Unbind,
    Search(Search),
    Modify {
        dn: String,
        changes: Vec<Modification>,
    },
    Extended {
        oid: String,
        value: Option<Vec<u8>>,
    },
    Abandon,
    /// One of those that no password change needs; this is its tag.
    Other(u8),
}

#[derive(Debug)]
pub(super) struct Search {
    pub(super) base: String,
    pub(super) scope: i32,
    pub(super) filter: Filter,
    pub(super) attributes: Vec<String>,
}

/// The filters that the emulation evaluates.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Equal(String, Vec<u8>),
    Present(String),
    /// Any other, which selects nothing.
    Undefined,
}

/// One change of a Modify request.
#[derive(Debug)]
pub(super) struct Modification {
    pub(super) kind: ModificationKind,
    /// In lower case.
    pub(super) attribute: String,
    pub(super) values: Vec<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ModificationKind {
    Add,
    Delete,
    Replace,
}

#[derive(Debug, Clone)]
pub(super) struct Control {
    pub(super) oid: String,
    pub(super) is_critical: bool,
    pub(super) value: Option<Vec<u8>>,
}

impl Request {
    pub(super) fn read(message: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader(Reader(message).expect(SEQUENCE)?);
        let id = reader.integer(INTEGER)?;
        let (tag, contents) = reader.next()?;
        let operation = Operation::read(tag, contents)?;
        let mut controls = Vec::new();
        if let Some(list) = reader.optional(0xa0)? {
            let mut list = Reader(list);
            while !list.is_empty() {
                let mut control = Reader(list.expect(SEQUENCE)?);
                controls.push(Control {
                    oid: control.text(OCTETS)?,
                    is_critical: control.optional(BOOLEAN)?.is_some_and(|value| value != [0]),
                    value: control.optional(OCTETS)?.map(<[u8]>::to_vec),
                });
            }
        }
        Ok(Self {
            id,
            operation,
            controls,
        })
    }

    pub(super) fn control(&self, oid: &str) -> Option<&Control> {
        self.controls.iter().find(|control| control.oid == oid)
    }
}

impl Operation {
    /// The tag of a request for it.
    pub(super) fn tag(&self) -> u8 {
        match self {
            Self::Bind { .. } => 0x60,
            Self::Unbind => 0x42,
            Self::Search(_) => 0x63,
            Self::Modify { .. } => 0x66,
            Self::Extended { .. } => 0x77,
            Self::Abandon => 0x50,
            Self::Other(tag) => *tag,
        }
    }

    fn read(tag: u8, contents: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader(contents);
        Ok(match tag {
            0x60 => {
                reader.integer(INTEGER)?;
                let name = reader.text(OCTETS)?;
                let password = match reader.next()? {
                    (0x80, password) => Some(String::from_utf8(password.to_vec()).map_err(|_| Malformed)?),
                    _ => None,
                };
                Self::Bind { name, password }
            }
            0x42 => Self::Unbind,
            0x50 => Self::Abandon,
            0x63 => {
                let base = reader.text(OCTETS)?;
                let scope = reader.integer(ENUMERATED)?;
                reader.expect(ENUMERATED)?;
                reader.expect(INTEGER)?;
                reader.expect(INTEGER)?;
                reader.expect(BOOLEAN)?;
                let filter = Filter::read(&mut reader, 0)?;
                let mut attributes = Vec::new();
                let mut list = Reader(reader.expect(SEQUENCE)?);
                while !list.is_empty() {
                    attributes.push(list.text(OCTETS)?);
                }
                Self::Search(Search {
                    base,
                    scope,
                    filter,
                    attributes,
                })
            }
            0x66 => {
                let dn = reader.text(OCTETS)?;
                let mut list = Reader(reader.expect(SEQUENCE)?);
                let mut changes = Vec::new();
                while !list.is_empty() {
                    changes.push(Modification::read(list.expect(SEQUENCE)?)?);
                }
                Self::Modify { dn, changes }
            }
            0x77 => Self::Extended {
                oid: reader.text(0x80)?,
                value: reader.optional(0x81)?.map(<[u8]>::to_vec),
            },
            other => Self::Other(other),
        })
    }
}

impl Modification {
    fn read(contents: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader(contents);
        let kind = match reader.integer(ENUMERATED)? {
            0 => ModificationKind::Add,
            1 => ModificationKind::Delete,
            2 => ModificationKind::Replace,
            _ => return Err(Malformed),
        };
        let mut attribute = Reader(reader.expect(SEQUENCE)?);
        let name = attribute.text(OCTETS)?.to_lowercase();
        let mut set = Reader(attribute.expect(SET)?);
        let mut values = Vec::new();
        while !set.is_empty() {
            values.push(set.expect(OCTETS)?.to_vec());
        }
        Ok(Self {
            kind,
            attribute: name,
            values,
        })
    }
}

impl Filter {
    // Nesting is limited, since each level takes stack.
    pub(super) fn read(reader: &mut Reader<'_>, depth: u8) -> Result<Self, Malformed> {
        if depth > 16 {
            return Err(Malformed);
        }
        let (tag, contents) = reader.next()?;
        let mut inner = Reader(contents);
        let mut parts = || {
            let mut parts = Vec::new();
            while !inner.is_empty() {
                parts.push(Self::read(&mut inner, depth + 1)?);
            }
            Ok(parts)
        };
        Ok(match tag {
            0xa0 => Self::And(parts()?),
            0xa1 => Self::Or(parts()?),
            0xa2 => Self::Not(Box::new(Self::read(&mut inner, depth + 1)?)),
            0xa3 => {
                let name = inner.text(OCTETS)?.to_lowercase();
                Self::Equal(name, inner.expect(OCTETS)?.to_vec())
            }
            0x87 => Self::Present(String::from_utf8_lossy(contents).to_lowercase()),
            _ => Self::Undefined,
        })
    }
}

/// One response.
#[derive(Debug, Clone)]
pub(super) struct Response {
    pub(super) tag: u8,
    pub(super) contents: Contents,
    pub(super) controls: Vec<Control>,
}

#[derive(Debug, Clone)]
pub(super) enum Contents {
    Result(LdapResult),
    Entry(String, Vec<(String, Vec<Vec<u8>>)>),
    Reference(String),
}

/// A result code with its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LdapResult {
    pub(super) code: i32,
    pub(super) text: String,
    pub(super) referral: Option<String>,
    /// Of an extended operation.
    pub(super) value: Option<Vec<u8>>,
}

impl LdapResult {
    pub(super) fn new(code: i32, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
            referral: None,
            value: None,
        }
    }

    pub(super) fn success() -> Self {
        Self::new(0, "")
    }
}

impl Response {
    /// The result of an operation; `tag` is that of its request.
    pub(super) fn result(tag: u8, result: LdapResult) -> Self {
        Self {
            // SearchResultDone and ExtendedResponse are not one above their requests.
            tag: match tag {
                0x63 => 0x65,
                0x77 => 0x78,
                other => other + 1,
            },
            contents: Contents::Result(result),
            controls: Vec::new(),
        }
    }

    pub(super) fn entry(dn: &str, attributes: Vec<(String, Vec<Vec<u8>>)>) -> Self {
        Self {
            tag: 0x64,
            contents: Contents::Entry(dn.to_owned(), attributes),
            controls: Vec::new(),
        }
    }

    pub(super) fn reference(url: &str) -> Self {
        Self {
            tag: 0x73,
            contents: Contents::Reference(url.to_owned()),
            controls: Vec::new(),
        }
    }

    pub(super) fn write(&self, id: i32, lengths: Lengths) -> Vec<u8> {
        let octets = |bytes: &[u8]| lengths.element(OCTETS, bytes);
        let contents = match &self.contents {
            Contents::Result(result) => {
                let mut contents = lengths.integer(ENUMERATED, result.code);
                contents.extend(octets(&[]));
                contents.extend(octets(result.text.as_bytes()));
                if let Some(referral) = &result.referral {
                    contents.extend(lengths.element(0xa3, &octets(referral.as_bytes())));
                }
                if let Some(value) = &result.value {
                    contents.extend(lengths.element(0x8b, value));
                }
                contents
            }
            Contents::Entry(dn, attributes) => {
                let mut list = Vec::new();
                for (name, values) in attributes {
                    let values: Vec<u8> = values.iter().flat_map(|value| octets(value)).collect();
                    let mut attribute = octets(name.as_bytes());
                    attribute.extend(lengths.element(SET, &values));
                    list.extend(lengths.element(SEQUENCE, &attribute));
                }
                let mut contents = octets(dn.as_bytes());
                contents.extend(lengths.element(SEQUENCE, &list));
                contents
            }
            Contents::Reference(url) => octets(url.as_bytes()),
        };
        let mut message = lengths.integer(INTEGER, id);
        message.extend(lengths.element(self.tag, &contents));
        if !self.controls.is_empty() {
            let mut list = Vec::new();
            for control in &self.controls {
                let mut contents = octets(control.oid.as_bytes());
                if let Some(value) = &control.value {
                    contents.extend(octets(value));
                }
                list.extend(lengths.element(SEQUENCE, &contents));
            }
            message.extend(lengths.element(0xa0, &list));
        }
        lengths.element(SEQUENCE, &message)
    }
}

/// The value of an RFC 3062 request.
#[derive(Debug, Default)]
pub(super) struct PasswordModify {
    pub(super) user: Option<String>,
    pub(super) old: Option<String>,
    pub(super) new: Option<String>,
}

impl PasswordModify {
    pub(super) fn read(value: Option<&[u8]>) -> Result<Self, Malformed> {
        let Some(value) = value else {
            return Ok(Self::default());
        };
        let mut reader = Reader(Reader(value).expect(SEQUENCE)?);
        let mut text = |tag| {
            let value = reader.optional(tag)?.map(<[u8]>::to_vec);
            value.map(String::from_utf8).transpose().map_err(|_| Malformed)
        };
        Ok(Self {
            user: text(0x80)?,
            old: text(0x81)?,
            new: text(0x82)?,
        })
    }
}
