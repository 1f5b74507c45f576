//! What makes a change take effect exactly once: the server refuses it if it has made it, and shows that it has.

use repass_domain::PriorState;
use repass_transport::ldap::{Control, Entry, Modification, Operation, Reply, Value, code};

use crate::dialect::Dialect;
use crate::lookup::{ENTRY_CSN, PASSWORD_SET};

/// The marker of one change, and the state of the entry that the change is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Guard {
    attribute: String,
    marker: String,
    previous: Option<String>,
    /// Of OpenLDAP: the change number that the entry must have.
    entry_csn: Option<String>,
    /// Of Active Directory: when the password must have been set.
    password_set: Option<String>,
}

impl Guard {
    const MARKER: &str = "marker";

    /// The guard of the next change of this entry.
    pub(crate) fn new(attribute: &str, marker: String, entry: &Entry, dialect: Dialect) -> Self {
        let text = |name, of| {
            let text = entry.text(name).filter(|_| dialect == of);
            text.map(str::to_owned)
        };
        Self {
            attribute: attribute.to_owned(),
            marker,
            previous: entry.text(attribute).map(str::to_owned),
            entry_csn: text(ENTRY_CSN, Dialect::PasswordModify),
            password_set: text(PASSWORD_SET, Dialect::ActiveDirectory),
        }
    }

    /// The state before the change, together with its marker.
    pub(crate) fn note(&self, before: PriorState) -> PriorState {
        before.with(Self::MARKER, &*self.marker)
    }

    /// Whether the entry holds the marker of a change, if that has one.
    pub(crate) fn is_marked(entry: &Entry, attribute: Option<&str>, before: &PriorState) -> Option<bool> {
        let marker = before.get(Self::MARKER)?;
        Some(entry.text(attribute?) == Some(marker))
    }

    /// Whether the entry holds this marker.
    pub(crate) fn marks(&self, entry: &Entry) -> bool {
        entry.text(&self.attribute) == Some(&*self.marker)
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
        changes.extend(self.previous.as_deref().map(|text| delete(&self.attribute, text)));
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
