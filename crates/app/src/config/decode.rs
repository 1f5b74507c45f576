//! From the tree to typed values. What is bad is noted and replaced by a placeholder, so that the rest is
//! still looked at.

use std::collections::BTreeMap;
use std::path::Path;

use super::document::Node;
use super::own;
use super::problem::Problems;
use super::provider::{Auth, Connection, ProviderConfig, Tls};
use super::section::Section;
use super::{Config, OnUnknown};
use crate::secret::SecretRef;

pub(super) fn config(tree: &Node, folder: &Path, problems: &Problems) -> Config {
    let mut root = Section::of(String::new(), tree, problems);
    let default_provider = root.text("default_provider");
    let mut providers = BTreeMap::new();
    if let Some(section) = root.section("providers") {
        for (name, node) in section.entries() {
            let section = Section::of(section.key(name), node, problems);
            if let Some(provider) = provider(section, folder, problems) {
                providers.insert(name.to_owned(), provider);
            }
        }
    }
    let audit = root.section("audit").and_then(|mut audit| {
        let file = audit.file("file", folder);
        if file.is_none() {
            audit.is_missing("file", "");
        }
        audit.finish();
        file
    });
    let choices = [("report", OnUnknown::Report), ("resolve", OnUnknown::Resolve)];
    let on_unknown = root.choice("on_unknown", &choices).unwrap_or_default();
    root.finish();
    Config {
        default_provider,
        audit,
        on_unknown,
        providers,
        ..Config::default()
    }
}

type ReadProvider = fn(&mut Section<'_>, &Path) -> ProviderConfig;
type ReadAuth = fn(&mut Section<'_>, &Path) -> Auth;

const KINDS: &[(&str, ReadProvider)] = &[
    #[cfg(feature = "identity")]
    ("identity", identity),
    #[cfg(feature = "zoom")]
    ("zoom", zoom),
];

// `None` without a known kind: which keys are right cannot be told then.
fn provider(mut section: Section<'_>, folder: &Path, problems: &Problems) -> Option<ProviderConfig> {
    let read = section.required_choice("kind", KINDS)?;
    let mut provider = read(&mut section, folder);
    *provider.own_mut() = own::read(&mut section, folder, problems);
    section.finish();
    Some(provider)
}

#[cfg(feature = "zoom")]
fn zoom(section: &mut Section<'_>, folder: &Path) -> ProviderConfig {
    use repass_zoom::{BodyEncoding, Plan};

    let kinds: &[(_, ReadAuth)] = &[("bearer", bearer), ("server-to-server", server_to_server)];
    let mut zoom = super::ZoomProvider::new(auth(section, folder, kinds));
    let plans = [
        ("free", Plan::Free),
        ("pro", Plan::Pro),
        ("business", Plan::Business),
        ("unlimited", Plan::Unlimited),
    ];
    if let Some(plan) = section.choice("plan", &plans) {
        zoom.zoom.plan = plan;
    }
    let bodies = [
        ("auto", BodyEncoding::Auto),
        ("form-data", BodyEncoding::FormData),
        ("json", BodyEncoding::Json),
    ];
    if let Some(body) = section.choice("body", &bodies) {
        zoom.zoom.body = body;
    }
    if let Some(base_url) = section.text("base_url") {
        zoom.connection.base_url = base_url;
    }
    connection(&mut zoom.connection, section, folder);
    zoom.into()
}

#[cfg(feature = "identity")]
fn identity(section: &mut Section<'_>, folder: &Path) -> ProviderConfig {
    use repass_identity::Deployment;

    let kinds: &[(_, ReadAuth)] = &[("bearer", bearer), ("client-credentials", client_credentials)];
    let auth = auth(section, folder, kinds);
    let mut identity = super::IdentityProvider::new(section.required_text("base_url"), auth);
    identity.identity.organization = section.text("organization");
    let deployments = [("own", Deployment::Own), ("cloud", Deployment::Cloud)];
    if let Some(deployment) = section.choice("deployment", &deployments) {
        identity.identity.deployment = deployment;
    }
    connection(&mut identity.connection, section, folder);
    identity.into()
}

fn connection(connection: &mut Connection, section: &mut Section<'_>, folder: &Path) {
    if let Some(mut tls) = section.section("tls") {
        connection.tls = Tls {
            ca_file: tls.file("ca_file", folder),
        };
        tls.finish();
    }
    connection.max_in_flight = section.count("max_in_flight");
    if let Some(timeout) = section.duration("connect_timeout") {
        connection.connect_timeout = timeout;
    }
    if let Some(timeout) = section.duration("attempt_timeout") {
        connection.attempt_timeout = timeout;
    }
}

fn auth(section: &mut Section<'_>, folder: &Path, kinds: &[(&'static str, ReadAuth)]) -> Auth {
    let placeholder = Auth::Bearer {
        token: SecretRef::Env(String::new()),
    };
    let Some(mut auth) = section.section("auth") else {
        section.is_missing("auth", "");
        return placeholder;
    };
    let Some(read) = auth.required_choice("kind", kinds) else {
        return placeholder;
    };
    let read = read(&mut auth, folder);
    auth.finish();
    read
}

fn bearer(auth: &mut Section<'_>, folder: &Path) -> Auth {
    Auth::Bearer {
        token: auth.required_secret("token", folder),
    }
}

#[cfg(feature = "zoom")]
fn server_to_server(auth: &mut Section<'_>, folder: &Path) -> Auth {
    Auth::ServerToServer(super::ServerToServer {
        account_id: auth.required_text("account_id"),
        client_id: auth.required_text("client_id"),
        client_secret: auth.required_secret("client_secret", folder),
        token_url: auth
            .text("token_url")
            .unwrap_or_else(|| repass_zoom::TOKEN_URL.to_owned()),
    })
}

#[cfg(feature = "identity")]
fn client_credentials(auth: &mut Section<'_>, folder: &Path) -> Auth {
    Auth::ClientCredentials(super::ClientCredentials {
        token_url: auth.required_text("token_url"),
        client_id: auth.required_text("client_id"),
        client_secret: auth.required_secret("client_secret", folder),
        scope: auth.required_text("scope"),
    })
}
