//! Bulk, killed and resumed: small, for every test run. `kill_bulk` does the same with 10,000 users.

use std::path::Path;

use crate::killing::{self, Campaign, Settle};

fn campaign(settle: Settle) -> killing::Counts {
    let campaign = Campaign {
        users: 300,
        kills: 4,
        seed: 7,
        settle,
    };
    killing::run(Path::new(env!("CARGO_BIN_EXE_repass")), campaign)
}

#[test]
fn what_is_told_is_what_was_done() {
    let counts = campaign(Settle::Leave);
    assert_eq!(counts.applied + counts.unknown, 300, "{counts}");
    assert!(counts.killed > 0, "{counts}");
}

#[test]
fn what_was_under_way_is_settled_by_the_sealed_passwords() {
    assert_eq!(campaign(Settle::Resolve).applied, 300);
}

#[test]
fn what_was_under_way_is_reissued() {
    assert_eq!(campaign(Settle::Reissue).applied, 300);
}
