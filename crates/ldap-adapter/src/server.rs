//! What a directory server reports of itself.

use async_trait::async_trait;
use repass_domain::{CallContext, CallRedactor, Error};
use repass_provider::ServerInspector;
use repass_transport::ldap::{Entry, Filter, Scope, Search};

use crate::DirectoryService;
use crate::dialect::Dialect;

/// Names the domain controller that has a role, by the entry of its settings.
const ROLE_OWNER: &str = "fSMORoleOwner";

/// Reads which domain controller is the PDC emulator: it is the role that the domain's entry names.
fn search(domain: &str) -> Search<'_> {
    Search {
        base: domain,
        scope: Scope::Base,
        size_limit: 1,
        filter: Filter::Present("objectClass"),
        attributes: vec![ROLE_OWNER],
    }
}

/// The domain controller with this root DSE, and its role by the domain's entry.
fn domain_controller(root: &Entry, domain: &Entry) -> String {
    let host = root.text("dnsHostName").unwrap_or("a domain controller");
    match (root.text("dsServiceName"), domain.text(ROLE_OWNER)) {
        (Some(this), Some(owner)) if this.eq_ignore_ascii_case(owner) => {
            format!("{host} answers, the PDC emulator")
        }
        (Some(_), Some(owner)) => {
            // `CN=NTDS Settings,CN=DC1,CN=Servers,…`
            let name = owner.split(',').nth(1).and_then(|part| part.split_once('='));
            let name = name.map_or(owner, |(_, name)| name);
            format!("{host} answers; the PDC emulator is another one, {name}")
        }
        _ => format!("{host} answers; the service account may not read whether it is the PDC emulator"),
    }
}

/// An LDAP server with this root DSE, and how it changes passwords.
fn ldap_server(root: &Entry, is_389: bool) -> String {
    let is_openldap = root
        .values("objectClass")
        .any(|class| class.eq_ignore_ascii_case(b"OpenLDAProotDSE"));
    match () {
        () if is_389 => "389 Directory Server answers; a reset is a Modify of userPassword".to_owned(),
        () if is_openldap => "OpenLDAP answers, with the Password Modify operation".to_owned(),
        () => format!(
            "{} answers, with the Password Modify operation",
            root.text("vendorName").unwrap_or("an unnamed LDAP server")
        ),
    }
}

#[async_trait]
impl ServerInspector for DirectoryService {
    async fn describe(&self, cx: &CallContext) -> Result<String, Error> {
        let mapper = self.mapper(CallRedactor::for_nothing());
        let mut session = self.open(cx, &mapper).await?;
        let (root, dialect) = self.root(&mut session, &mapper).await?;
        let description = match (dialect, root.text("defaultNamingContext")) {
            (Dialect::ActiveDirectory, Some(domain)) => {
                let found = session.search("ldap.server", search(domain)).await;
                let (entries, _) = found.map_err(|failure| mapper.read_failure(&failure))?;
                domain_controller(&root, &entries.into_iter().next().unwrap_or_default())
            }
            (Dialect::ActiveDirectory, None) => domain_controller(&root, &Entry::default()),
            (Dialect::Directory389, _) => ldap_server(&root, true),
            (Dialect::PasswordModify, _) => ldap_server(&root, false),
        };
        session.close().await;
        Ok(self.redactor().sanitize(&description))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(attributes: &[(&str, &str)]) -> Entry {
        let attributes = attributes.iter();
        Entry {
            dn: String::new(),
            attributes: attributes
                .map(|(name, value)| ((*name).to_owned(), vec![value.as_bytes().to_vec()]))
                .collect(),
        }
    }

    #[test]
    fn domain_controller_is_the_pdc_emulator_only_if_the_domain_names_it() {
        let settings =
            "CN=NTDS Settings,CN=DC1,CN=Servers,CN=Site,CN=Sites,CN=Configuration,DC=example,DC=org";
        let root = entry(&[("dnsHostName", "dc1.example.org"), ("dsServiceName", settings)]);
        let lower = settings.to_lowercase();
        let other = settings.replace("DC1", "DC2");
        for (owner, description) in [
            (Some(lower.as_str()), "dc1.example.org answers, the PDC emulator"),
            (
                Some(other.as_str()),
                "dc1.example.org answers; the PDC emulator is another one, DC2",
            ),
            (
                None,
                "dc1.example.org answers; the service account may not read whether it is the PDC emulator",
            ),
        ] {
            let domain = owner.map_or_else(Entry::default, |owner| entry(&[(ROLE_OWNER, owner)]));
            assert_eq!(domain_controller(&root, &domain), description);
        }
    }

    #[test]
    fn ldap_server_without_a_known_name_is_described_by_its_vendor() {
        let vendor = entry(&[("vendorName", "Example Corp.")]);
        let described = |root: &Entry| ldap_server(root, false);
        assert!(described(&vendor).starts_with("Example Corp. answers"));
        assert!(described(&Entry::default()).starts_with("an unnamed LDAP server answers"));
        let of_389 = ldap_server(&entry(&[("vendorName", "389 Project")]), true);
        assert!(of_389.starts_with("389 Directory Server answers"));
    }
}
