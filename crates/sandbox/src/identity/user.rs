//! `GET {base}/api/User/{id}` and `GET {base}/api/User/users/{partition}`.

use http::StatusCode;
use serde_json::{Value, json};

use super::directory::{User, guid};
use super::problem::Problems;
use super::refusal::Refusal;
use super::result::Failure;
use crate::fixtures::PARTITION;
use crate::message::path::form_pairs;
use crate::message::response::{self, FullRequest, FullResponse};
use crate::shared::Shared;

/// The most users of one page.
const LARGEST_PAGE: usize = 1000;
/// A page's size when none is asked for.
const USUAL_PAGE: usize = 10;

pub(super) fn read(shared: &Shared, id: &str) -> Result<FullResponse, Refusal> {
    let mut problems = Problems::default();
    let key = super::bind_id(shared, id, &mut problems).ok_or(Refusal::Invalid(problems))?;
    let mut state = shared.state();
    let user = state.identity.find(&key, &shared.fingerprinter);
    let user = user.ok_or_else(|| Refusal::NoSuchUser(id.to_owned()))?;
    Ok(response::json(StatusCode::OK, &described(user)))
}

/// A page of users. The only partition there is is the announced one.
pub(super) fn search(
    shared: &Shared,
    partition: &str,
    request: &FullRequest,
) -> Result<FullResponse, Refusal> {
    let mut problems = Problems::default();
    let Some(partition) = guid(partition) else {
        problems.add(
            "partitionGlobalId",
            format!("The value '{partition}' is not valid."),
        );
        return Err(Refusal::Invalid(problems));
    };
    if partition != PARTITION {
        return Err(Failure::new(
            "InvalidPartition",
            format!("Partition {partition} does not exist."),
        )
        .into());
    }
    let (mut text, mut skip, mut top) = (String::new(), 0, USUAL_PAGE);
    for (name, value) in form_pairs(request.uri().query().unwrap_or_default()) {
        let mut number = |most: usize| match value.parse() {
            Ok(number) if number <= most => number,
            _ => {
                problems.add(&name, format!("The value '{value}' is not valid."));
                0
            }
        };
        match name.to_ascii_lowercase().as_str() {
            "searchterm" => text = value,
            "skip" => skip = number(usize::MAX),
            "top" => top = number(LARGEST_PAGE),
            _ => {}
        }
    }
    if !problems.is_empty() {
        return Err(Refusal::Invalid(problems));
    }
    let mut state = shared.state();
    let (total, page) = state.identity.search(&text, skip, top, &shared.fingerprinter);
    let results: Vec<Value> = page.into_iter().map(described).collect();
    Ok(response::json(
        StatusCode::OK,
        &json!({"totalCount": total, "results": results}),
    ))
}

/// `type` and `category` are numbers on the wire, whatever the schema says: 0 a user, 2 one of an outside
/// directory.
fn described(user: &User) -> Value {
    let outside = user.password.is_none();
    json!({
        "id": user.id,
        "userName": user.email,
        "email": user.email,
        "emailConfirmed": true,
        "name": user.name,
        "surname": user.surname,
        "displayName": user.display_name.clone().unwrap_or_else(|| format!("{} {}", user.name, user.surname)),
        "creationTime": "2026-01-01T00:00:00Z",
        "lastModificationTime": user.modified,
        "lastLoginTime": null,
        "groupIDs": null,
        "legacyId": null,
        "isActive": user.is_active,
        "bypassBasicAuthRestriction": false,
        "type": if outside { 2 } else { 0 },
        "category": if outside { 2 } else { 0 },
        "invitationAccepted": true,
    })
}
