//! `PUT /v2/users/{id}/password`.

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use super::body::{self, Fields};
use super::error::Refusal;
use super::rules;
use crate::fixtures::ZoomKind;
use crate::ledger::{Entry, Operation};
use crate::message::response::{self, FullRequest, FullResponse};
use crate::options::Provider;
use crate::shared::{ProviderState, Shared};

const DAY: Duration = Duration::from_secs(86_400);

/// Sets the password when nothing speaks against it.
///
/// The order: content type, body, user (1001, 1117, 1123), the changes of the last 24 hours, the rules, the
/// current password, the ones before.
pub(super) fn update(
    shared: &Shared,
    user: &str,
    request: &FullRequest,
    tracking_id: &str,
) -> Result<FullResponse, Refusal> {
    let options = &shared.options.zoom;
    let new = new_password(body::fields(options.body, request)?)?;
    let fingerprint = shared.fingerprinter.of(&new);
    let broken = rules::first_broken(options, &new);

    let ProviderState { zoom, ledger, .. } = &mut *shared.state();
    let found = zoom.find(user, &shared.fingerprinter);
    let found = found.ok_or_else(|| Refusal::NoSuchUser(user.to_owned()))?;
    if found.kind == ZoomKind::Admin || found.kind == ZoomKind::Owner && !options.owner_exempt {
        return Err(Refusal::AdminUser);
    }
    let password = found.password.as_mut().ok_or(Refusal::NoWorkEmailLogin)?;
    let elapsed = shared.clock.elapsed();
    while found
        .changed
        .front()
        .is_some_and(|changed| *changed + DAY <= elapsed)
    {
        found.changed.pop_front();
    }
    if options
        .changes_per_day
        .is_some_and(|most| found.changed.len() >= most)
    {
        return Err(Refusal::TooManyChanges);
    }
    if let Some(broken) = broken {
        return Err(broken);
    }
    if password.is(fingerprint) {
        return Err(Refusal::SameAsOld);
    }
    if password.is_among_last(options.history, fingerprint) {
        return Err(Refusal::Reused(options.history));
    }
    if options.changes_per_day.is_some() {
        found.changed.push_back(elapsed);
    }
    let entry = Entry {
        provider: Provider::Zoom,
        user: &found.id,
        at: shared.clock.now(),
        operation: Operation::Reset,
        tracking_id: Some(tracking_id),
    };
    ledger.apply(password, fingerprint, &entry);
    Ok(response::empty(StatusCode::NO_CONTENT))
}

pub(super) fn new_password(fields: Fields) -> Result<String, Refusal> {
    let invalid = || Refusal::invalid_field("password");
    match fields {
        Fields::Form(fields) => fields
            .into_iter()
            .find(|(name, _)| name == "password")
            .map(|(_, text)| text)
            .ok_or_else(invalid),
        Fields::Json(mut members) => match members.remove("password").ok_or_else(invalid)? {
            Value::String(password) => Ok(password),
            // A value of the wrong type is answered as if the whole body were no JSON.
            _ => Err(Refusal::NotJson),
        },
    }
}
