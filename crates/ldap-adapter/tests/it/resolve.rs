//! Resolving unknown outcomes: first by what the server has recorded, then by one probe.

use repass_domain::{
    CallContext, Outcome, PasswordChange, PasswordService as _, PriorState, Resolution, UnknownOutcome,
};
use repass_sandbox::DirectoryTexts;

use crate::setup::{GOOD, Setup, change, reset};

async fn setups() -> [Setup; 2] {
    [Setup::slapd().await, Setup::domain(DirectoryTexts::Windows).await]
}

fn both_modes() -> [PasswordChange; 2] {
    [reset("alice", GOOD), change("alice", "Alice-Start-7", GOOD)]
}

/// The handle of a change whose response was lost.
async fn lost(setup: &Setup, asked: &PasswordChange, acts: bool) -> UnknownOutcome {
    setup.lose_next_change(acts);
    let error = setup.run(asked).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown, "{error:?}");
    error.unknown_outcome().unwrap().clone()
}

async fn resolve(setup: &Setup, unknown: &UnknownOutcome, asked: &PasswordChange) -> Resolution {
    let result = setup
        .service()
        .resolve(&CallContext::default(), unknown, asked)
        .await;
    result.unwrap()
}

#[tokio::test]
async fn lost_response_is_resolved_without_a_failed_bind() {
    for mode in 0..2 {
        for acts in [true, false] {
            for setup in setups().await {
                let asked = &both_modes()[mode];
                let unknown = lost(&setup, asked, acts).await;
                // As it is after a crash.
                let stored = serde_json::to_string(&unknown).unwrap();
                let unknown = serde_json::from_str(&stored).unwrap();
                let resolution = resolve(&setup, &unknown, asked).await;
                let expected = if acts {
                    Resolution::InPlace
                } else {
                    Resolution::NotInPlace
                };
                assert_eq!(resolution, expected, "{asked:?}, {acts}");
                assert_eq!(setup.directory.accepts("alice", GOOD), acts);
                assert_eq!(setup.directory.failed_binds(), 0, "{asked:?}");
                // Unchanged records need no probe.
                assert!(acts || setup.directory.ledger().is_empty());
            }
        }
    }
}

#[tokio::test]
async fn write_of_another_in_between_is_never_taken_for_this_change() {
    for setup in setups().await {
        // Both get lost, and somebody resets the password to something else.
        let asked = change("alice", "Alice-Start-7", GOOD);
        let unknown = lost(&setup, &asked, false).await;
        setup.run(&reset("alice", "Other-Passw0rd-1")).await.unwrap();
        let resolution = resolve(&setup, &unknown, &asked).await;
        assert_ne!(resolution, Resolution::InPlace);
        assert!(setup.directory.accepts("alice", "Other-Passw0rd-1"));
    }
}

#[tokio::test]
async fn previous_password_that_still_binds_at_a_domain_proves_nothing_after_several_writes() {
    let setup = Setup::domain(DirectoryTexts::Windows).await;
    let asked = change("alice", "Alice-Start-7", GOOD);
    let unknown = lost(&setup, &asked, true).await;
    // The new password is the previous one now, and binds for an hour.
    setup.run(&reset("alice", "Other-Passw0rd-1")).await.unwrap();
    assert_eq!(resolve(&setup, &unknown, &asked).await, Resolution::StillUnknown);
    // A reset that is sent once more would replace what was chosen since.
    let again = reset("alice", GOOD);
    assert_eq!(resolve(&setup, &unknown, &again).await, Resolution::StillUnknown);
    assert_eq!(setup.directory.changes_of("alice"), 2);
}

#[tokio::test]
async fn unchanged_entry_proves_nothing_behind_an_address_of_several_servers() {
    let mut setup = Setup::slapd().await;
    setup.ldap.one_server = false;
    // The directory acted, and what answers now has not heard of it yet: as if by a replica.
    let asked = reset("alice", GOOD);
    let unknown = lost(&setup, &asked, false).await;
    // The probe decides: the reset is sent once more.
    assert_eq!(resolve(&setup, &unknown, &asked).await, Resolution::InPlace);
    assert!(setup.directory.accepts("alice", GOOD));
}

#[tokio::test]
async fn handle_without_records_or_of_another_server_is_resolved_by_a_probe_alone() {
    for setup in setups().await {
        let is_domain = setup.directory.kind() == repass_sandbox::DirectoryKind::ActiveDirectory;
        let without = UnknownOutcome::new("directory");
        let elsewhere = without.clone().with_prior_state(
            PriorState::default()
                .with("server", "10.0.0.1:636")
                .with("entryCSN", "20261127082000.000001Z#000000#000#000000")
                .with("msDS-KeyVersionNumber", "1"),
        );
        for unknown in [without, elsewhere] {
            let asked = reset("bob", GOOD);
            assert_eq!(resolve(&setup, &unknown, &asked).await, Resolution::InPlace);
            let asked = change("bob", "Bob-Start-7", GOOD);
            let by_bind = if is_domain {
                Resolution::StillUnknown
            } else {
                Resolution::InPlace
            };
            assert_eq!(resolve(&setup, &unknown, &asked).await, by_bind);
        }
    }
}

#[tokio::test]
async fn reset_under_a_minimum_age_is_probed_by_a_bind() {
    let mut setup = Setup::slapd().await;
    // The rule holds for the service account, not for one that bypasses it; so the first reset gets through.
    setup.account = "bypass";
    let asked = reset("minage", GOOD);
    let unknown = lost(&setup, &asked, true).await;
    setup.account = "service";
    assert_eq!(resolve(&setup, &unknown, &asked).await, Resolution::InPlace);
    assert_eq!(setup.directory.changes_of("minage"), 1);
}
