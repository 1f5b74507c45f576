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
fn killed_bulk_runs_report_what_the_provider_did() {
    let counts = campaign(Settle::Leave);
    assert_eq!(counts.applied + counts.unknown, 300, "{counts}");
    assert!(counts.killed > 0, "{counts}");
}

#[test]
fn killed_bulk_runs_resolve_with_the_secrets_file() {
    assert_eq!(campaign(Settle::Resolve).applied, 300);
}

#[test]
fn killed_bulk_runs_reissue_unknown_rows() {
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
fn late_changes_of_a_slow_provider_are_sent_once() {
    for setting in [Setting::SlowZoom, Setting::SlowPortal] {
        let counts = slow(setting, Settle::Leave);
        assert!(counts.unknown > 0, "{counts}");
    }
}

#[test]
fn late_changes_of_a_slow_provider_resolve_with_the_secrets_file() {
    for setting in [Setting::SlowZoom, Setting::SlowPortal] {
        let counts = slow(setting, Settle::Resolve);
        assert_eq!(counts.applied + counts.not_applied, 60, "{counts}");
    }
}

#[test]
fn late_changes_of_a_slow_provider_precede_the_reissued_password() {
    for setting in [Setting::SlowZoom, Setting::SlowPortal] {
        assert_eq!(slow(setting, Settle::Reissue).applied, 60);
    }
}

#[test]
fn late_changes_of_a_slow_provider_resolve_after_a_reissue() {
    for setting in [Setting::SlowZoom, Setting::SlowPortal] {
        let counts = slow(setting, Settle::Mixed);
        assert_eq!(counts.applied + counts.not_applied, 60, "{counts}");
    }
}
