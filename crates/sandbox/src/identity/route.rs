//! The portal's paths.

use crate::message::path::decoded;
use crate::options::Options;

/// What a path asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// `{base}/connect/token`.
    Token,
    /// `{base}/api/User/{id}/changepassword`.
    ChangePassword(String),
    /// `{base}/api/User/{id}`.
    User(String),
    /// `{base}/api/User/users/{partition}`.
    Search(String),
    /// `{base}/api/Setting`.
    Setting,
    /// Under `/identity_` of a standalone portal, which does not know it.
    UnsupportedVersion,
    /// No route.
    Unknown,
}

/// Letter case does not matter in a path, except in ids.
pub(crate) fn target(options: &Options, segments: &[&str]) -> Target {
    let Some((mount, rest)) = behind_mount(segments) else {
        return Target::Unknown;
    };
    if options.identity.standalone && mount.ends_with('_') {
        return Target::UnsupportedVersion;
    }
    let lower: Vec<_> = rest.iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let lower: Vec<_> = lower.iter().map(String::as_str).collect();
    match lower[..] {
        ["connect", "token"] => Target::Token,
        ["api", "setting"] => Target::Setting,
        ["api", "user", "", ..] => Target::Unknown,
        ["api", "user", _] => Target::User(decoded(rest[2])),
        ["api", "user", "users", _] => Target::Search(decoded(rest[3])),
        ["api", "user", _, "changepassword"] => Target::ChangePassword(decoded(rest[2])),
        _ => Target::Unknown,
    }
}

/// The segment of `/identity`, `/identity_`, `/{org}/identity_` or `/{org}/{tenant}/identity_`, and the path
/// behind it.
fn behind_mount<'s, 'p>(segments: &'s [&'p str]) -> Option<(&'p str, &'s [&'p str])> {
    let (first, rest) = segments.split_first()?;
    if first.eq_ignore_ascii_case("identity") {
        return Some((first, rest));
    }
    let mount = segments
        .iter()
        .take(3)
        .position(|segment| segment.eq_ignore_ascii_case("identity_"))?;
    Some((segments[mount], &segments[mount + 1..]))
}

impl Target {
    /// The route's name in the request counters.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Token => "/connect/token",
            Self::ChangePassword(_) => "/api/User/{id}/changepassword",
            Self::User(_) => "/api/User/{id}",
            Self::Search(_) => "/api/User/users/{partition}",
            Self::Setting => "/api/Setting",
            Self::UnsupportedVersion | Self::Unknown => "other",
        }
    }

    /// The user whom the path names.
    pub(crate) fn user(&self) -> Option<&str> {
        match self {
            Self::ChangePassword(user) | Self::User(user) => Some(user),
            _ => None,
        }
    }
}
