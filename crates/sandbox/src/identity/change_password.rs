//! `POST {base}/api/User/{id}/changepassword`.

use super::newtonsoft_json::{Field, Kind};
use super::problem::Problems;
use super::refusal::Refusal;
use super::result::{self, Failure};
use super::rules::Policy;
use crate::ledger::{Entry, Operation};
use crate::message::response::{FullRequest, FullResponse};
use crate::options::{NullPassword, Provider};
use crate::shared::{ProviderState, Shared};

const FIELDS: &[Field] = &[("oldPassword", Kind::Text), ("newPassword", Kind::Text)];

/// Sets the password when the user is not locked out, the old one is right and the new one meets the rules: in
/// this order. A new password that equals the old one is set, too, unless reuse is limited.
pub(super) fn handle(shared: &Shared, id: &str, request: &FullRequest) -> Result<FullResponse, Refusal> {
    let (key, fields) = super::bind(shared, id, request, FIELDS)?;
    let options = &shared.options.identity;
    let mut missing = Problems::default();
    for (field, _) in FIELDS {
        if fields.text(field).is_none() {
            missing.add(field, format!("The {field} field is required."));
        }
    }
    let (Some(old), Some(new)) = (fields.text("oldPassword"), fields.text("newPassword")) else {
        return Err(match options.null_password {
            NullPassword::Problem => Refusal::Invalid(missing),
            NullPassword::ServerError => Refusal::ServerError,
        });
    };
    let (old, fingerprint) = (shared.fingerprinter.of(old), shared.fingerprinter.of(new));
    let broken = Policy::of(options).broken(new);

    let ProviderState { identity, ledger, .. } = &mut *shared.state();
    let user = identity.find(&key, &shared.fingerprinter);
    let user = user.ok_or_else(|| Refusal::NoSuchUser(id.to_owned()))?;
    let elapsed = shared.clock.elapsed();
    if user.locked_until.is_some_and(|until| elapsed < until) {
        return Err(Failure::new(&options.lockout.code, &options.lockout.description).into());
    }
    user.locked_until = None;
    let Some(password) = user.password.as_mut().filter(|password| password.is(old)) else {
        user.failures += 1;
        if user.failures == options.lockout.failures {
            user.failures = 0;
            user.locked_until = Some(elapsed.saturating_add(options.lockout.duration));
        }
        return Err(Failure::mismatch().into());
    };
    if !broken.is_empty() {
        return Err(Refusal::Failed(broken));
    }
    if password.is_among_last(options.previous_use_limit, fingerprint) {
        return Err(Failure::reused(options).into());
    }
    let at = shared.clock.now();
    let entry = Entry {
        provider: Provider::Identity,
        user: &user.id,
        at,
        operation: Operation::Change,
        tracking_id: None,
    };
    ledger.apply(password, fingerprint, &entry);
    user.failures = 0;
    user.modified = Some(at);
    Ok(result::success())
}
