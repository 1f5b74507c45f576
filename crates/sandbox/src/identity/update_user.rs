//! `PUT {base}/api/User/{id}`: an administrator's update, of which the password is a part.

use super::directory::User;
use super::newtonsoft_json::{Field, Fields, Kind};
use super::refusal::Refusal;
use super::result::{self, Failure};
use super::rules::Policy;
use crate::ledger::{Entry, Operation};
use crate::message::response::{FullRequest, FullResponse};
use crate::options::Provider;
use crate::shared::{ProviderState, Shared};

const FIELDS: &[Field] = &[
    ("name", Kind::Text),
    ("surname", Kind::Text),
    ("displayName", Kind::Text),
    ("email", Kind::Text),
    ("password", Kind::Text),
    ("isActive", Kind::Flag),
    ("bypassBasicAuthRestriction", Kind::Flag),
    ("invitationAccepted", Kind::Flag),
];

/// Sets what is given, the password included, or nothing when the password is refused. A reset ends a
/// lock-out.
pub(super) fn handle(shared: &Shared, id: &str, request: &FullRequest) -> Result<FullResponse, Refusal> {
    let (key, fields) = super::bind(shared, id, request, FIELDS)?;
    let options = &shared.options.identity;

    let ProviderState { identity, ledger, .. } = &mut *shared.state();
    let user = identity.find(&key, &shared.fingerprinter);
    let user = user.ok_or_else(|| Refusal::NoSuchUser(id.to_owned()))?;
    let at = shared.clock.now();
    if let Some(new) = fields.text("password") {
        let broken = Policy::of(options).broken(new);
        if !broken.is_empty() {
            return Err(Refusal::Failed(broken));
        }
        let Some(password) = user.password.as_mut() else {
            return Err(Failure::new("DefaultError", "An unknown failure has occurred.").into());
        };
        let fingerprint = shared.fingerprinter.of(new);
        if password.is_among_last(options.previous_use_limit, fingerprint) {
            return Err(Failure::reused(options).into());
        }
        let entry = Entry {
            provider: Provider::Identity,
            user: &user.id,
            at,
            operation: Operation::Reset,
            tracking_id: None,
        };
        ledger.apply(password, fingerprint, &entry);
        (user.failures, user.locked_until) = (0, None);
    }
    update(user, &fields);
    user.modified = Some(at);
    Ok(result::success())
}

fn update(user: &mut User, fields: &Fields) {
    let set = |field: &mut String, name| {
        if let Some(text) = fields.text(name) {
            text.clone_into(field);
        }
    };
    set(&mut user.name, "name");
    set(&mut user.surname, "surname");
    set(&mut user.email, "email");
    if let Some(text) = fields.text("displayName") {
        user.display_name = Some(text.to_owned());
    }
    if let Some(flag) = fields.text("isActive") {
        user.is_active = flag.eq_ignore_ascii_case("true");
    }
}
