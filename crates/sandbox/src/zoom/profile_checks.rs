//! What speaks against an update of a user although each of its fields is within its range.

use serde_json::{Map, Value};

use super::account::User;
use super::error::Refusal;
use crate::fixtures::ZoomKind;
use crate::options::{LicenseRefusal, ZoomOptions};

/// What a name may not contain here, so that the refusal for invalid words can be had.
const INVALID_WORD: &str = "forbidden";

const NAMES: [&str; 3] = ["first_name", "last_name", "display_name"];
const PLANS: [&str; 3] = ["type", "plan_united_type", "zoom_one_type"];

/// The first reason to refuse the update. The order: the caller's role, names, plans, phone, PMI and host key,
/// type.
pub(super) fn check(options: &ZoomOptions, user: &User, given: &Map<String, Value>) -> Result<(), Refusal> {
    let has = |name: &str| given.contains_key(name);
    if !options.caller_is_admin {
        let reserved = [
            (&NAMES[..], "a user's name"),
            (&["host_key"], "the host key"),
            (&["pmi"], "a Personal Meeting ID (PMI)"),
            (&["vanity_name"], "a vanity name"),
        ];
        if let Some((_, what)) = reserved
            .iter()
            .find(|(names, _)| names.iter().any(|name| has(name)))
        {
            return Err(Refusal::other(
                200,
                format!("Only an account administrator can change {what}."),
            ));
        }
    }
    for name in NAMES.iter().filter_map(|name| given.get(*name)?.as_str()) {
        if name.to_lowercase().contains(INVALID_WORD) {
            let text = "Your request could not be completed because the name contains an invalid word";
            return Err(Refusal::other(300, format!("{text}: {name}")));
        }
    }
    if PLANS.iter().filter(|name| has(name)).count() > 1 {
        let text =
            "You can't change the \"type\" or \"plan_united_type\" or \"zoom_one_type\" at the same time.";
        return Err(Refusal::other(300, text));
    }
    if has("phone_number") && !has("phone_country") {
        return Err(Refusal::invalid_field("phone_country"));
    }
    if user.kind == ZoomKind::Basic && has("host_key") {
        return Err(Refusal::other(1108, "Only paid user can own host key."));
    }
    if user.kind == ZoomKind::Basic && has("pmi") {
        return Err(Refusal::other(1109, "Host is not a paid user."));
    }
    if has("pmi") && user.profile.get("type").and_then(Value::as_u64) == Some(4) {
        let text = "You cannot update PMI information for a \"No Meetings License\" user.";
        return Err(Refusal::other(200, text));
    }
    check_type(user, given.get("type").and_then(Value::as_u64))?;
    match license_refusal(options.license_refusal) {
        Some((code, text)) if PLANS.iter().any(|name| has(name)) => Err(Refusal::other(code, text)),
        _ => Ok(()),
    }
}

fn check_type(user: &User, new: Option<u64>) -> Result<(), Refusal> {
    let id = &user.id;
    match (user.kind, new) {
        (ZoomKind::Room, Some(1)) => {
            let text = format!("A Zoom Room user cannot be updated to a free user type: {id}");
            Err(Refusal::other(200, text))
        }
        (ZoomKind::Room, Some(4)) => {
            let text = format!("A Zoom Room user cannot be updated to a no-meeting-license user type: {id}.");
            Err(Refusal::other(200, text))
        }
        (ZoomKind::Host, Some(1)) => {
            let text = "You cannot change the user type to \"Basic\" because this user has an upcoming Zoom \
                        Events scheduled.";
            Err(Refusal::other(300, text))
        }
        _ => Ok(()),
    }
}

fn license_refusal(switch: LicenseRefusal) -> Option<(u32, &'static str)> {
    Some(match switch {
        LicenseRefusal::None => return None,
        LicenseRefusal::Code1108 => (
            1108,
            "Permission requirements to change the user type of this user were not met.",
        ),
        LicenseRefusal::Code2033 => (
            2033,
            "Your request to convert the user type to \"Basic\" was not approved because you have already \
             reached the maximum basic user limit allowed in your account. For additional help regarding this \
             issue, contact the Zoom Customer Support team.",
        ),
        LicenseRefusal::Code2034 => (
            2034,
            "Your request to convert the plan type of this user to \"Zoom One Pro\" was not approved at this \
             time because your account has reached the permitted maximum number of \"Zoom One Pro\" users. You \
             must purchase additional licenses or contact the Zoom support team to provision additional users \
             in your account.",
        ),
        LicenseRefusal::Code2038 => (
            2038,
            "Your request to convert the plan type of this user was not approved at this time because your \
             account has reached the permitted maximum number. Please purchase additional licenses or contact \
             the Zoom support team to provision additional users in your account.",
        ),
        LicenseRefusal::Code2039 => (
            2039,
            "You can't turn off your Zoom One license now because you don't have enough basic licenses.",
        ),
        LicenseRefusal::Code3412 => (
            3412,
            "You have reached the maximum number of Basic users allowed: 10.",
        ),
    })
}
