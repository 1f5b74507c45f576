//! Zoom's REST API, version 2, as far as user passwords need it.

pub(crate) mod account;
mod error;
mod password;
pub(crate) mod route;
mod rules;

use http::header::{HeaderName, HeaderValue};

use crate::message::reply::{Received, Reply};
use crate::shared::Shared;

use error::Refusal;
use route::Target;

/// Answers a request, always with a tracking id.
///
/// The order: unknown routes, then the token, then whatever the route looks at.
pub(crate) fn answer(shared: &Shared, target: &Target, request: &Received) -> Reply {
    let tracking_id = format!("v=2.0;clid=us02;rid=WEB_{:032x}", rand::random::<u128>());
    let mut reply = handle(shared, target, request, &tracking_id).unwrap_or_else(|refusal| refusal.reply());
    let headers = reply.headers_mut();
    if let Some(category) = target.category() {
        headers.insert("x-ratelimit-category", HeaderValue::from_static(category));
    }
    if let Ok(value) = HeaderValue::from_str(&tracking_id) {
        headers.insert(HeaderName::from_static("x-zm-trackingid"), value);
    }
    reply
}

fn handle(shared: &Shared, target: &Target, request: &Received, tracking_id: &str) -> Result<Reply, Refusal> {
    let Target::Password(user) = target else {
        return Err(Refusal::UnknownRoute);
    };
    authenticate(shared, request)?;
    password::update(shared, user, request, tracking_id)
}

fn authenticate(shared: &Shared, request: &Received) -> Result<(), Refusal> {
    let token = Shared::bearer(request.headers()).ok_or(Refusal::InvalidToken)?;
    if shared.is_static_token(token) {
        Ok(())
    } else {
        Err(Refusal::InvalidToken)
    }
}
