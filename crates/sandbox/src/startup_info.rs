//! What a sandbox prints at startup, for scripts and tests.

use std::net::SocketAddr;

use serde::Serialize;

use crate::fixtures::{
    DIRECTORY, PARTITION, PEOPLE, ZOOM_ONLY, numbered_guid, numbered_password, numbered_zoom_id,
};
use crate::options::{Options, Provider};
use crate::shared::{Shared, reveal};

/// Everything that a client of the sandbox needs, serialized as one JSON object. The secrets in it are made up.
#[derive(Debug, Clone, Serialize)]
pub struct StartupInfo {
    /// The address on which the sandbox listens.
    pub listen: SocketAddr,
    /// The static bearer token that both providers always accept.
    pub token: String,
    /// Zoom's endpoints and credentials.
    pub zoom: ZoomInfo,
    /// The identity portal's endpoints and credentials.
    pub identity: IdentityInfo,
    /// The named users with their initial passwords.
    pub users: Vec<UserInfo>,
    /// The rule by which the ids and passwords of numbered users are made.
    pub numbered_users: NumberedUsers,
    /// The URL of the ledger of applied changes, for `GET`.
    pub ledger_url: String,
    /// The URL that says whether a password is a user's current one, for `POST {"provider","user","password"}`.
    pub verify_url: String,
    /// The URL of the request counters, for `GET`.
    pub requests_url: String,
    /// The URL of the faults: `POST` arms one, `GET` lists the armed ones and `DELETE` disarms them.
    pub faults_url: String,
    /// The PEM certificate of the authority to trust, when the sandbox speaks TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_pem: Option<String>,
}

/// The endpoints and credentials of the emulated Zoom.
#[derive(Debug, Clone, Serialize)]
pub struct ZoomInfo {
    /// The base URL of the emulated Zoom API.
    pub base_url: String,
    /// The URL of Zoom's token endpoint.
    pub token_url: String,
    /// The Zoom account id for token requests.
    pub account_id: String,
    /// The client id for token requests.
    pub client_id: String,
    /// The client secret for token requests.
    pub client_secret: String,
}

/// The endpoints and credentials of the emulated identity portal.
#[derive(Debug, Clone, Serialize)]
pub struct IdentityInfo {
    /// The portal's base URL, in its shortest form.
    pub base_url: String,
    /// Every form of the portal's base URL that is served; all of them are alike.
    pub base_urls: Vec<String>,
    /// The URL of the portal's token endpoint.
    pub token_url: String,
    /// The client id for token requests.
    pub client_id: String,
    /// The client secret for token requests.
    pub client_secret: String,
    /// The GUID of the portal's one organization (its partition).
    pub partition: String,
}

/// A named user of an emulated provider.
#[derive(Debug, Clone, Serialize)]
pub struct UserInfo {
    /// The provider at which the user exists.
    pub provider: Provider,
    /// The id of the user in paths.
    pub id: String,
    /// The e-mail address of the user.
    pub email: String,
    /// The initial password of the user; absent if the user has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// What is special about the user, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<&'static str>,
}

/// The rule by which the ids and passwords of numbered users are made. `n` counts from 1 to `count`.
#[derive(Debug, Clone, Serialize)]
pub struct NumberedUsers {
    /// The number of numbered users at each provider.
    pub count: u32,
    /// The rule for the user's id at Zoom.
    pub zoom_id: &'static str,
    /// The rule for the user's id at the portal.
    pub identity_id: &'static str,
    /// The rule for the user's initial password at both, in terms of [`numbered_password`](crate::numbered_password).
    pub password: &'static str,
    /// The first numbered user, as an example.
    pub first: NumberedExample,
}

/// A numbered user, as an example of the rule.
#[derive(Debug, Clone, Serialize)]
pub struct NumberedExample {
    /// The user's id at Zoom.
    pub zoom_id: String,
    /// The user's id at the portal.
    pub identity_id: String,
    /// The user's initial password at both providers.
    pub password: String,
}

impl StartupInfo {
    pub(crate) fn new(shared: &Shared, listen: SocketAddr, ca_pem: Option<String>) -> Self {
        let origin = &shared.origin;
        let Options { zoom, identity, .. } = &shared.options;
        let mounts = ["identity", "identity_", "acme/identity_", "acme/main/identity_"];
        let mounts = if identity.standalone {
            &mounts[..1]
        } else {
            &mounts
        };
        Self {
            listen,
            token: reveal(&shared.token).to_owned(),
            zoom: ZoomInfo {
                base_url: format!("{origin}/v2"),
                token_url: format!("{origin}/oauth/token"),
                account_id: zoom.account_id.clone(),
                client_id: zoom.client.id.clone(),
                client_secret: reveal(&zoom.client.secret).to_owned(),
            },
            identity: IdentityInfo {
                base_url: format!("{origin}/identity"),
                base_urls: mounts.iter().map(|mount| format!("{origin}/{mount}")).collect(),
                token_url: format!("{origin}/identity/connect/token"),
                client_id: identity.client.id.clone(),
                client_secret: reveal(&identity.client.secret).to_owned(),
                partition: PARTITION.to_owned(),
            },
            users: users(shared),
            numbered_users: NumberedUsers {
                count: shared.options.users,
                zoom_id: "user{n:06}@example.com",
                identity_id: "00000000-0000-4000-8000-{n:012}",
                password: "Start-{n/1000:03}-{n%1000:03}",
                first: NumberedExample {
                    zoom_id: numbered_zoom_id(1),
                    identity_id: numbered_guid(1),
                    password: numbered_password(1),
                },
            },
            ledger_url: format!("{origin}/_sandbox/ledger"),
            verify_url: format!("{origin}/_sandbox/verify"),
            faults_url: format!("{origin}/_sandbox/faults"),
            requests_url: format!("{origin}/_sandbox/requests"),
            ca_pem,
        }
    }
}

fn users(shared: &Shared) -> Vec<UserInfo> {
    let user = |provider, id: &str, email: &str, password: Option<&str>| UserInfo {
        provider,
        id: id.to_owned(),
        email: email.to_owned(),
        password: password.map(str::to_owned),
        note: None,
    };
    let mut users: Vec<_> = PEOPLE
        .iter()
        .map(|it| user(Provider::Zoom, it.email, it.email, Some(it.password)))
        .collect();
    users.extend(
        PEOPLE
            .iter()
            .map(|it| user(Provider::Identity, it.guid, it.email, Some(it.password))),
    );
    users.extend(ZOOM_ONLY.iter().map(|it| UserInfo {
        note: Some(it.note),
        ..user(Provider::Zoom, it.email, it.email, it.password)
    }));
    users.push(UserInfo {
        note: Some("belongs to an outside directory: a change is refused with PasswordMismatch"),
        ..user(Provider::Identity, DIRECTORY.guid, DIRECTORY.email, None)
    });
    for seeded in &shared.options.seeded {
        users.retain(|known| known.provider != seeded.provider || !known.id.eq_ignore_ascii_case(&seeded.id));
        users.push(user(
            seeded.provider,
            &seeded.id,
            &seeded.id,
            Some(reveal(&seeded.password)),
        ));
    }
    users
}
