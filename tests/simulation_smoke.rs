//! `cargo xtask simulate`, small enough for every test run.

use std::time::Duration;

use repass_testkit::simulation::{self, Summary};
use repass_testkit::{rate_simulation, sockets};

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

#[test]
fn simulated_processes_use_the_limit_of_an_account_and_never_exceed_it() {
    for processes in [1, 4, 16] {
        let summary = rate_simulation::run(rate_simulation::Options {
            accounts: 50,
            busy: 2,
            processes,
            limit: 60,
            duration: Duration::from_secs(20),
            has_faults: false,
            seed: 1,
        });
        assert_eq!(summary.refused, 0, "{summary:?}");
        assert!(summary.most_in_a_window <= 60, "{summary:?}");
        assert!(summary.least_used >= 97.0, "{summary:?}");
        // Both busy accounts in one statement a second, and a few for the changes of others.
        assert!(summary.steps_per_second < 3.0, "{summary:?}");
    }
}

#[test]
fn simulated_outage_killed_and_cut_off_processes_exceed_no_limit() {
    for seed in 1..=3 {
        let summary = rate_simulation::run(rate_simulation::Options {
            accounts: 50,
            busy: 2,
            processes: 4,
            limit: 60,
            duration: Duration::from_secs(45),
            has_faults: true,
            seed,
        });
        assert_eq!(summary.refused, 0, "{summary:?}");
        assert!(summary.most_in_a_window <= 60, "{summary:?}");
        // A quarter of the limit idles for the rest of a lease and two seconds, another one for two seconds.
        assert!(summary.least_used >= 89.0, "{summary:?}");
        assert!(summary.least_used < 97.0, "nothing was killed: {summary:?}");
    }
}
