//! `PUT /v2/users/{id}/password`.

use http::StatusCode;

use super::error::Refusal;
use super::rules;
use crate::ledger::{Entry, Operation};
use crate::message::content_type::media_type;
use crate::message::multipart;
use crate::message::reply::{self, Received, Reply};
use crate::options::{Provider, ZoomBody};
use crate::shared::{Shared, World};

/// Sets the password when nothing speaks against it.
///
/// The order: content type, body, user (1001, 1117, 1123), the rules, the old password.
pub(super) fn update(
    shared: &Shared,
    user: &str,
    request: &Received,
    tracking_id: &str,
) -> Result<Reply, Refusal> {
    let options = &shared.options.zoom;
    let new = new_password(options.body, request)?;
    let fingerprint = shared.fingerprinter.of(&new);
    let broken = rules::first_broken(options, &new);

    let World { zoom, ledger, .. } = &mut *shared.world();
    let found = zoom.find(user, &shared.fingerprinter);
    let found = found.ok_or_else(|| Refusal::NoSuchUser(user.to_owned()))?;
    if found.admin {
        return Err(Refusal::AdminUser);
    }
    let current = found.password.as_mut().ok_or(Refusal::NoWorkEmailLogin)?;
    if let Some(broken) = broken {
        return Err(broken);
    }
    if current.is(fingerprint) {
        return Err(Refusal::SameAsOld);
    }
    let entry = Entry {
        provider: Provider::Zoom,
        user: &found.id,
        at: shared.clock.now(),
        operation: Operation::Reset,
        tracking_id: Some(tracking_id),
    };
    ledger.apply(current, fingerprint, &entry);
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

fn new_password(takes: ZoomBody, request: &Received) -> Result<String, Refusal> {
    match (media_type(request.headers()).as_deref(), takes) {
        (Some("multipart/form-data"), ZoomBody::Any | ZoomBody::FormData) => {
            let invalid = Refusal::InvalidField("password");
            let value = multipart::field(request.headers(), request.body(), "password");
            let value = value.ok().flatten().ok_or_else(|| invalid.clone())?;
            String::from_utf8(value.to_vec()).map_err(|_| invalid)
        }
        (Some("application/json"), ZoomBody::Any | ZoomBody::Json) => {
            let body: serde_json::Value =
                serde_json::from_slice(request.body()).map_err(|_| Refusal::NotJson)?;
            match body.as_object().ok_or(Refusal::NotJson)?.get("password") {
                Some(serde_json::Value::String(password)) => Ok(password.clone()),
                None => Err(Refusal::InvalidField("password")),
                // A value of the wrong type is answered as if the whole body were no JSON.
                Some(_) => Err(Refusal::NotJson),
            }
        }
        _ => Err(Refusal::UnsupportedContentType),
    }
}
