//! Bulk, killed and resumed: small, for every test run. `kill_bulk` does the same with 10,000 users.

use std::path::Path;

use repass_testkit::crash_recovery::{self, Campaign, Setting, Settle};

fn campaign(settle: Settle) -> crash_recovery::Counts {
    let campaign = Campaign {
        setting: Setting::Zoom,
        users: 300,
        kills: 4,
        seed: 7,
        settle,
    };
    crash_recovery::run(Path::new(env!("CARGO_BIN_EXE_repass")), campaign)
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

/// A provider that makes a third of the changes late, most of them when their attempt has timed out.
fn slow(setting: Setting, settle: Settle) -> crash_recovery::Counts {
    let campaign = Campaign {
        setting,
        users: 60,
        kills: 3,
        seed: 7,
        settle,
    };
    crash_recovery::run(Path::new(env!("CARGO_BIN_EXE_repass")), campaign)
}

#[test]
fn what_a_slow_provider_does_late_is_sent_once() {
    for setting in [Setting::SlowZoom, Setting::SlowPortal] {
        let counts = slow(setting, Settle::Leave);
        assert!(counts.unknown > 0, "{counts}");
    }
}

#[test]
fn what_a_slow_provider_does_late_is_settled_by_the_sealed_passwords() {
    for setting in [Setting::SlowZoom, Setting::SlowPortal] {
        let counts = slow(setting, Settle::Resolve);
        assert_eq!(counts.applied + counts.not_applied, 60, "{counts}");
    }
}

#[test]
fn what_a_slow_provider_does_late_is_not_overtaken_by_a_fresh_password() {
    for setting in [Setting::SlowZoom, Setting::SlowPortal] {
        assert_eq!(slow(setting, Settle::Reissue).applied, 60);
    }
}

#[test]
fn what_a_slow_provider_does_late_is_settled_by_one_means_after_another() {
    for setting in [Setting::SlowZoom, Setting::SlowPortal] {
        let counts = slow(setting, Settle::Mixed);
        assert_eq!(counts.applied + counts.not_applied, 60, "{counts}");
    }
}
