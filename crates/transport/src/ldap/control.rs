//! Controls (RFC 4511, section 4.1.11), and the two that repass reads or writes the value of.

use std::fmt;

use super::ber::{BOOLEAN, Element, Malformed, OCTET_STRING, Reader, SEQUENCE};
use super::oid;

const CONTROLS: u8 = 0xa0;

/// A control of an LDAP request or response. `Debug` leaves out the value.
#[derive(Clone, PartialEq, Eq)]
pub struct Control {
    /// The OID that says which control it is.
    pub oid: String,
    /// Whether a server that does not know it must refuse the request.
    pub is_critical: bool,
    /// The encoded value of the control, if it has one.
    pub value: Option<Vec<u8>>,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control")
            .field("oid", &self.oid)
            .finish_non_exhaustive()
    }
}

impl Control {
    /// Creates a control that has no value and that a server may ignore.
    pub fn asking(oid: &str) -> Self {
        Self {
            oid: oid.to_owned(),
            is_critical: false,
            value: None,
        }
    }

    /// Creates a control that makes the server refuse the operation unless an attribute has this value (RFC 4528).
    pub fn asserting(attribute: &str, value: &[u8]) -> Self {
        const EQUALITY: u8 = 0xa3;
        let parts = vec![Element::text(attribute), Element::bytes(OCTET_STRING, value)];
        Self {
            oid: oid::ASSERTION.to_owned(),
            is_critical: true,
            value: Some(Element::constructed(EQUALITY, parts).encode().to_vec()),
        }
    }
}

/// The password policy control of a bind's or change's response (draft-behera-ldap-password-policy, section 6.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PasswordPolicyControl {
    /// The warning, such as that the password will expire.
    pub warning: Option<PasswordWarning>,
    /// The error code: why the operation was refused, or what must be done next.
    pub error: Option<u32>,
}

/// A warning of the password policy control about an expiring or expired password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordWarning {
    /// The number of seconds until the password expires.
    SecondsBeforeExpiry(u32),
    /// The number of further binds that an expired password allows.
    GraceBinds(u32),
}

impl PasswordPolicyControl {
    const WARNING: u8 = 0xa0;
    const ERROR: u8 = 0x81;
    const SECONDS_BEFORE_EXPIRY: u8 = 0x80;
    const GRACE_BINDS: u8 = 0x81;

    /// Finds the password policy control among these; `None` if there is none, or its value cannot be read.
    pub fn find(controls: &[Control]) -> Option<Self> {
        let control = controls
            .iter()
            .find(|control| control.oid == oid::PASSWORD_POLICY)?;
        Self::decode(control.value.as_deref()?).ok()
    }

    fn decode(value: &[u8]) -> Result<Self, Malformed> {
        let mut parts = Reader::new(value).expect(SEQUENCE)?.reader();
        let warning = match parts.optional(Self::WARNING)? {
            None => None,
            Some(warning) => {
                let warning = warning.reader().read()?.ok_or(Malformed)?;
                match warning.tag {
                    Self::SECONDS_BEFORE_EXPIRY => {
                        Some(PasswordWarning::SecondsBeforeExpiry(warning.number()?))
                    }
                    Self::GRACE_BINDS => Some(PasswordWarning::GraceBinds(warning.number()?)),
                    _ => return Err(Malformed),
                }
            }
        };
        let error = parts
            .optional(Self::ERROR)?
            .map(|error| error.number())
            .transpose()?;
        Ok(Self { warning, error })
    }

    /// Encodes this as a control of a response, for an emulated server.
    pub fn control(self) -> Control {
        let mut parts = Vec::new();
        if let Some(warning) = self.warning {
            let (tag, number) = match warning {
                PasswordWarning::SecondsBeforeExpiry(seconds) => (Self::SECONDS_BEFORE_EXPIRY, seconds),
                PasswordWarning::GraceBinds(binds) => (Self::GRACE_BINDS, binds),
            };
            parts.push(Element::constructed(
                Self::WARNING,
                vec![Element::integer(tag, number)],
            ));
        }
        parts.extend(self.error.map(|error| Element::integer(Self::ERROR, error)));
        Control {
            value: Some(Element::constructed(SEQUENCE, parts).encode().to_vec()),
            ..Control::asking(oid::PASSWORD_POLICY)
        }
    }
}

/// The controls behind an operation, if there are any.
pub(super) fn element(controls: &[Control]) -> Option<Element<'_>> {
    let each = controls.iter().map(|control| {
        let mut parts = vec![Element::text(&control.oid)];
        parts.extend(control.is_critical.then(|| Element::boolean(true)));
        let value = control.value.as_deref();
        parts.extend(value.map(|value| Element::bytes(OCTET_STRING, value)));
        Element::constructed(SEQUENCE, parts)
    });
    let each: Vec<_> = each.collect();
    (!each.is_empty()).then(|| Element::constructed(CONTROLS, each))
}

/// The controls behind an operation.
pub(super) fn decode(rest: &mut Reader<'_>) -> Result<Vec<Control>, Malformed> {
    let Some(list) = rest.optional(CONTROLS)? else {
        return Ok(vec![]);
    };
    let mut list = list.reader();
    let mut controls = Vec::new();
    while let Some(control) = list.optional(SEQUENCE)? {
        let mut parts = control.reader();
        let oid = parts.expect(OCTET_STRING)?.text();
        let is_critical = match parts.optional(BOOLEAN)? {
            Some(item) => item.truth()?,
            None => false,
        };
        let value = parts.optional(OCTET_STRING)?.map(|item| item.value.to_vec());
        controls.push(Control {
            oid,
            is_critical,
            value,
        });
    }
    if list.is_at_end() {
        Ok(controls)
    } else {
        Err(Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_policy_control_reads_back() {
        for (warning, error) in [
            (None, None),
            (None, Some(8)),
            (Some(PasswordWarning::GraceBinds(3)), Some(0)),
            (Some(PasswordWarning::SecondsBeforeExpiry(86_400)), None),
        ] {
            let policy = PasswordPolicyControl { warning, error };
            assert_eq!(PasswordPolicyControl::find(&[policy.control()]), Some(policy));
        }
        assert_eq!(PasswordPolicyControl::find(&[]), None);
    }

    #[test]
    fn password_policy_control_of_389_is_read() {
        let control = Control {
            value: Some(vec![0x30, 0x84, 0, 0, 0, 3, 0x81, 1, 5]),
            ..Control::asking(oid::PASSWORD_POLICY)
        };
        let read = PasswordPolicyControl::find(&[control]).unwrap();
        assert_eq!((read.error, read.warning), (Some(5), None));
    }

    #[test]
    fn password_policy_control_that_cannot_be_read_is_none() {
        for value in [
            None,
            Some(vec![]),
            Some(vec![0x30, 2, 0x81, 0]),
            Some(vec![0x30, 2, 0xa0, 0]),
        ] {
            let control = Control {
                value,
                ..Control::asking(oid::PASSWORD_POLICY)
            };
            assert_eq!(PasswordPolicyControl::find(&[control]), None);
        }
    }

    #[test]
    fn assertion_is_critical_and_holds_an_encoded_equality() {
        let control = Control::asserting("entryCSN", b"2026");
        assert!(control.is_critical);
        assert_eq!(
            control.value.as_deref(),
            Some(&b"\xa3\x10\x04\x08entryCSN\x04\x042026"[..])
        );
    }
}
