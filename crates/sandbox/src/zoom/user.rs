//! `GET /v2/users/{id}`.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::account::User;
use super::error::Refusal;
use crate::fixtures::ZoomKind;
use crate::message::response::{self, FullResponse};
use crate::shared::Shared;

/// What a client has to know before it tries a change: role, status, logins; and what updates have set.
pub(super) fn read(shared: &Shared, id: &str) -> Result<FullResponse, Refusal> {
    let mut state = shared.state();
    let user = state.zoom.find(id, &shared.fingerprinter);
    let user = user.ok_or_else(|| Refusal::NoSuchUser(id.to_owned()))?;
    if user.kind == ZoomKind::Pending {
        return Err(pending());
    }
    Ok(response::json(StatusCode::OK, &described(user)))
}

/// The refusal for who has not accepted the invitation.
pub(super) fn pending() -> Refusal {
    Refusal::other(
        1120,
        "A valid invitation to join the Zoom account was not found for this user.",
    )
}

fn described(user: &User) -> Map<String, Value> {
    let (role_id, role_name) = match user.kind {
        ZoomKind::Owner => ("0", "Owner"),
        ZoomKind::Admin => ("1", "Admin"),
        _ => ("2", "Member"),
    };
    let login_types: &[u16] = match user.kind {
        ZoomKind::Sso => &[101],
        ZoomKind::Room | ZoomKind::Pending => &[],
        _ => &[100],
    };
    let name = user.id.split('@').next().unwrap_or_default();
    let body = json!({
        "id": user.id,
        "email": user.id,
        "first_name": name,
        "last_name": "Example",
        "display_name": name,
        "type": if user.kind == ZoomKind::Basic { 1 } else { 2 },
        "role_id": role_id,
        "role_name": role_name,
        "login_types": login_types,
        "status": "active",
        "verified": 1,
        "timezone": "UTC",
        "language": "en-US",
    });
    let Value::Object(mut body) = body else {
        return Map::new();
    };
    body.extend(user.profile.clone());
    body
}
