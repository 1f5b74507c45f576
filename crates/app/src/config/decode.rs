//! Decodes the tree into typed values. An invalid value is noted and replaced by a placeholder, so that the rest is
//! decoded too.

use std::collections::BTreeMap;
use std::path::Path;

use repass_provider::{ProviderKind, Wire};

use super::document::Node;
use super::local_policy;
use super::problem::Problems;
use super::provider::{Auth, Connection, Tls};
use super::provider_kinds::{NAMES, ProviderConfig, all_kinds};
use super::section::Section;
use super::{Config, OnUnknown};
use crate::secrets::SecretRef;

pub(super) fn config(tree: &Node, folder: &Path, problems: &Problems) -> Config {
    root(Section::of(String::new(), tree, problems), folder, problems)
}

/// Decodes the root table.
pub(super) fn root(mut root: Section<'_>, folder: &Path, problems: &Problems) -> Config {
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
    #[cfg(feature = "postgres")]
    let shared = root
        .section("shared")
        .and_then(|section| super::shared::read(section, folder));
    #[cfg(not(feature = "postgres"))]
    if root.entries().any(|(key, _)| key == "shared") {
        // Known, so that it is no typing error.
        let _ = root.section("shared");
        problems.add(
            "shared",
            "is not part of this build: it comes with the Cargo feature `postgres` (`features = [\"postgres\"]`)",
        );
    }
    root.finish();
    Config {
        default_provider,
        audit,
        on_unknown,
        #[cfg(feature = "postgres")]
        shared,
        providers,
        ..Config::default()
    }
}

// With the base URL, where the configuration has one.
type ReadAuth = fn(&mut Section<'_>, &Path, Option<&str>) -> Auth;

/// One provider; `None` without a known kind, which decides the keys.
pub(super) fn provider(
    mut section: Section<'_>,
    folder: &Path,
    problems: &Problems,
) -> Option<ProviderConfig> {
    let kinds = all_kinds();
    let names: Vec<_> = kinds
        .iter()
        .enumerate()
        .map(|(at, kind)| (kind.name(), at))
        .collect();
    if let Some(feature) = left_out(section.peek("kind"), NAMES, &names) {
        let message = format!(
            "is not part of this build: it comes with the Cargo feature `{feature}` (`features = [\"{feature}\"]`)"
        );
        problems.add(&section.key("kind"), message);
        return None;
    }
    let at = section.required_choice("kind", &names)?;
    let mut settings = kinds.into_iter().nth(at)?;
    let auth = auth(&mut section, folder, &*settings);
    settings.read(&mut section, folder, problems);
    let mut provider = ProviderConfig::with(settings.into(), auth);
    if matches!(provider.kind().wire(), Wire::Ldap(_)) {
        provider.connection.base_url = section.required_text("url");
        provider.connection.plain_loopback = section.flag("plain_loopback").unwrap_or_default();
    } else if provider.kind().base_url().is_none() {
        provider.connection.base_url = section.required_text("base_url");
    } else if let Some(base_url) = section.text("base_url") {
        provider.connection.base_url = base_url;
    }
    connection(&mut provider.connection, &mut section, folder);
    provider.local = local_policy::read(&mut section, folder, problems);
    section.finish();
    Some(provider)
}

// The name, if it is that of a kind which is not part of this build.
fn left_out<'a, T>(name: Option<&str>, all: &[&'a str], built: &[(&str, T)]) -> Option<&'a str> {
    let known = all.iter().find(|known| name == Some(**known))?;
    (!built.iter().any(|(built, _)| built == known)).then_some(*known)
}

#[test]
fn a_kind_that_was_left_out_of_the_build_is_named() {
    let built = [("zoom", ())];
    let all = ["identity", "zoom"];
    assert_eq!(left_out(Some("identity"), &all, &built), Some("identity"));
    for name in [Some("zoom"), Some("zom"), None] {
        assert_eq!(left_out(name, &all, &built), None);
    }
}

fn connection(connection: &mut Connection, section: &mut Section<'_>, folder: &Path) {
    if let Some(mut tls) = section.section("tls") {
        connection.tls = Tls {
            ca_file: tls.file("ca_file", folder),
        };
        tls.finish();
    }
    connection.proxy = section.text("proxy");
    connection.max_in_flight = section.count("max_in_flight");
    if let Some(timeout) = section.duration("connect_timeout") {
        connection.connect_timeout = timeout;
    }
    if let Some(timeout) = section.duration("attempt_timeout") {
        connection.attempt_timeout = timeout;
    }
}

// In the order in which messages list them.
const AUTHS: &[(&str, ReadAuth)] = &[
    #[cfg(feature = "http")]
    ("basic", basic),
    ("bearer", bearer),
    #[cfg(any(feature = "http", feature = "identity"))]
    ("client-credentials", client_credentials),
    #[cfg(any(feature = "active-directory", feature = "ldap"))]
    ("external", external),
    #[cfg(feature = "http")]
    ("header", header),
    #[cfg(feature = "http")]
    ("login", login),
    #[cfg(feature = "http")]
    ("private-key-jwt", private_key_jwt),
    #[cfg(feature = "zoom")]
    ("server-to-server", server_to_server),
    #[cfg(feature = "http")]
    ("service-account", service_account),
    #[cfg(any(feature = "active-directory", feature = "ldap"))]
    ("simple", simple),
];

/// The names of the credentials that a kind accepts: those that it names, and over HTTP a bearer token.
pub(super) fn auth_kinds(kind: &dyn ProviderKind) -> impl Iterator<Item = &'static str> {
    let (named, is_http) = (kind.auth(), matches!(kind.wire(), Wire::Http(_)));
    let kinds = AUTHS.iter().map(|(kind, _)| *kind);
    kinds.filter(move |kind| is_http && *kind == "bearer" || named.contains(kind))
}

fn auth(section: &mut Section<'_>, folder: &Path, kind: &dyn ProviderKind) -> Auth {
    let placeholder = Auth::Bearer {
        token: SecretRef::Env(String::new()),
    };
    let Some(mut auth) = section.section("auth") else {
        section.is_missing("auth", "");
        return placeholder;
    };
    let names: Vec<_> = auth_kinds(kind).collect();
    let taken = AUTHS.iter().copied();
    let taken: Vec<_> = taken.filter(|(name, _)| names.contains(name)).collect();
    let Some(read) = auth.required_choice("kind", &taken) else {
        return placeholder;
    };
    let read = read(&mut auth, folder, section.peek("base_url"));
    auth.finish();
    read
}

fn bearer(auth: &mut Section<'_>, folder: &Path, _: Option<&str>) -> Auth {
    Auth::Bearer {
        token: auth.required_secret("token", folder),
    }
}

#[cfg(feature = "zoom")]
fn server_to_server(auth: &mut Section<'_>, folder: &Path, base_url: Option<&str>) -> Auth {
    Auth::ServerToServer(super::ServerToServer {
        account_id: auth.required_text("account_id"),
        client_id: auth.required_text("client_id"),
        client_secret: auth.required_secret("client_secret", folder),
        token_url: auth
            .text("token_url")
            .unwrap_or_else(|| repass_zoom::token_url(base_url.unwrap_or_default()).to_owned()),
    })
}

#[cfg(feature = "http")]
fn basic(auth: &mut Section<'_>, folder: &Path, _: Option<&str>) -> Auth {
    Auth::Basic(account(auth, folder))
}

#[cfg(feature = "http")]
fn login(auth: &mut Section<'_>, folder: &Path, _: Option<&str>) -> Auth {
    Auth::Login(account(auth, folder))
}

#[cfg(feature = "http")]
fn account(auth: &mut Section<'_>, folder: &Path) -> super::AccountCredentials {
    super::AccountCredentials {
        username: auth.required_text("username"),
        password: auth.required_secret("password", folder),
    }
}

#[cfg(any(feature = "active-directory", feature = "ldap"))]
fn simple(auth: &mut Section<'_>, folder: &Path, _: Option<&str>) -> Auth {
    Auth::Simple(super::SimpleBind {
        bind_dn: auth.required_text("bind_dn"),
        password: auth.required_secret("password", folder),
    })
}

#[cfg(any(feature = "active-directory", feature = "ldap"))]
fn external(_: &mut Section<'_>, _: &Path, _: Option<&str>) -> Auth {
    Auth::External
}

#[cfg(feature = "http")]
fn header(auth: &mut Section<'_>, folder: &Path, _: Option<&str>) -> Auth {
    Auth::Header(super::HeaderToken {
        name: auth.text("name").unwrap_or_else(|| "Authorization".to_owned()),
        value: auth.text("value").unwrap_or_else(|| "{token}".to_owned()),
        token: auth.required_secret("token", folder),
    })
}

#[cfg(any(feature = "http", feature = "identity"))]
fn client_credentials(auth: &mut Section<'_>, folder: &Path, _: Option<&str>) -> Auth {
    Auth::ClientCredentials(super::ClientCredentials {
        token_url: auth.required_text("token_url"),
        client_id: auth.required_text("client_id"),
        client_secret: auth.required_secret("client_secret", folder),
        scope: auth.required_text("scope"),
        audience: auth.text("audience"),
    })
}

#[cfg(feature = "http")]
fn private_key_jwt(auth: &mut Section<'_>, folder: &Path, _: Option<&str>) -> Auth {
    Auth::PrivateKeyJwt(super::PrivateKeyJwt {
        token_url: auth.required_text("token_url"),
        client_id: auth.required_text("client_id"),
        private_key: auth.required_secret("private_key", folder),
        key_id: auth.text("key_id"),
        scope: auth.required_text("scope"),
        audience: auth.text("audience"),
    })
}

#[cfg(feature = "http")]
fn service_account(auth: &mut Section<'_>, folder: &Path, _: Option<&str>) -> Auth {
    let google = super::ServiceAccount::TOKEN_URL;
    Auth::ServiceAccount(super::ServiceAccount {
        token_url: auth.text("token_url").unwrap_or_else(|| google.to_owned()),
        account: auth.required_text("account"),
        private_key: auth.required_secret("private_key", folder),
        key_id: auth.text("key_id"),
        scope: auth.required_text("scope"),
        subject: auth.text("subject"),
    })
}

#[test]
fn every_auth_that_a_kind_takes_can_be_read() {
    for kind in all_kinds() {
        for auth in kind.auth() {
            assert!(AUTHS.iter().any(|(known, _)| known == auth), "{auth}");
        }
    }
}
