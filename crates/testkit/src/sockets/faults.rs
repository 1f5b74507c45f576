//! The sandbox's own faults.

use std::collections::BTreeMap;

use rand::RngExt as _;
use rand::rngs::StdRng;
use repass_sandbox::{
    Action, CannedResponse, Cut, CutKind, CutPoint, Fault, RequestMatcher, Sandbox, Timing,
};

use super::{Doubt, Expectation, PlannedCall};

/// Arms a fault for this call, or none.
pub(super) fn inject(sandbox: &Sandbox, planned: &PlannedCall, random: &mut StdRng) -> Expectation {
    let action = action(random);
    if let Some((action, _)) = &action {
        let matching = RequestMatcher {
            provider: Some(planned.provider),
            user: Some(planned.user.clone()),
            ..RequestMatcher::default()
        };
        let fault = Fault {
            matching,
            action: action.clone(),
        };
        sandbox
            .inject(fault)
            .unwrap_or_else(|error| panic!("{error}: {action:?}"));
    }
    Expectation {
        what: format!("{action:?}"),
        doubt: action.map_or(Doubt::No, |(_, doubt)| doubt),
        repeats: 0,
        declined: false,
    }
}

/// A fault and whether it leaves in doubt what happened; or none.
fn action(random: &mut StdRng) -> Option<(Action, Doubt)> {
    let when = if random.random_bool(0.5) {
        Timing::BeforeApply
    } else {
        Timing::AfterApply
    };
    let answer = |status, body: &str| {
        Some(CannedResponse {
            status,
            headers: BTreeMap::new(),
            body: body.to_owned(),
            pad_to: 0,
        })
    };
    let action = |respond, cut| Action {
        when,
        respond,
        cut,
        ..Action::default()
    };
    let cut = |at, how| action(None, Some(Cut { at, how }));
    let how = [CutKind::Fin, CutKind::Rst, CutKind::Stall][random.random_range(0..3)];
    Some(match random.random_range(0..14) {
        0..4 => return None,
        4 => (cut(CutPoint::Answer, how), Doubt::Must),
        5 => (cut(CutPoint::StatusLine, how), Doubt::Must),
        6 => (action(answer(500, ""), None), Doubt::Must),
        7 => (action(answer(502, "<html>"), None), Doubt::Must),
        8 => (action(answer(503, ""), None), Doubt::Must),
        9 => (action(answer(504, ""), None), Doubt::Must),
        10 => (action(answer(500, "%PASSWORD%"), None), Doubt::Must),
        11 => (
            Action {
                respond: answer(429, ""),
                ..Action::default()
            },
            Doubt::No,
        ),
        12 => (
            Action {
                respond: answer(307, ""),
                ..Action::default()
            },
            Doubt::No,
        ),
        _ => (
            Action {
                respond: answer(
                    400,
                    "{\"succeeded\":false,\"code\":1123,\"message\":\"%PASSWORD%\"}",
                ),
                ..Action::default()
            },
            Doubt::No,
        ),
    })
}
