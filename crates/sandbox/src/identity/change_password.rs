//! `POST {base}/api/User/{id}/changepassword`.

use super::json_net::{Field, Kind};
use super::problem::Problems;
use super::refusal::Refusal;
use super::result::{self, Failure};
use super::rules::Policy;
use crate::ledger::{Entry, Operation};
use crate::message::reply::{Received, Reply};
use crate::options::Provider;
use crate::shared::{Shared, World};

const FIELDS: &[Field] = &[("oldPassword", Kind::Text), ("newPassword", Kind::Text)];

/// Sets the password when the old one is right and the new one meets the rules: in this order, as the
/// framework does. A new password that equals the old one is set, too.
pub(super) fn handle(shared: &Shared, id: &str, request: &Received) -> Result<Reply, Refusal> {
    let (key, fields) = super::bind(shared, id, request, FIELDS)?;
    let mut missing = Problems::default();
    for (field, _) in FIELDS {
        if fields.text(field).is_none() {
            missing.add(field, format!("The {field} field is required."));
        }
    }
    let (Some(old), Some(new)) = (fields.text("oldPassword"), fields.text("newPassword")) else {
        return Err(Refusal::Invalid(missing));
    };
    let options = &shared.options.identity;
    let (old, fingerprint) = (shared.fingerprinter.of(old), shared.fingerprinter.of(new));
    let broken = Policy::of(options.rules).broken(new);

    let World { identity, ledger, .. } = &mut *shared.world();
    let user = identity.find(&key, &shared.fingerprinter);
    let user = user.ok_or(Refusal::NoSuchUser)?;
    let Some(current) = user.password.as_mut().filter(|current| current.is(old)) else {
        return Err(Failure::mismatch().into());
    };
    if !broken.is_empty() {
        return Err(Refusal::Failed(broken));
    }
    let entry = Entry {
        provider: Provider::Identity,
        user: &user.id,
        at: shared.clock.now(),
        operation: Operation::Change,
        tracking_id: None,
    };
    ledger.apply(current, fingerprint, &entry);
    Ok(result::success())
}
