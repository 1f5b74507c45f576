//! `PUT {base}/api/User/{id}`: an administrator's update, of which the password is a part.

use super::json_net::{Field, Kind};
use super::refusal::Refusal;
use super::result::{self, Failure};
use super::rules::Policy;
use crate::ledger::{Entry, Operation};
use crate::message::reply::{Received, Reply};
use crate::options::Provider;
use crate::shared::{Shared, World};

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

/// Sets the password when one is given; an update without one succeeds and leaves the ledger alone.
pub(super) fn handle(shared: &Shared, id: &str, request: &Received) -> Result<Reply, Refusal> {
    let (key, fields) = super::bind(shared, id, request, FIELDS)?;
    let options = &shared.options.identity;

    let World { identity, ledger, .. } = &mut *shared.world();
    let user = identity.find(&key, &shared.fingerprinter);
    let user = user.ok_or(Refusal::NoSuchUser)?;
    let Some(new) = fields.text("password") else {
        return Ok(result::success());
    };
    let broken = Policy::of(options.rules).broken(new);
    if !broken.is_empty() {
        return Err(Refusal::Failed(broken));
    }
    let Some(current) = user.password.as_mut() else {
        return Err(Failure::new("DefaultError", "An unknown failure has occurred.").into());
    };
    let entry = Entry {
        provider: Provider::Identity,
        user: &user.id,
        at: shared.clock.now(),
        operation: Operation::Reset,
        tracking_id: None,
    };
    ledger.apply(current, shared.fingerprinter.of(new), &entry);
    Ok(result::success())
}
