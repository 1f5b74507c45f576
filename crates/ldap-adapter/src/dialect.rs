//! What kind of server answers, by its root DSE.

use repass_domain::ErrorKind;
use repass_provider::Classification;
use repass_transport::ldap::{Entry, Filter, Scope, Search, oid};

/// How a server changes passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// By the Password Modify operation: OpenLDAP, and others.
    PasswordModify,
    /// By a Modify of `userPassword`, which names each broken rule and hashes: 389 Directory Server.
    Directory389,
    /// By a Modify of `unicodePwd`.
    ActiveDirectory,
}

/// Reads the root DSE.
pub(crate) fn search() -> Search<'static> {
    Search {
        base: "",
        scope: Scope::Base,
        size_limit: 1,
        filter: Filter::Present("objectClass"),
        attributes: vec![
            "objectClass",
            "vendorName",
            "supportedExtension",
            "supportedCapabilities",
            "defaultNamingContext",
            "dnsHostName",
            "dsServiceName",
            "currentTime",
        ],
    }
}

impl Dialect {
    /// That of the server with this root DSE, which the configured kind must fit.
    pub(crate) fn of(root: &Entry, is_active_directory: bool) -> Result<Self, Classification> {
        let has = |attribute: &str, value: &str| root.values(attribute).any(|it| it == value.as_bytes());
        let refused = |hint| Err(Classification::rejected(ErrorKind::Misconfigured).with_hint(hint));
        match (
            has("supportedCapabilities", oid::ACTIVE_DIRECTORY),
            is_active_directory,
        ) {
            (true, true) if has("supportedCapabilities", oid::READ_ONLY_DOMAIN_CONTROLLER) => {
                refused("the domain controller is a read-only one; set `url` to one that takes changes")
            }
            (true, true) => Ok(Self::ActiveDirectory),
            (true, false) => refused("the server is a domain controller; set `kind = \"active-directory\"`"),
            (false, true) => refused("the server is no domain controller; set `kind = \"ldap\"`"),
            (false, false) if root.text("vendorName") == Some("389 Project") => Ok(Self::Directory389),
            (false, false) if has("supportedExtension", oid::PASSWORD_MODIFY) => Ok(Self::PasswordModify),
            (false, false) => refused(
                "the server has no Password Modify operation (RFC 3062), so its passwords cannot be changed",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(attribute: &str, value: &str) -> Entry {
        Entry {
            dn: String::new(),
            attributes: vec![(attribute.to_owned(), vec![value.as_bytes().to_vec()])],
        }
    }

    #[test]
    fn dialect_is_read_from_the_root_dse_and_must_fit_the_kind() {
        let domain = root("supportedCapabilities", oid::ACTIVE_DIRECTORY);
        let slapd = root("supportedExtension", oid::PASSWORD_MODIFY);
        let of_389 = root("vendorName", "389 Project");
        assert_eq!(Dialect::of(&domain, true), Ok(Dialect::ActiveDirectory));
        assert_eq!(Dialect::of(&slapd, false), Ok(Dialect::PasswordModify));
        assert_eq!(Dialect::of(&of_389, false), Ok(Dialect::Directory389));
        for (root, is_domain) in [(&domain, false), (&slapd, true), (&Entry::default(), false)] {
            let refused = Dialect::of(root, is_domain).unwrap_err();
            assert_eq!(refused.kind, ErrorKind::Misconfigured);
        }
        let mut read_only = domain;
        let capability = oid::READ_ONLY_DOMAIN_CONTROLLER.as_bytes().to_vec();
        read_only.attributes[0].1.push(capability);
        assert!(Dialect::of(&read_only, true).is_err());
    }
}
