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
use repass_conformance::SubjectMode;
use repass_identity::{IdentityService, IdentitySettings};
use repass_sandbox::{Options, Provider, ZoomBody};
use repass_transport::{HttpTransport, PooledClient, Timeouts, Transport, TrustedRoots};
use repass_zoom::{Plan, ZoomService, ZoomSettings};

use crate::test_envs::{Build, CLIENT_SECRET, Fixture, SandboxSubject};

fn transport(fixture: &Fixture) -> Arc<dyn Transport> {
    let url = match fixture.provider {
        Provider::Zoom => fixture.sandbox.zoom_base_url(),
        Provider::Identity => fixture.sandbox.identity_base_url(),
    };
    let timeouts = Timeouts::default();
    let roots = match fixture.sandbox.ca_pem() {
        Some(pem) => TrustedRoots::default().with_pem(pem.as_bytes()).unwrap(),
        None => TrustedRoots::default(),
    };
    let wire = PooledClient::new(url.parse().unwrap(), roots, timeouts.connect);
    let token = fixture.sandbox.token();
    Arc::new(HttpTransport::with_bearer(wire, token, timeouts).unwrap())
}

fn zoom_service(fixture: &Fixture, body: BodyEncoding) -> Arc<dyn PasswordService> {
    let config = ZoomSettings {
        plan: Plan::Unlimited,
        body,
    };
    Arc::new(ZoomService::new("zoom", config, transport(fixture)))
}

/// Zoom's adapter by itself.
pub(crate) async fn zoom(
    name: &'static str,
    body: BodyEncoding,
    takes: ZoomBody,
    tls: bool,
) -> SandboxSubject {
    let mut options = Options {
        tls,
        ..Options::default()
    };
    options.zoom.body = takes;
    let fixture = Fixture::new(Provider::Zoom, options).await;
    let build: Build = Box::new(move |fixture| zoom_service(fixture, body));
    SandboxSubject::new(name, SubjectMode::AdminReset, fixture, build)
}

/// The portal's adapter by itself.
pub(crate) async fn identity(name: &'static str, mode: SubjectMode) -> SandboxSubject {
    let fixture = Fixture::new(Provider::Identity, Options::default()).await;
    let build: Build = Box::new(|fixture| {
        let config = IdentitySettings::default();
        Arc::new(IdentityService::new("portal", config, transport(fixture)))
    });
    SandboxSubject::new(name, mode, fixture, build)
}

/// Layers around Zoom's adapter.
pub(crate) async fn layered(name: &'static str, audit: bool, bound: bool) -> SandboxSubject {
    let fixture = Fixture::new(Provider::Zoom, Options::default()).await;
    let build: Build = Box::new(move |fixture| {
        let layers = layers(fixture, audit, bound);
        layers.wrap(zoom_service(fixture, BodyEncoding::Json))
    });
    let subject = SandboxSubject::new(name, SubjectMode::AdminReset, fixture, build).in_order();
    if audit { subject.audited() } else { subject }
}

fn layers(fixture: &Fixture, audit: bool, bound: bool) -> Layers {
    let mut layers = Layers::default();
    if audit {
        layers = layers.audit(Arc::clone(&fixture.audit) as Arc<dyn AuditSink>);
    }
    if bound {
        layers = layers.max_in_flight(NonZeroUsize::new(2).unwrap());
    }
    layers
}

/// All of it: from a configuration file, with tokens that are fetched, under every guard.
pub(crate) async fn full_stack(
    name: &'static str,
    provider: Provider,
    mode: SubjectMode,
    tls: bool,
) -> SandboxSubject {
    let options = Options {
        tls,
        ..Options::default()
    };
    let fixture = Fixture::new(provider, options).await;
    let folder = tempfile::tempdir().unwrap();
    configure(&fixture, folder.path());
    let build: Build = Box::new(move |fixture| {
        let services = Services::from_file(folder.path().join("repass.toml")).unwrap();
        layers(fixture, true, true).wrap(services.default_service().unwrap())
    });
    SandboxSubject::new(name, mode, fixture, build)
        .in_order()
        .audited()
}

fn configure(fixture: &Fixture, folder: &Path) {
    let sandbox = &fixture.sandbox;
    let secret = folder.join("secret");
    fs::write(&secret, CLIENT_SECRET).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let client = "client_id = \"conformance\", client_secret = { file = \"secret\" }";
    let mut config = match fixture.provider {
        Provider::Zoom => {
            let account = &sandbox.startup_info().zoom.account_id;
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
