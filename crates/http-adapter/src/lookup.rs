//! Finding the user. What a look-up returns is compared with what was asked for: filters may be ignored, and searches
//! match parts of names.

use std::collections::BTreeMap;

use repass_domain::{CallRedactor, ErrorKind, PriorState, UserId};
use repass_provider::Classification;
use repass_transport::{Json, Response};

use crate::condition::Pointer;
use crate::errors;
use crate::table::Lookup;
use crate::template::Values;
use crate::timestamp::TimestampProbe;

/// The user at the provider.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    pub(crate) id: String,
    pub(crate) kept: BTreeMap<String, Json>,
    /// When the password was last set, where the table says where that stands.
    pub(crate) state: PriorState,
}

/// Reads the response to a look-up.
pub(crate) fn read(
    lookup: &Lookup,
    timestamp: Option<&TimestampProbe>,
    user: &UserId,
    response: &Response,
    redactor: &CallRedactor<'_>,
    values: &Values<'_>,
) -> Result<Found, Classification> {
    if response.status().as_u16() != 200 {
        return Err(errors::classify(&lookup.not_found, response, redactor, values));
    }
    let unreadable = || {
        Classification::unreadable().with_hint(
            "the look-up's response is not what the table describes; check the base URL and the table",
        )
    };
    let body = response.json_value().filter(|_| response.is_complete());
    let body = body.ok_or_else(unreadable)?;
    let listed = match &lookup.list {
        None => std::slice::from_ref(&body),
        Some(list) => match list.find(&body) {
            Ok(Some(Json::List(items))) => items.as_slice(),
            _ => return Err(unreadable()),
        },
    };
    let mut same = listed.iter().filter(|entry| is_same(lookup, user, entry));
    let Some(entry) = same.next() else {
        return Err(Classification::rejected(ErrorKind::UserNotFound));
    };
    if same.next().is_some() {
        return Err(Classification::rejected(ErrorKind::Conflict)
            .with_hint("several users have this name at the provider; name the user by something unique"));
    }
    for refuse in &lookup.refuse {
        if refuse.condition.holds(Some(entry), values) {
            let refused = Classification::rejected(ErrorKind::NotEligible);
            return Err(match refuse.hint {
                Some(hint) => refused.with_hint(hint),
                None => refused,
            });
        }
    }
    let id = text(&lookup.id, entry).ok_or_else(unreadable)?;
    let mut kept = BTreeMap::new();
    for (name, pointer) in &lookup.keep {
        let Ok(Some(value)) = pointer.find(entry) else {
            return Err(unreadable());
        };
        kept.insert(name.clone(), value.clone());
    }
    let state = timestamp.map(|probe| probe.read(entry, response));
    Ok(Found {
        id,
        kept,
        state: state.unwrap_or_default(),
    })
}

fn is_same(lookup: &Lookup, user: &UserId, entry: &Json) -> bool {
    let is = |found: Option<String>| {
        found.is_some_and(|found| {
            if lookup.ignores_case {
                found.to_lowercase() == user.expose().to_lowercase()
            } else {
                found == user.expose()
            }
        })
    };
    is(text(&lookup.same, entry)) || lookup.accepts_id && is(text(&lookup.id, entry))
}

// A name or number; nothing else identifies a user.
fn text(pointer: &Pointer, entry: &Json) -> Option<String> {
    match pointer.find(entry) {
        Ok(Some(value @ (Json::Text(_) | Json::Number(_)))) => {
            Some(value.plain()).filter(|text| !text.is_empty())
        }
        _ => None,
    }
}
