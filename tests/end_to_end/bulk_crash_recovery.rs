//! Bulk runs that are killed and resumed, with few users; `xtask crash-recovery` does the same with 10,000.

use std::path::Path;

use repass_testkit::crash_recovery::{self, Campaign, ProviderSetup, UnknownRowAction};

fn campaign(unknown_rows: UnknownRowAction) -> crash_recovery::Counts {
    let campaign = Campaign {
        setup: ProviderSetup::Zoom,
        users: 300,
        kills: 4,
        seed: 7,
        unknown_rows,
    };
    crash_recovery::run(Path::new(env!("CARGO_BIN_EXE_repass")), campaign)
}

#[test]
fn killed_bulk_runs_report_what_the_provider_did() {
    let counts = campaign(UnknownRowAction::Leave);
    assert_eq!(counts.applied + counts.unknown, 300, "{counts}");
    assert!(counts.killed > 0, "{counts}");
}

#[test]
fn killed_bulk_runs_resolve_with_the_secrets_file() {
    assert_eq!(campaign(UnknownRowAction::Resolve).applied, 300);
}

#[test]
fn killed_bulk_runs_reissue_unknown_rows() {
    assert_eq!(campaign(UnknownRowAction::Reissue).applied, 300);
}

/// A provider that applies a third of the changes late, most of them after their attempt has timed out.
fn slow(setup: ProviderSetup, unknown_rows: UnknownRowAction) -> crash_recovery::Counts {
    let campaign = Campaign {
        setup,
        users: 60,
        kills: 3,
        seed: 7,
        unknown_rows,
    };
    crash_recovery::run(Path::new(env!("CARGO_BIN_EXE_repass")), campaign)
}

#[test]
fn late_changes_of_a_slow_provider_are_sent_once() {
    for setup in [ProviderSetup::SlowZoom, ProviderSetup::SlowPortal] {
        let counts = slow(setup, UnknownRowAction::Leave);
        assert!(counts.unknown > 0, "{counts}");
    }
}

#[test]
fn late_changes_of_a_slow_provider_resolve_with_the_secrets_file() {
    for setup in [ProviderSetup::SlowZoom, ProviderSetup::SlowPortal] {
        let counts = slow(setup, UnknownRowAction::Resolve);
        assert_eq!(counts.applied + counts.not_applied, 60, "{counts}");
    }
}

#[test]
fn late_changes_of_a_slow_provider_precede_the_reissued_password() {
    for setup in [ProviderSetup::SlowZoom, ProviderSetup::SlowPortal] {
        assert_eq!(slow(setup, UnknownRowAction::Reissue).applied, 60);
    }
}

#[test]
fn late_changes_of_a_slow_provider_resolve_after_a_reissue() {
    for setup in [ProviderSetup::SlowZoom, ProviderSetup::SlowPortal] {
        let counts = slow(setup, UnknownRowAction::Mixed);
        assert_eq!(counts.applied + counts.not_applied, 60, "{counts}");
    }
}
