//! What others must know of the identity portal.

use std::sync::Arc;
use std::time::Duration;

use repass_adapter_kit::{Kind, Nobody, Offer, Right, Setting};
use repass_domain::Preset;
use repass_transport::{RateLimit, Transport};

use crate::{Deployment, IdentityConfig, IdentityService};

const SETTINGS: &[Setting<IdentityConfig>] = &[
    Setting::Text("organization", |portal, guid| portal.organization = Some(guid)),
    Setting::Word(
        "deployment",
        &[
            ("own", |portal| portal.deployment = Deployment::Own),
            ("cloud", |portal| portal.deployment = Deployment::Cloud),
        ],
    ),
];

impl Kind for IdentityConfig {
    fn name(&self) -> &'static str {
        "identity"
    }

    fn offer(&self, name: &str, transport: Arc<dyn Transport>) -> Offer {
        let portal = Arc::new(IdentityService::new(name, self.clone(), transport));
        Offer::new(Arc::<IdentityService>::clone(&portal)).with_preflight(portal)
    }

    fn rights(&self) -> Vec<Right> {
        let fix = "grant PM.User.Write (or PM.User) to the external application";
        let mut rights = vec![Right::reset(Nobody::Guid, fix)];
        if self.organization.is_some() {
            rights.push(Right {
                name: "look-up",
                good: "users can be looked up by e-mail address",
                fix: "grant PM.User.Read (or PM.User) to the external application, or leave `organization` out",
                nobody: Nobody::Email,
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

    fn problems(&self) -> Vec<(&'static str, &'static str)> {
        match self.organization.as_deref() {
            Some(organization) if !is_guid(organization) => {
                vec![("organization", "must be the organization's GUID")]
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

    fn label(&self, reset: bool) -> &'static str {
        if reset { "put" } else { "post" }
    }

    fn to_read_policy(&self) -> &'static str {
        "grant PM.Setting.Read to the external application"
    }

    fn whose_base_url(&self) -> &'static str {
        "identity"
    }

    fn other_base_urls(&self, origin: &str, path: &str) -> Vec<String> {
        // The organisation and the tenant come before the first service, whose name ends in `_` on the suite.
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
    fn each_form_of_the_address_is_tried() {
        let of = |path| {
            let found = IdentityConfig::default().other_base_urls("https://h.example:8443", path);
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
