//! Gateways in front of the sandbox.

use rand::RngExt as _;
use rand::rngs::StdRng;
use repass_sandbox::Provider;

use super::{Doubt, Expectation, PlannedCall};
use crate::gateway::proxy::{Body, Framing, Gateway, GatewayAction, Head, ResponseForm};
use crate::gateway::{foreign, unprocessed};
use crate::simulation::Kind;

/// Orders what the gateway does with this call.
pub(super) fn set_action(gateway: &Gateway, planned: &PlannedCall, random: &mut StdRng) -> Expectation {
    let kind = match planned.provider {
        Provider::Zoom => Kind::Zoom,
        Provider::Identity => Kind::Identity,
    };
    let mut declined = false;
    let (action, doubt, repeats) = match random.random_range(0..16) {
        0..4 => (GatewayAction::Forward, Doubt::No, 0),
        4..7 => (GatewayAction::Replace(foreign(random, kind)), Doubt::Must, 0),
        7..9 => (GatewayAction::Reject(foreign(random, kind)), Doubt::Must, 0),
        9..11 => {
            declined = true;
            (GatewayAction::Reject(unprocessed(random)), Doubt::No, 0)
        }
        11 => (GatewayAction::TimeOut(foreign(random, kind)), Doubt::Must, 0),
        12 => (
            GatewayAction::DuplicateSilently(foreign(random, kind)),
            Doubt::Must,
            1,
        ),
        13 | 14 => (GatewayAction::Duplicate, doubt_after_duplicate(planned), 1),
        _ => (GatewayAction::Truncate, Doubt::May, 0),
    };
    let form = form(random);
    let what = format!("{action:?} as {form:?}");
    gateway.set_action(&planned.user, action, form);
    Expectation {
        what,
        doubt,
        repeats,
        declined,
    }
}

// The second of two sendings is refused, where the provider compares the password with the one that is set.
fn doubt_after_duplicate(planned: &PlannedCall) -> Doubt {
    if !planned.accepted {
        return Doubt::May;
    }
    match planned.provider {
        Provider::Identity if !planned.by_user => Doubt::No,
        Provider::Zoom | Provider::Identity => Doubt::Must,
    }
}

fn form(random: &mut StdRng) -> ResponseForm {
    let mut form = ResponseForm::default();
    if random.random_bool(0.4) {
        form.head = Head::ALL[random.random_range(0..Head::ALL.len())];
    }
    if random.random_bool(0.4) {
        form.body = Body::ALL[random.random_range(0..Body::ALL.len())];
    }
    form.framing = Framing::ALL[random.random_range(0..Framing::ALL.len())];
    if form.framing != Framing::Close && random.random_bool(0.3) {
        form.keep_alive = Some(random.random_range(1..4));
    }
    form
}
