//! The change as a request. It borrows the passwords, so each is copied once, into the buffer that is sent.

use repass_domain::Password;
use repass_transport::ldap::{Modification, Operation, PasswordModify, Request, Value, oid};

use secrecy::ExposeSecret as _;

use crate::dialect::Dialect;
use crate::guard::Guard;

/// What a change of Active Directory does besides.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Besides {
    pub(crate) must_change: bool,
    pub(crate) unlock: bool,
}

/// Whether a directory that takes hashes in place of passwords would take this for one: `{SSHA}…`.
pub(crate) fn reads_as_hash(password: &Password) -> bool {
    #[expect(clippy::disallowed_methods, reason = "looked at in place")]
    let text = password.expose_secret();
    text.strip_prefix('{').is_some_and(|rest| rest.contains('}'))
}

/// The request. `old` is the current password, of a change.
pub(crate) fn change<'a>(
    dialect: Dialect,
    dn: &'a str,
    old: Option<&'a str>,
    new: &'a str,
    besides: Besides,
    guard: Option<&'a Guard>,
) -> Request<'a> {
    match dialect {
        Dialect::PasswordModify if guard.is_none() => Request::Extended {
            name: oid::PASSWORD_MODIFY,
            value: Some(Value::PasswordModify(PasswordModify {
                user: dn,
                old,
                new: Some(new),
            })),
        },
        Dialect::PasswordModify | Dialect::Directory389 => {
            let value = |text: &'a str| Value::Bytes(text.as_bytes());
            let mut changes = swap("userPassword", old.map(value), value(new));
            changes.extend(guard.into_iter().flat_map(|guard| guard.modifications(false)));
            modify(dn, changes)
        }
        Dialect::ActiveDirectory => {
            let old_value = old.map(Value::QuotedUtf16);
            let mut changes = swap("unicodePwd", old_value, Value::QuotedUtf16(new));
            // In the same operation, so that both happen or neither.
            let zero = |attribute| Modification::new(Operation::Replace, attribute, Value::Bytes(b"0"));
            let expires = besides.must_change && old.is_none();
            match guard {
                Some(guard) => changes.extend(guard.modifications(expires)),
                None => changes.extend(expires.then(|| zero("pwdLastSet"))),
            }
            changes.extend((besides.unlock && old.is_none()).then(|| zero("lockoutTime")));
            modify(dn, changes)
        }
    }
}

fn modify<'a>(entry: &'a str, changes: Vec<Modification<'a>>) -> Request<'a> {
    Request::Modify { entry, changes }
}

fn swap<'a>(attribute: &'a str, old: Option<Value<'a>>, new: Value<'a>) -> Vec<Modification<'a>> {
    match old {
        None => vec![Modification::new(Operation::Replace, attribute, new)],
        Some(old) => vec![
            Modification::new(Operation::Delete, attribute, old),
            Modification::new(Operation::Add, attribute, new),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operations(request: &Request<'_>) -> Vec<(Operation, String)> {
        let Request::Modify { changes, .. } = request else {
            panic!("it is a Modify");
        };
        let of = |change: &Modification<'_>| (change.operation, change.attribute.to_owned());
        changes.iter().map(of).collect()
    }

    #[test]
    fn active_directory_does_everything_in_one_modify() {
        let both = Besides {
            must_change: true,
            unlock: true,
        };
        let reset = change(Dialect::ActiveDirectory, "cn=a", None, "new", both, None);
        let replaced = |name: &str| (Operation::Replace, name.to_owned());
        assert_eq!(
            operations(&reset),
            [
                replaced("unicodePwd"),
                replaced("pwdLastSet"),
                replaced("lockoutTime")
            ]
        );
        let change = change(Dialect::ActiveDirectory, "cn=a", Some("old"), "new", both, None);
        let password = |operation| (operation, "unicodePwd".to_owned());
        assert_eq!(
            operations(&change),
            [password(Operation::Delete), password(Operation::Add)]
        );
    }
}
