//! Zoom's paths.

use http::Method;

use crate::message::path::decoded;

/// What a path under `/v2` asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// `PUT /v2/users/{id}/password`.
    Password(String),
    /// No route of the API.
    Unknown,
}

/// `None` when the path is not Zoom's at all. Ids are decoded after the path is split, so that an encoded
/// slash belongs to the id.
pub(crate) fn target(method: &Method, segments: &[&str]) -> Option<Target> {
    let (&version, rest) = segments.split_first()?;
    if version != "v2" {
        return None;
    }
    Some(match (method.as_str(), rest) {
        ("PUT", ["users", user, "password"]) => Target::Password(decoded(user)),
        _ => Target::Unknown,
    })
}

impl Target {
    /// The route's name in the request counters.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Password(_) => "/v2/users/{id}/password",
            Self::Unknown => "other",
        }
    }

    /// The rate limit label, where the route has one.
    pub(crate) fn category(&self) -> Option<&'static str> {
        match self {
            Self::Password(_) => Some("Medium"),
            Self::Unknown => None,
        }
    }
}
