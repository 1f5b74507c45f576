//! `cargo xtask simulate`, small enough for every test run.

use repass_testkit::simulation::{self, Summary};
use repass_testkit::sockets;

#[test]
fn simulation_finds_no_wrong_outcome() {
    let mut all = Summary::default();
    for seed in 1..=10 {
        all.add(simulation::run(seed, 400));
    }
    assert!(all.broken.is_empty(), "{:#?}", all.broken);
    for outcome in [
        "applied",
        "not_applied",
        "unknown",
        "dropped",
        "resolved: in place",
    ] {
        assert!(all.outcomes.contains_key(outcome), "no call was {outcome}");
    }
}

#[test]
fn simulation_is_deterministic_per_seed() {
    assert_eq!(simulation::run(7, 300), simulation::run(7, 300));
}

#[test]
fn simulation_over_sockets_finds_no_wrong_outcome() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let summary = runtime.block_on(sockets::run(1, 200));
    assert!(summary.broken.is_empty(), "{:#?}", summary.broken);
    assert_eq!(summary.calls, 200);
}
