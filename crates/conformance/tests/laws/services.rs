//! The services of this workspace, each over a sandbox of its own.

use std::fmt::Write as _;
use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use repass::config::BodyEncoding;
use repass::{AuditSink, Layers, PasswordService, Services};
use repass_conformance::By;
use repass_identity::{IdentityService, IdentitySettings};
use repass_sandbox::{Options, Provider, ZoomBody};
use repass_transport::{HttpTransport, PooledClient, Timeouts, Transport, TrustedRoots};
use repass_zoom::{Plan, ZoomService, ZoomSettings};

use crate::worlds::{Build, CLIENT_SECRET, OverSandbox, Place};

fn transport(place: &Place) -> Arc<dyn Transport> {
    let url = match place.provider {
        Provider::Zoom => place.sandbox.zoom_base_url(),
        Provider::Identity => place.sandbox.identity_base_url(),
    };
    let timeouts = Timeouts::default();
    let roots = match place.sandbox.ca_pem() {
        Some(pem) => TrustedRoots::default().with_pem(pem.as_bytes()).unwrap(),
        None => TrustedRoots::default(),
    };
    let wire = PooledClient::new(url.parse().unwrap(), roots, timeouts.connect);
    let token = place.sandbox.token();
    Arc::new(HttpTransport::with_bearer(wire, token, timeouts).unwrap())
}

fn zoom_service(place: &Place, body: BodyEncoding) -> Arc<dyn PasswordService> {
    let config = ZoomSettings {
        plan: Plan::Unlimited,
        body,
    };
    Arc::new(ZoomService::new("zoom", config, transport(place)))
}

/// Zoom's adapter by itself.
pub(crate) async fn zoom(name: &'static str, body: BodyEncoding, takes: ZoomBody, tls: bool) -> OverSandbox {
    let mut options = Options {
        tls,
        ..Options::default()
    };
    options.zoom.body = takes;
    let place = Place::new(Provider::Zoom, options).await;
    let build: Build = Box::new(move |place| zoom_service(place, body));
    OverSandbox::new(name, By::Administrator, place, build)
}

/// The portal's adapter by itself.
pub(crate) async fn identity(name: &'static str, by: By) -> OverSandbox {
    let place = Place::new(Provider::Identity, Options::default()).await;
    let build: Build = Box::new(|place| {
        let config = IdentitySettings::default();
        Arc::new(IdentityService::new("portal", config, transport(place)))
    });
    OverSandbox::new(name, by, place, build)
}

/// Layers around Zoom's adapter.
pub(crate) async fn guarded(name: &'static str, audit: bool, bound: bool) -> OverSandbox {
    let place = Place::new(Provider::Zoom, Options::default()).await;
    let build: Build = Box::new(move |place| {
        let guards = guards(place, audit, bound);
        guards.wrap(zoom_service(place, BodyEncoding::Json))
    });
    let subject = OverSandbox::new(name, By::Administrator, place, build).in_order();
    if audit { subject.audited() } else { subject }
}

fn guards(place: &Place, audit: bool, bound: bool) -> Layers {
    let mut guards = Layers::default();
    if audit {
        guards = guards.audit(Arc::clone(&place.audit) as Arc<dyn AuditSink>);
    }
    if bound {
        guards = guards.max_in_flight(NonZeroUsize::new(2).unwrap());
    }
    guards
}

/// All of it: from a configuration file, with tokens that are fetched, under every guard.
pub(crate) async fn full_stack(name: &'static str, provider: Provider, by: By, tls: bool) -> OverSandbox {
    let options = Options {
        tls,
        ..Options::default()
    };
    let place = Place::new(provider, options).await;
    let folder = tempfile::tempdir().unwrap();
    configure(&place, folder.path());
    let build: Build = Box::new(move |place| {
        let services = Services::from_file(folder.path().join("repass.toml")).unwrap();
        guards(place, true, true).wrap(services.default_service().unwrap())
    });
    OverSandbox::new(name, by, place, build).in_order().audited()
}

fn configure(place: &Place, folder: &Path) {
    let sandbox = &place.sandbox;
    let secret = folder.join("secret");
    fs::write(&secret, CLIENT_SECRET).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let client = "client_id = \"conformance\", client_secret = { file = \"secret\" }";
    let mut config = match place.provider {
        Provider::Zoom => {
            let account = &sandbox.announcement().zoom.account_id;
            let (url, token_url) = (sandbox.zoom_base_url(), sandbox.zoom_token_url());
            format!(
                "[providers.zoom]\nkind = \"zoom\"\nplan = \"business\"\nbase_url = \"{url}\"\n\
                 auth = {{ kind = \"server-to-server\", account_id = \"{account}\", {client}, \
                 token_url = \"{token_url}\" }}\n"
            )
        }
        Provider::Identity => {
            let (url, token_url) = (sandbox.identity_base_url(), sandbox.identity_token_url());
            format!(
                "[providers.portal]\nkind = \"identity\"\nbase_url = \"{url}\"\n\
                 auth = {{ kind = \"client-credentials\", {client}, scope = \"PM.User\", \
                 token_url = \"{token_url}\" }}\n"
            )
        }
    };
    if let Some(pem) = sandbox.ca_pem() {
        fs::write(folder.join("ca.pem"), pem).unwrap();
        writeln!(config, "tls = {{ ca_file = \"ca.pem\" }}").unwrap();
    }
    fs::write(folder.join("repass.toml"), config).unwrap();
}

/// Enough for any call here.
pub(crate) const ENOUGH: Duration = Duration::from_secs(15);
