//! Responses (RFC 4511, section 4): what repass reads, and what a test server sends.

use std::fmt;

use zeroize::Zeroizing;

use super::ber::{ENUMERATED, Element, INTEGER, Malformed, OCTET_STRING, Reader, SEQUENCE, SET};
use super::control::{self, Control};

const BIND: u8 = 0x61;
const ENTRY: u8 = 0x64;
const SEARCH_DONE: u8 = 0x65;
const MODIFY: u8 = 0x67;
const REFERENCE: u8 = 0x73;
const EXTENDED: u8 = 0x78;
const REFERRALS: u8 = 0xa3;
const EXTENDED_NAME: u8 = 0x8a;
const EXTENDED_VALUE: u8 = 0x8b;

/// A message from an LDAP server: a response, with its id and controls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The id of the request that it belongs to; 0 for a notice that nothing asked for.
    pub id: u32,
    /// The response in the message.
    pub response: Response,
    /// The controls that come with the response.
    pub controls: Vec<Control>,
}

/// An LDAP response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// The response to a bind.
    Bind(LdapResult),
    /// An entry that a search found.
    Entry(Entry),
    /// A referral to another server that a search would have to ask. Never followed.
    Reference,
    /// The end of a search, with its result.
    SearchDone(LdapResult),
    /// The response to a Modify.
    Modify(LdapResult),
    /// The response to an extended operation.
    Extended(Extended),
    /// A response that this codec does not know, by its tag. It cannot be encoded.
    Other(u8),
}

/// The result of an LDAP operation. `Debug` shows the code alone: servers do echo what they were sent.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct LdapResult {
    /// The LDAP result code; 0 for success.
    pub code: u32,
    /// The server's diagnostic message, without the line feed or NUL that some put behind it.
    pub text: String,
    /// The URLs of the servers to ask instead, with code 10. Never followed.
    pub referrals: Vec<String>,
}

impl fmt::Debug for LdapResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LdapResult")
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

/// The response to an extended operation.
#[derive(Clone, PartialEq, Eq)]
pub struct Extended {
    /// The result of the operation.
    pub result: LdapResult,
    /// The OID of the response; servers leave it out, except of notices.
    pub name: Option<String>,
    /// The value of the response, if it has one: after a Password Modify, a password that the server invented.
    pub value: Option<Zeroizing<Vec<u8>>>,
}

/// An LDAP entry that a search found.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// The DN of the entry.
    pub dn: String,
    /// The requested attributes that the entry has, with their values.
    pub attributes: Vec<(String, Vec<Vec<u8>>)>,
}

impl Entry {
    /// Returns the values of an attribute, by its name in any letter case; empty if it has none.
    pub fn values(&self, attribute: &str) -> impl Iterator<Item = &[u8]> {
        let has_name = |(name, _): &&(String, Vec<Vec<u8>>)| name.eq_ignore_ascii_case(attribute);
        let values = self.attributes.iter().filter(has_name);
        values.flat_map(|(_, values)| values.iter().map(Vec::as_slice))
    }

    /// Returns the only value of an attribute, as text; `None` if it has none, several, or one that is not UTF-8.
    pub fn text(&self, attribute: &str) -> Option<&str> {
        let mut values = self.values(attribute);
        let value = values.next()?;
        let text = str::from_utf8(value).ok()?;
        values.next().is_none().then_some(text)
    }

    /// Returns the only value of an attribute, as a number.
    pub fn number<N: std::str::FromStr>(&self, attribute: &str) -> Option<N> {
        self.text(attribute)?.trim().parse().ok()
    }
}

impl LdapResult {
    /// Creates a result of this code and diagnostic message.
    pub fn new(code: u32, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
            referrals: vec![],
        }
    }

    fn decode(rest: &mut Reader<'_>) -> Result<Self, Malformed> {
        let code = rest.expect(ENUMERATED)?.number()?;
        rest.expect(OCTET_STRING)?;
        let text = rest.expect(OCTET_STRING)?.text();
        let mut referrals = Vec::new();
        if let Some(list) = rest.optional(REFERRALS)? {
            let mut list = list.reader();
            while let Some(url) = list.read()? {
                referrals.push(url.text());
            }
        }
        Ok(Self {
            code,
            text,
            referrals,
        })
    }

    fn elements(&self) -> Vec<Element<'_>> {
        let mut parts = vec![
            Element::integer(ENUMERATED, self.code),
            Element::text(""),
            Element::text(&self.text),
        ];
        if !self.referrals.is_empty() {
            let urls = self.referrals.iter().map(|url| Element::text(url)).collect();
            parts.push(Element::constructed(REFERRALS, urls));
        }
        parts
    }
}

impl Message {
    /// Decodes one whole LDAP message from a server. Elements behind those that LDAP defines are skipped, as RFC 4511
    /// demands.
    ///
    /// # Errors
    /// It is no message of LDAP.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut parts = Reader::new(message).expect(SEQUENCE)?.reader();
        let id = parts.expect(INTEGER)?.number()?;
        let operation = parts.read()?.ok_or(Malformed)?;
        let mut rest = operation.reader();
        let response = match operation.tag {
            BIND => Response::Bind(LdapResult::decode(&mut rest)?),
            ENTRY => Response::Entry(Entry::decode(&mut rest)?),
            REFERENCE => Response::Reference,
            SEARCH_DONE => Response::SearchDone(LdapResult::decode(&mut rest)?),
            MODIFY => Response::Modify(LdapResult::decode(&mut rest)?),
            EXTENDED => Response::Extended(Extended {
                result: LdapResult::decode(&mut rest)?,
                name: rest.optional(EXTENDED_NAME)?.map(|item| item.text()),
                value: rest
                    .optional(EXTENDED_VALUE)?
                    .map(|item| Zeroizing::new(item.value.to_vec())),
            }),
            other => Response::Other(other),
        };
        Ok(Self {
            id,
            response,
            controls: control::decode(&mut parts)?,
        })
    }

    /// Encodes the whole message, for an emulated server.
    ///
    /// # Errors
    /// It has a part that only reading knows.
    pub fn encode(&self) -> Result<Zeroizing<Vec<u8>>, Malformed> {
        let operation = match &self.response {
            Response::Bind(result) => Element::constructed(BIND, result.elements()),
            Response::Entry(entry) => entry.element(),
            Response::Reference => Element::constructed(REFERENCE, vec![]),
            Response::SearchDone(result) => Element::constructed(SEARCH_DONE, result.elements()),
            Response::Modify(result) => Element::constructed(MODIFY, result.elements()),
            Response::Extended(extended) => {
                let mut parts = extended.result.elements();
                let name = extended.name.as_deref();
                parts.extend(name.map(|name| Element::bytes(EXTENDED_NAME, name.as_bytes())));
                let value = extended.value.as_deref();
                parts.extend(value.map(|value| Element::bytes(EXTENDED_VALUE, value)));
                Element::constructed(EXTENDED, parts)
            }
            Response::Other(_) => return Err(Malformed),
        };
        let mut parts = vec![Element::integer(INTEGER, self.id), operation];
        parts.extend(control::element(&self.controls));
        Ok(Element::constructed(SEQUENCE, parts).encode())
    }
}

impl Entry {
    fn decode(rest: &mut Reader<'_>) -> Result<Self, Malformed> {
        let dn = rest.expect(OCTET_STRING)?.text();
        let mut list = rest.expect(SEQUENCE)?.reader();
        let mut attributes = Vec::new();
        while let Some(attribute) = list.read()? {
            let mut parts = attribute.reader();
            let name = parts.expect(OCTET_STRING)?.text();
            let mut set = parts.expect(SET)?.reader();
            let mut values = Vec::new();
            while let Some(value) = set.read()? {
                values.push(value.value.to_vec());
            }
            attributes.push((name, values));
        }
        Ok(Self { dn, attributes })
    }

    fn element(&self) -> Element<'_> {
        let attributes = self.attributes.iter().map(|(name, values)| {
            let values = values.iter().map(|value| Element::bytes(OCTET_STRING, value));
            let values = Element::constructed(SET, values.collect());
            Element::constructed(SEQUENCE, vec![Element::text(name), values])
        });
        let attributes = Element::constructed(SEQUENCE, attributes.collect());
        Element::constructed(ENTRY, vec![Element::text(&self.dn), attributes])
    }
}

impl fmt::Debug for Extended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extended")
            .field("result", &self.result)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.attributes.iter().map(|(name, _)| name).collect();
        f.debug_struct("Entry")
            .field("attributes", &names)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PasswordPolicyControl, oid};
    use super::*;

    fn message(response: Response) -> Message {
        let policy = PasswordPolicyControl {
            warning: None,
            error: Some(8),
        };
        Message {
            id: 3,
            response,
            controls: vec![policy.control()],
        }
    }

    #[test]
    fn message_reads_back_as_it_was_encoded() {
        let refused = LdapResult::new(19, "Password is in history of old passwords");
        let referral = LdapResult {
            referrals: vec!["ldap://other.example.org".to_owned()],
            ..LdapResult::new(10, "")
        };
        let entry = Entry {
            dn: "uid=alice,dc=example,dc=org".to_owned(),
            attributes: vec![
                ("uid".to_owned(), vec![b"alice".to_vec(), b"\xff".to_vec()]),
                ("cn".to_owned(), vec![]),
            ],
        };
        let extended = Extended {
            result: LdapResult::default(),
            name: Some(oid::NOTICE_OF_DISCONNECTION.to_owned()),
            value: Some(Zeroizing::new(vec![1, 2])),
        };
        for response in [
            Response::Bind(LdapResult::default()),
            Response::Entry(entry),
            Response::Reference,
            Response::SearchDone(refused.clone()),
            Response::Modify(refused),
            Response::Modify(referral),
            Response::Extended(extended),
        ] {
            let message = message(response);
            assert_eq!(Message::decode(&message.encode().unwrap()), Ok(message));
        }
    }

    #[test]
    fn text_of_a_result_loses_its_end() {
        let message = message(Response::Modify(LdapResult::new(19, "0000052D: AtrErr\n\0")));
        let read = Message::decode(&message.encode().unwrap()).unwrap();
        let Response::Modify(result) = read.response else {
            panic!("it is the response to a Modify");
        };
        assert_eq!(result.text, "0000052D: AtrErr");
    }

    #[test]
    fn hostile_message_is_malformed() {
        // The first four make other clients panic.
        for (what, bytes) in [
            ("empty bind response", &b"\x30\x05\x02\x01\x01\x61\x00"[..]),
            (
                "indefinite length",
                b"\x30\x80\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00\x00\x00",
            ),
            (
                "control without an OID",
                b"\x30\x10\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00\xa0\x02\x30\x00",
            ),
            (
                "bind response without a text",
                b"\x30\x0a\x02\x01\x01\x61\x05\x0a\x01\x00\x04\x00",
            ),
            ("no id", b"\x30\x09\x61\x07\x0a\x01\x00\x04\x00\x04\x00"),
            (
                "id above its range",
                b"\x30\x0e\x02\x06\x01\x00\x00\x00\x00\x00\x61\x07\x0a\x01\x00\x04\x00\x04\x00",
            ),
            (
                "negative code",
                b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\xff\x04\x00\x04\x00",
            ),
            (
                "inner length beyond the outer",
                b"\x30\x0c\x02\x01\x01\x61\x7f\x0a\x01\x00\x04\x00\x04\x00",
            ),
            ("nothing", b""),
            ("HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        ] {
            assert_eq!(Message::decode(bytes), Err(Malformed), "{what}");
        }
    }

    #[test]
    fn text_that_is_not_utf_8_is_read() {
        let bytes = b"\x30\x0e\x02\x01\x01\x61\x09\x0a\x01\x31\x04\x00\x04\x02\xff\xfe";
        let Response::Bind(result) = Message::decode(bytes).unwrap().response else {
            panic!("it is the response to a bind");
        };
        assert_eq!((result.code, &*result.text), (49, "\u{fffd}\u{fffd}"));
    }

    #[test]
    fn entry_values_are_found_in_any_letter_case() {
        let entry = Entry {
            dn: String::new(),
            attributes: vec![
                ("minPwdLength".to_owned(), vec![b"8".to_vec()]),
                ("mail".to_owned(), vec![b"a".to_vec(), b"b".to_vec()]),
            ],
        };
        assert_eq!(entry.number::<u32>("MINPWDLENGTH"), Some(8));
        assert_eq!((entry.text("mail"), entry.values("mail").count()), (None, 2));
        assert_eq!(entry.text("absent"), None);
    }

    #[test]
    fn invented_password_is_not_shown() {
        let extended = Extended {
            result: LdapResult::default(),
            name: None,
            value: Some(Zeroizing::new(b"canary".to_vec())),
        };
        let shown = format!("{:?}", message(Response::Extended(extended)).response);
        assert!(!shown.contains("canary") && !shown.contains("99"), "{shown}");
    }
}
