//! `PATCH /v2/users/{id}`.

use http::StatusCode;
use serde_json::{Map, Value};

use super::body::{self, Fields};
use super::error::Refusal;
use super::profile_checks;
use super::profile_fields::FIELDS;
use super::user;
use crate::fixtures::ZoomKind;
use crate::message::path::form_pairs;
use crate::message::response::{self, FullRequest, FullResponse};
use crate::shared::{ProviderState, Shared};

/// The values of `login_type`.
const LOGIN_TYPES: [&str; 12] = [
    "0", "1", "11", "21", "23", "24", "27", "97", "98", "99", "100", "101",
];

/// Sets the given fields. Unknown ones, `email` among them, are ignored in silence, as Zoom does.
///
/// The order: query, content type, body, user, then every field's own range at once, then what speaks against
/// the update as a whole.
pub(super) fn update(shared: &Shared, id: &str, request: &FullRequest) -> Result<FullResponse, Refusal> {
    let options = &shared.options.zoom;
    check_query(request)?;
    let given = known_fields(body::fields(options.body, request)?)?;

    let ProviderState { zoom, .. } = &mut *shared.state();
    let vanity_name = given.get("vanity_name");
    let user = zoom
        .find(id, &shared.fingerprinter)
        .ok_or_else(|| Refusal::NoSuchUser(id.to_owned()))?;
    if user.kind == ZoomKind::Pending {
        return Err(user::pending());
    }
    profile_checks::check(options, user, &given)?;
    let found = user.id.clone();
    if vanity_name.is_some_and(|name| zoom.is_vanity_name_taken(&found, name)) {
        let text =
            "User is already taken by a user from your account. Choose another \"Personal Link Name\".";
        return Err(Refusal::other(4100, text));
    }
    if let Some(user) = zoom.find(id, &shared.fingerprinter) {
        user.profile.extend(given);
    }
    Ok(response::empty(StatusCode::NO_CONTENT))
}

fn check_query(request: &FullRequest) -> Result<(), Refusal> {
    let mut invalid = Vec::new();
    for (name, value) in form_pairs(request.uri().query().unwrap_or_default()) {
        let holds = match name.as_str() {
            "login_type" => LOGIN_TYPES.contains(&value.as_str()),
            "remove_tsp_credentials" => matches!(value.as_str(), "true" | "false"),
            _ => true,
        };
        if !holds {
            invalid.push(name);
        }
    }
    if invalid.is_empty() {
        Ok(())
    } else {
        Err(Refusal::InvalidFields(invalid))
    }
}

/// The fields that are known, each within its range. In JSON, a `null` is as good as absent.
fn known_fields(fields: Fields) -> Result<Map<String, Value>, Refusal> {
    let given: Vec<(String, Option<Value>)> = match fields {
        Fields::Json(members) => members
            .into_iter()
            .map(|(name, value)| (name, Some(value)))
            .collect(),
        Fields::Form(fields) => fields
            .into_iter()
            .map(|(name, text)| {
                let value = FIELDS.iter().find(|(known, _)| *known == name);
                let value = value.map_or(Some(Value::Null), |(_, kind)| kind.read(&text));
                (name, value)
            })
            .collect(),
    };
    if given.iter().any(|(name, _)| name == "password") {
        return Err(Refusal::other(300, "Invalid parameter: password"));
    }
    let mut known = Map::new();
    let mut invalid = Vec::new();
    for (name, value) in given {
        let Some((_, kind)) = FIELDS.iter().find(|(known, _)| *known == name) else {
            continue;
        };
        match value {
            Some(Value::Null) => {}
            Some(value) if kind.holds(&value) => drop(known.insert(name, value)),
            _ if name == "plan_united_type" => {
                let text = "The value provided for \"plan_united_type\" parameter is invalid. \
                            Try again with a valid value.";
                return Err(Refusal::other(300, text));
            }
            _ => invalid.push(name),
        }
    }
    if invalid.is_empty() {
        Ok(known)
    } else {
        Err(Refusal::InvalidFields(invalid))
    }
}
