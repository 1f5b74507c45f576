//! The portal's paths.

use crate::message::path::decoded;
use crate::options::Options;

/// What a path asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// `{base}/api/User/{id}/changepassword`.
    ChangePassword(String),
    /// `{base}/api/User/{id}`.
    User(String),
    /// No route: the portal's page.
    Page,
}

/// Letter case does not matter in a path, except in ids.
pub(crate) fn target(_options: &Options, segments: &[&str]) -> Target {
    let Some(rest) = behind_mount(segments) else {
        return Target::Page;
    };
    let is = |segment: &str, word: &str| segment.eq_ignore_ascii_case(word);
    match rest {
        [api, user, id, action]
            if is(api, "api") && is(user, "user") && is(action, "changepassword") && !id.is_empty() =>
        {
            Target::ChangePassword(decoded(id))
        }
        [api, user, id] if is(api, "api") && is(user, "user") && !id.is_empty() => Target::User(decoded(id)),
        _ => Target::Page,
    }
}

/// The path behind `/identity`, `/identity_`, `/{org}/identity_` or `/{org}/{tenant}/identity_`.
fn behind_mount<'s, 'p>(segments: &'s [&'p str]) -> Option<&'s [&'p str]> {
    let (first, rest) = segments.split_first()?;
    if first.eq_ignore_ascii_case("identity") {
        return Some(rest);
    }
    let mount = segments
        .iter()
        .take(3)
        .position(|segment| segment.eq_ignore_ascii_case("identity_"))?;
    Some(&segments[mount + 1..])
}

impl Target {
    /// The route's name in the request counters.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::ChangePassword(_) => "/api/User/{id}/changepassword",
            Self::User(_) => "/api/User/{id}",
            Self::Page => "other",
        }
    }
}
