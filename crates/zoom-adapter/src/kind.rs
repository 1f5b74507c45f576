//! What others must know of Zoom.

use std::sync::Arc;

use repass_domain::Preset;
use repass_provider::{NonexistentUser, PermissionProbe, ProviderClients, ProviderKind, Setting, Wire};
use repass_transport::RateLimit;

use crate::{BodyEncoding, Plan, ZoomService, ZoomSettings};

const SETTINGS: &[Setting<ZoomSettings>] = &[
    Setting::Enum(
        "plan",
        &[
            ("free", |zoom| zoom.plan = Plan::Free),
            ("pro", |zoom| zoom.plan = Plan::Pro),
            ("business", |zoom| zoom.plan = Plan::Business),
            ("unlimited", |zoom| zoom.plan = Plan::Unlimited),
        ],
    ),
    Setting::Enum(
        "body",
        &[
            ("auto", |zoom| zoom.body = BodyEncoding::Auto),
            ("form-data", |zoom| zoom.body = BodyEncoding::FormData),
            ("json", |zoom| zoom.body = BodyEncoding::Json),
        ],
    ),
];

impl ProviderKind for ZoomSettings {
    fn name(&self) -> &'static str {
        "zoom"
    }

    fn title(&self) -> &'static str {
        "Zoom: reset by an administrator, and profile updates"
    }

    fn section(&self) -> &'static str {
        include_str!("section.toml")
    }

    fn wire(&self) -> Wire<'_> {
        Wire::http(|name, transport| {
            let zoom = Arc::new(ZoomService::new(name, *self, transport));
            ProviderClients::new(Arc::<ZoomService>::clone(&zoom))
                .with_profiles(Arc::<ZoomService>::clone(&zoom))
                .with_preflight(zoom)
        })
    }

    fn permission_probes(&self) -> Vec<PermissionProbe> {
        let fix = "add the scope user:update:password:admin (classic: user:write:admin) to the app, and have it owned by \
                   somebody who may edit users";
        vec![PermissionProbe::reset(NonexistentUser::Email, fix)]
    }

    fn base_url(&self) -> Option<&'static str> {
        Some("https://api.zoom.us/v2")
    }

    fn auth(&self) -> &'static [&'static str] {
        &["server-to-server"]
    }

    fn settings() -> &'static [Setting<Self>] {
        SETTINGS
    }

    fn preset(&self) -> Option<Preset> {
        Some(Preset::ZoomDefault)
    }

    fn preset_is_binding(&self) -> bool {
        true
    }

    /// The plan's rate limits, by Zoom's own labels (documented). They are counted for the whole
    /// account, other apps included.
    fn limits(&self) -> Vec<(&'static str, RateLimit)> {
        let (light, medium) = match self.plan {
            Plan::Free => (4, 2),
            Plan::Pro => (30, 20),
            Plan::Business => (80, 60),
            Plan::Unlimited => return vec![],
        };
        vec![
            ("light", RateLimit::per_second(light)),
            ("medium", RateLimit::per_second(medium)),
        ]
    }

    fn reset_limit(&self) -> &'static str {
        "medium"
    }

    fn policy_permission_remedy(&self) -> &'static str {
        "have a paid account, and add the scope account:read:settings:admin to the app"
    }

    fn base_url_owner(&self) -> &'static str {
        "Zoom API's"
    }

    fn base_url_candidates(&self, origin: &str, _path: &str) -> Vec<String> {
        vec![format!("{origin}/v2")]
    }
}
