//! Zoom's paths.

use http::Method;

use crate::message::path::decoded;

/// What a path asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// `POST /oauth/token`.
    Token,
    /// `PUT /v2/users/{id}/password`.
    Password(String),
    /// `GET /v2/users/{id}`.
    ReadUser(String),
    /// `PATCH /v2/users/{id}`.
    UpdateUser(String),
    /// `GET /v2/accounts/{id}/settings`.
    Settings(String),
    /// No route of the API.
    Unknown,
}

/// `None` when the path is not Zoom's at all. Ids are decoded after the path is split, so that an encoded
/// slash belongs to the id.
pub(crate) fn target(method: &Method, segments: &[&str]) -> Option<Target> {
    Some(match (method.as_str(), segments) {
        ("POST", ["oauth", "token"]) => Target::Token,
        ("PUT", ["v2", "users", user, "password"]) => Target::Password(decoded(user)),
        ("GET", ["v2", "users", user]) => Target::ReadUser(decoded(user)),
        ("PATCH", ["v2", "users", user]) => Target::UpdateUser(decoded(user)),
        ("GET", ["v2", "accounts", account, "settings"]) => Target::Settings(decoded(account)),
        (_, ["v2" | "oauth", ..]) => Target::Unknown,
        _ => return None,
    })
}

impl Target {
    /// The route's name in the request counters.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Token => "/oauth/token",
            Self::Password(_) => "/v2/users/{id}/password",
            Self::ReadUser(_) | Self::UpdateUser(_) => "/v2/users/{id}",
            Self::Settings(_) => "/v2/accounts/{id}/settings",
            Self::Unknown => "other",
        }
    }

    /// The rate limit label, where the route has one.
    pub(crate) fn category(&self) -> Option<&'static str> {
        match self {
            Self::Password(_) | Self::Settings(_) => Some("Medium"),
            Self::ReadUser(_) | Self::UpdateUser(_) => Some("Light"),
            Self::Token | Self::Unknown => None,
        }
    }

    /// The scopes of which a token needs one, classic names first.
    pub(crate) fn scopes(&self) -> &'static [&'static str] {
        match self {
            Self::Password(_) => &[
                "user:write:admin",
                "user:write",
                "user:master",
                "user:update:password:admin",
                "user:update:password",
                "user:update:password:master",
            ],
            Self::UpdateUser(_) => &[
                "user:write:admin",
                "user:write",
                "user:master",
                "user:update:user:admin",
                "user:update:user",
                "user:update:user:master",
            ],
            Self::ReadUser(_) => &[
                "user:read:admin",
                "user:read",
                "user:master",
                "user:read:user:admin",
                "user:read:user",
                "user:read:user:master",
            ],
            Self::Settings(_) => &[
                "account:read:admin",
                "account:master",
                "account:read:settings:admin",
                "account:read:settings:master",
            ],
            Self::Token | Self::Unknown => &[],
        }
    }

    /// The user whom the path names.
    pub(crate) fn user(&self) -> Option<&str> {
        match self {
            Self::Password(user) | Self::ReadUser(user) | Self::UpdateUser(user) => Some(user),
            Self::Token | Self::Settings(_) | Self::Unknown => None,
        }
    }
}
