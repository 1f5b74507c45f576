//! The checks before a route: token, scope, rate limit.

use std::time::Duration;

use http::Method;

use super::refusal::Refusal;
use super::route::Target;
use crate::message::response::FullRequest;
use crate::shared::Shared;
use crate::tokens::TokenStatus;

pub(super) fn pass(shared: &Shared, target: &Target, request: &FullRequest) -> Result<(), Refusal> {
    let token =
        Shared::bearer(request.headers()).ok_or_else(|| Refusal::Unauthorized("Bearer".to_owned()))?;
    let has = if shared.is_static_token(token) {
        shared.options.identity.scopes.clone()
    } else {
        match shared
            .state()
            .identity
            .tokens
            .status(token, shared.clock.elapsed())
        {
            TokenStatus::Valid(scopes) => scopes,
            TokenStatus::Expired => return Err(invalid_token("The token is expired")),
            TokenStatus::Unknown => return Err(invalid_token("The signature is invalid")),
        }
    };
    let needed = scopes(target, request.method());
    if !has.iter().any(|scope| needed.contains(&scope.as_str())) {
        return Err(Refusal::MissingScope(has, needed));
    }
    within_limits(shared, request.method())
}

fn invalid_token(why: &str) -> Refusal {
    Refusal::Unauthorized(format!(
        "Bearer error=\"invalid_token\", error_description=\"{why}\""
    ))
}

/// One of two scopes is enough: the whole of a group, or its reading or writing half.
fn scopes(target: &Target, method: &Method) -> [&'static str; 2] {
    match (target, method) {
        (Target::Setting, _) => ["PM.Setting", "PM.Setting.Read"],
        (_, &Method::GET) => ["PM.User", "PM.User.Read"],
        _ => ["PM.User", "PM.User.Write"],
    }
}

fn within_limits(shared: &Shared, method: &Method) -> Result<(), Refusal> {
    if !shared.options.identity.rate_limits {
        return Ok(());
    }
    let (kind, limit) = match *method {
        Method::GET => ("GET", 300),
        Method::POST => ("POST", 24_000),
        Method::PUT => ("PUT", 160),
        _ => ("other", 160),
    };
    let mut state = shared.state();
    let admitted =
        state
            .identity
            .windows
            .admit(kind, shared.clock.elapsed(), Duration::from_secs(300), limit);
    admitted.map_err(Refusal::TooMany)
}
