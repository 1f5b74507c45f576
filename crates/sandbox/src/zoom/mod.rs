//! Zoom's REST API, version 2, as far as user passwords need it.

pub(crate) mod account;
mod body;
mod error;
mod gateway;
mod oauth;
mod password;
mod profile;
mod profile_checks;
mod profile_fields;
pub(crate) mod route;
mod rules;
mod settings;
mod user;

use http::header::{HeaderName, HeaderValue};

use crate::message::response::{FullRequest, FullResponse};
use crate::options::{ZoomBody, ZoomOptions};
use crate::shared::Shared;

use error::Refusal;
use route::Target;

/// Answers a request, always with a tracking id.
///
/// The order: unknown routes, then the gateway (token, scope, rate limit), then whatever the route looks at.
pub(crate) fn answer(shared: &Shared, target: &Target, request: &FullRequest) -> FullResponse {
    let tracking_id = format!("v=2.0;clid=us02;rid=WEB_{:032x}", rand::random::<u128>());
    let mut response =
        handle(shared, target, request, &tracking_id).unwrap_or_else(|refusal| refusal.response(shared));
    let headers = response.headers_mut();
    if let Some(category) = target.category() {
        headers.insert("x-ratelimit-category", HeaderValue::from_static(category));
    }
    if let Ok(value) = HeaderValue::from_str(&tracking_id) {
        headers.insert(HeaderName::from_static("x-zm-trackingid"), value);
    }
    response
}

fn handle(
    shared: &Shared,
    target: &Target,
    request: &FullRequest,
    tracking_id: &str,
) -> Result<FullResponse, Refusal> {
    match target {
        Target::Unknown => Err(Refusal::UnknownRoute),
        Target::Token => Ok(oauth::token(shared, request)),
        Target::Password(user) => {
            gateway::pass(shared, target, request)?;
            password::update(shared, user, request, tracking_id)
        }
        Target::ReadUser(user) => {
            gateway::pass(shared, target, request)?;
            user::read(shared, user)
        }
        Target::UpdateUser(user) => {
            gateway::pass(shared, target, request)?;
            profile::update(shared, user, request)
        }
        Target::Settings(account) => {
            gateway::pass(shared, target, request)?;
            settings::read(shared, account, request)
        }
    }
}

/// Whether the rules let this be a new password.
pub(crate) fn permits(options: &ZoomOptions, password: &str) -> bool {
    rules::first_broken(options, password).is_none()
}

/// The new password in a request, whatever the route would make of it.
pub(crate) fn sent_password(request: &FullRequest) -> Option<String> {
    password::new_password(body::fields(ZoomBody::Any, request).ok()?).ok()
}
