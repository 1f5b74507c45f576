//! What others must know of the identity portal.

use std::sync::Arc;
use std::time::Duration;

use repass_domain::Preset;
use repass_provider::{NonexistentUser, PermissionProbe, ProviderClients, ProviderKind, Setting, Wire};
use repass_transport::RateLimit;

use crate::{Deployment, IdentityService, IdentitySettings};

const SETTINGS: &[Setting<IdentitySettings>] = &[
    Setting::Text("organization", |portal, guid| portal.organization = Some(guid)),
    Setting::Enum(
        "deployment",
        &[
            ("own", |portal| portal.deployment = Deployment::Own),
            ("cloud", |portal| portal.deployment = Deployment::Cloud),
        ],
    ),
];

impl ProviderKind for IdentitySettings {
    fn name(&self) -> &'static str {
        "identity"
    }

    fn title(&self) -> &'static str {
        "UiPath identity portal: reset and self-service change"
    }

    fn section(&self) -> &'static str {
        include_str!("section.toml")
    }

    fn wire(&self) -> Wire<'_> {
        Wire::http(|name, transport| {
            let portal = Arc::new(IdentityService::new(name, self.clone(), transport));
            ProviderClients::new(Arc::<IdentityService>::clone(&portal)).with_preflight(portal)
        })
    }

    fn permission_probes(&self) -> Vec<PermissionProbe> {
        let fix = "grant PM.User.Write (or PM.User) to the external application";
        let mut rights = vec![PermissionProbe::reset(NonexistentUser::Guid, fix)];
        if self.organization.is_some() {
            rights.push(PermissionProbe {
                name: "look-up",
                success: "users can be looked up by e-mail address",
                remedy: "grant PM.User.Read (or PM.User) to the external application, or leave `organization` out",
                user: NonexistentUser::Email,
            });
        }
        rights
    }

    fn auth(&self) -> &'static [&'static str] {
        &["client-credentials"]
    }

    fn settings() -> &'static [Setting<Self>] {
        SETTINGS
    }

    fn problems(&self) -> Vec<(String, String)> {
        match self.organization.as_deref() {
            Some(organization) if !is_guid(organization) => {
                vec![(
                    "organization".to_owned(),
                    "must be the organization's GUID".to_owned(),
                )]
            }
            _ => vec![],
        }
    }

    /// What a portal has at first; it is the portal's own to set.
    fn preset(&self) -> Option<Preset> {
        Some(Preset::UipathDefault)
    }

    fn limits(&self) -> Vec<(&'static str, RateLimit)> {
        let per_five_minutes = |requests| RateLimit {
            requests,
            window: Duration::from_secs(300),
        };
        match self.deployment {
            Deployment::Own => vec![],
            Deployment::Cloud => vec![
                ("get", per_five_minutes(300)),
                ("post", per_five_minutes(24_000)),
                ("put", per_five_minutes(160)),
            ],
        }
    }

    fn reset_limit(&self) -> &'static str {
        "put"
    }

    fn change_limit(&self) -> &'static str {
        "post"
    }

    fn policy_permission_remedy(&self) -> &'static str {
        "grant PM.Setting.Read to the external application"
    }

    fn base_url_owner(&self) -> &'static str {
        "identity"
    }

    fn base_url_candidates(&self, origin: &str, path: &str) -> Vec<String> {
        // The organization and the tenant come before the first service, whose name ends in `_` on the suite.
        let names: Vec<&str> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .take_while(|segment| !segment.ends_with('_') && *segment != "identity" && *segment != "api")
            .collect();
        let mut found = vec![format!("{origin}/identity_"), format!("{origin}/identity")];
        if let [organization, ..] = names[..] {
            found.push(format!("{origin}/{organization}/identity_"));
        }
        if let [organization, tenant, ..] = names[..] {
            found.push(format!("{origin}/{organization}/{tenant}/identity_"));
        }
        found
    }
}

fn is_guid(text: &str) -> bool {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12] && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_url_candidates_cover_each_form() {
        let of = |path| {
            let found = IdentitySettings::default().base_url_candidates("https://h.example:8443", path);
            found.join(" ").replace("https://h.example:8443", "")
        };
        assert_eq!(of(""), "/identity_ /identity");
        assert_eq!(of("/acme"), "/identity_ /identity /acme/identity_");
        assert_eq!(of("/acme/portal_"), "/identity_ /identity /acme/identity_");
        assert_eq!(
            of("/acme/main/orchestrator_"),
            "/identity_ /identity /acme/identity_ /acme/main/identity_"
        );
        assert_eq!(of("/acme/identity_/api"), "/identity_ /identity /acme/identity_");
    }
}
