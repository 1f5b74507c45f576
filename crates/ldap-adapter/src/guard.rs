//! What makes a change take effect exactly once: the server refuses it if it has made it, and shows that it has.

use repass_domain::{ErrorKind, PriorState};
use repass_provider::Classification;
use repass_transport::ldap::{Control, Entry, Modification, Operation, Reply, Value, code};

use uuid::Uuid;

use crate::dialect::Dialect;
use crate::lookup::{ENTRY_CSN, PASSWORD_SET};

/// The marker of one change, and the state of the entry that the change is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Guard {
    attribute: String,
    marker: String,
    /// The markers of earlier changes.
    previous: Vec<String>,
    /// Of OpenLDAP: the change number that the entry must have.
    entry_csn: Option<String>,
    /// Of Active Directory: when the password must have been set.
    password_set: Option<String>,
}

impl Guard {
    // In the state before a change.
    const MARKER: &str = "marker";
    const ATTRIBUTE: &str = "marker_attribute";
    const PREVIOUS: &str = "previous_marker";

    // What every marker begins with.
    const PREFIX: &str = "repass:";

    /// The guard of the next change of this entry, if its attribute holds nothing but markers.
    pub(crate) fn new(attribute: &str, entry: &Entry, dialect: Dialect) -> Result<Self, Classification> {
        let text = |name, of| {
            let text = entry.text(name).filter(|_| dialect == of);
            text.map(str::to_owned)
        };
        let marker = |value: &[u8]| {
            let text = std::str::from_utf8(value).ok()?;
            text.starts_with(Self::PREFIX).then(|| text.to_owned())
        };
        let previous = entry.values(attribute).map(marker).collect::<Option<_>>();
        Ok(Self {
            attribute: attribute.to_owned(),
            marker: format!("{}{}", Self::PREFIX, Uuid::new_v4()),
            previous: previous.ok_or_else(|| {
                Classification::rejected(ErrorKind::Misconfigured).with_hint(
                    "the user's `marker_attribute` holds something else; name an attribute that nothing else uses",
                )
            })?,
            entry_csn: text(ENTRY_CSN, Dialect::PasswordModify),
            password_set: text(PASSWORD_SET, Dialect::ActiveDirectory),
        })
    }

    /// The state before the change, together with its marker.
    pub(crate) fn note(&self, before: PriorState) -> PriorState {
        let noted = before
            .with(Self::MARKER, &*self.marker)
            .with(Self::ATTRIBUTE, &*self.attribute);
        match self.previous.first() {
            Some(previous) => noted.with(Self::PREVIOUS, &**previous),
            None => noted,
        }
    }

    /// Whether the entry holds the marker of a change, if that can be said. It does not only if the one of the change
    /// before is still there: an attribute that is empty may have been emptied, or may not be readable.
    pub(crate) fn is_marked(entry: &Entry, attribute: Option<&str>, before: &PriorState) -> Option<bool> {
        let attribute = attribute.filter(|name| before.get(Self::ATTRIBUTE) == Some(name))?;
        let holds = |marker: &&str| entry.values(attribute).any(|value| value == marker.as_bytes());
        if before.get(Self::MARKER).as_ref().is_some_and(holds) {
            return Some(true);
        }
        before.get(Self::PREVIOUS).filter(holds).map(|_| false)
    }

    /// The same for this guard.
    pub(crate) fn marks(&self, entry: &Entry) -> Option<bool> {
        Self::is_marked(entry, Some(&self.attribute), &self.note(PriorState::default()))
    }

    /// What the change does besides. The user must choose another password afterwards if `expires` is true.
    pub(crate) fn modifications(&self, expires: bool) -> Vec<Modification<'_>> {
        let value = |text| Value::Bytes(str::as_bytes(text));
        let mut changes = Vec::new();
        let delete = |name, text| Modification::new(Operation::Delete, name, value(text));
        let add = |name, text| Modification::new(Operation::Add, name, value(text));
        let now = if expires { "0" } else { "-1" };
        match self.password_set.as_deref() {
            Some(set) if set != now => changes.extend([delete(PASSWORD_SET, set), add(PASSWORD_SET, now)]),
            // It has the value that it shall have, and the new password would change that.
            _ if expires => changes.push(Modification::new(Operation::Replace, PASSWORD_SET, value(now))),
            _ => {}
        }
        changes.extend(self.previous.iter().map(|text| delete(&self.attribute, text)));
        changes.push(add(&self.attribute, &self.marker));
        changes
    }

    /// The state that the entry must have, where the server takes that as a control.
    pub(crate) fn assertion(&self) -> Option<Control> {
        let csn = self.entry_csn.as_deref()?;
        Some(Control::asserting(ENTRY_CSN, csn.as_bytes()))
    }
}

/// Whether the server refused a change because the entry is no longer in the state that the change is good for. It will
/// refuse every copy of it.
pub(crate) fn is_stale(reply: &Reply) -> bool {
    matches!(
        reply.result.code,
        code::NO_SUCH_ATTRIBUTE | code::ATTRIBUTE_OR_VALUE_EXISTS | code::ASSERTION_FAILED
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(markers: &[&str]) -> Entry {
        let values = markers.iter().map(|marker| marker.as_bytes().to_vec());
        Entry {
            dn: "cn=alice".to_owned(),
            attributes: vec![("info".to_owned(), values.collect())],
        }
    }

    #[test]
    fn marker_is_found_among_others_and_missed_only_where_the_last_one_is_left() {
        let guard = Guard::new("info", &entry(&["repass:1", "repass:0"]), Dialect::Directory389).unwrap();
        for (markers, is_marked) in [
            (&[&*guard.marker][..], Some(true)),
            (&["repass:7", &guard.marker], Some(true)),
            (&["repass:1", "repass:0"], Some(false)),
            (&["repass:7"], None),
            (&[], None),
        ] {
            assert_eq!(guard.marks(&entry(markers)), is_marked, "{markers:?}");
        }
        let noted = guard.note(PriorState::default());
        for other in [None, Some("description")] {
            assert_eq!(Guard::is_marked(&entry(&[&guard.marker]), other, &noted), None);
        }
        // Both earlier ones go.
        assert_eq!(guard.modifications(false).len(), 3);
    }

    #[test]
    fn marker_replaces_nothing_of_another_kind() {
        for values in [&["call after 5"][..], &["repass:1", "call after 5"]] {
            let refused = Guard::new("info", &entry(values), Dialect::ActiveDirectory).unwrap_err();
            assert_eq!(refused.kind, ErrorKind::Misconfigured);
        }
    }

    #[test]
    fn only_a_refusal_for_the_state_of_the_entry_is_good_for_every_copy() {
        for (code, expected) in [
            (code::NO_SUCH_ATTRIBUTE, true),
            (code::ATTRIBUTE_OR_VALUE_EXISTS, true),
            (code::ASSERTION_FAILED, true),
            (code::SUCCESS, false),
            (code::BUSY, false),
            (code::UNAVAILABLE, false),
            (code::INSUFFICIENT_ACCESS_RIGHTS, false),
            (code::CONSTRAINT_VIOLATION, false),
        ] {
            let reply = Reply {
                result: repass_transport::ldap::LdapResult::new(code, ""),
                controls: vec![],
                has_value: false,
            };
            assert_eq!(is_stale(&reply), expected, "{code}");
        }
    }
}
