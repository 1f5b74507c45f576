//! What the rest of repass has to know of directories.

use std::sync::Arc;

use repass_provider::{NonexistentUser, PermissionProbe, ProviderClients, ProviderKind, Setting, Wire};

use crate::{ActiveDirectorySettings, DirectoryService, LdapSettings, settings};

const LDAP: &[Setting<LdapSettings>] = &[
    Setting::Text("user_base", |ldap, base| ldap.user_base = base),
    Setting::Text("login_attribute", |ldap, name| ldap.login_attribute = name),
    Setting::Text("policy_dn", |ldap, dn| ldap.policy_dn = Some(dn)),
    Setting::Flag("one_server", |ldap, on| ldap.one_server = on),
    Setting::Flag("server_hashes", |ldap, on| ldap.server_hashes = on),
    Setting::Text("marker_attribute", |ldap, name| {
        ldap.markers.marker_attribute = Some(name);
    }),
    Setting::Flag("exactly_once", |ldap, on| ldap.markers.exactly_once = on),
];

const ACTIVE_DIRECTORY: &[Setting<ActiveDirectorySettings>] = &[
    Setting::Text("user_base", |domain, base| domain.user_base = base),
    Setting::Text("login_attribute", |domain, name| domain.login_attribute = name),
    Setting::Flag("must_change", |domain, on| domain.must_change = on),
    Setting::Flag("unlock", |domain, on| domain.unlock = on),
    Setting::Text("marker_attribute", |domain, name| {
        domain.markers.marker_attribute = Some(name);
    }),
    Setting::Flag("exactly_once", |domain, on| domain.markers.exactly_once = on),
];

// A directory answers for a user who does not exist before it looks at rights.
const LOOK_UP: PermissionProbe = PermissionProbe {
    name: "look-up",
    success: "users can be searched for",
    remedy: "let the service account search below `user_base`",
    user: NonexistentUser::Name,
};

fn clients(service: DirectoryService) -> ProviderClients {
    let service = Arc::new(service);
    ProviderClients::new(Arc::<DirectoryService>::clone(&service))
        .with_preflight(Arc::<DirectoryService>::clone(&service))
        .with_server_inspector(service)
}

impl ProviderKind for LdapSettings {
    fn name(&self) -> &'static str {
        "ldap"
    }

    fn title(&self) -> &'static str {
        "LDAP directories (OpenLDAP, 389 Directory Server): reset and self-service change"
    }

    fn section(&self) -> &'static str {
        include_str!("section.toml")
    }

    fn wire(&self) -> Wire<'_> {
        Wire::ldap(|name, transport| clients(DirectoryService::ldap(name, self.clone(), transport)))
    }

    fn permission_probes(&self) -> Vec<PermissionProbe> {
        vec![LOOK_UP]
    }

    fn auth(&self) -> &'static [&'static str] {
        &["external", "simple"]
    }

    fn settings() -> &'static [Setting<Self>] {
        LDAP
    }

    fn problems(&self) -> Vec<(String, String)> {
        settings::problems(&self.user_base, &self.login_attribute, &self.markers)
    }

    fn policy_permission_remedy(&self) -> &'static str {
        "let the service account read the policy entry, and set `policy_dn` if it is not named by the users"
    }
}

impl ProviderKind for ActiveDirectorySettings {
    fn name(&self) -> &'static str {
        "active-directory"
    }

    fn title(&self) -> &'static str {
        "Active Directory and Samba: reset and self-service change"
    }

    fn section(&self) -> &'static str {
        include_str!("section_active_directory.toml")
    }

    fn wire(&self) -> Wire<'_> {
        Wire::ldap(|name, transport| {
            clients(DirectoryService::active_directory(name, self.clone(), transport))
        })
    }

    fn permission_probes(&self) -> Vec<PermissionProbe> {
        vec![LOOK_UP]
    }

    fn auth(&self) -> &'static [&'static str] {
        &["simple"]
    }

    fn settings() -> &'static [Setting<Self>] {
        ACTIVE_DIRECTORY
    }

    fn problems(&self) -> Vec<(String, String)> {
        settings::problems(&self.user_base, &self.login_attribute, &self.markers)
    }

    fn policy_permission_remedy(&self) -> &'static str {
        "let the service account read the domain's entry"
    }
}
