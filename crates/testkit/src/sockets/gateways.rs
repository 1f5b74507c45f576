//! Gateways in front of the sandbox.

use rand::RngExt as _;
use rand::rngs::StdRng;
use repass_sandbox::Provider;

use super::{Asked, Doubt, Ordered};
use crate::gateway::proxy::{Body, Form, Framing, Gateway, Head, Way};
use crate::gateway::{foreign, unprocessed};
use crate::simulation::Kind;

/// Orders what the gateway does with this call.
pub(super) fn order(gateway: &Gateway, asked: &Asked, random: &mut StdRng) -> Ordered {
    let kind = match asked.provider {
        Provider::Zoom => Kind::Zoom,
        Provider::Identity => Kind::Identity,
    };
    let mut declined = false;
    let (way, doubt, repeats) = match random.random_range(0..16) {
        0..4 => (Way::Passes, Doubt::No, 0),
        4..7 => (Way::Replaces(foreign(random, kind)), Doubt::Must, 0),
        7..9 => (Way::Blocks(foreign(random, kind)), Doubt::Must, 0),
        9..11 => {
            declined = true;
            (Way::Blocks(unprocessed(random)), Doubt::No, 0)
        }
        11 => (Way::GivesUp(foreign(random, kind)), Doubt::Must, 0),
        12 => (Way::RepeatsUnsaid(foreign(random, kind)), Doubt::Must, 1),
        13 | 14 => (Way::Repeats, after_two(asked), 1),
        _ => (Way::Cuts, Doubt::May, 0),
    };
    let form = form(random);
    let what = format!("{way:?} as {form:?}");
    gateway.order(&asked.user, way, form);
    Ordered {
        what,
        doubt,
        repeats,
        declined,
    }
}

// The second of two sendings is refused, where the provider compares the password with the one that is set.
fn after_two(asked: &Asked) -> Doubt {
    if !asked.accepted {
        return Doubt::May;
    }
    match asked.provider {
        Provider::Identity if !asked.by_user => Doubt::No,
        Provider::Zoom | Provider::Identity => Doubt::Must,
    }
}

fn form(random: &mut StdRng) -> Form {
    let mut form = Form::default();
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
