//! Changes that a directory refuses to make twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use repass_domain::{
    BeforeSend, CallContext, Error, ErrorKind, Outcome, PasswordChange, PasswordService as _, Resolution,
};
use repass_ldap::DirectoryService;
use repass_sandbox::{DirectoryFault, DirectoryKind, DirectoryResponse, DirectoryTexts};

use crate::setup::{GOOD, Setup, change, reset};

async fn setups() -> [Setup; 3] {
    let mut setups = [
        Setup::slapd().await,
        Setup::domain(DirectoryTexts::Windows).await,
        Setup::domain(DirectoryTexts::Samba).await,
    ];
    for setup in &mut setups {
        for markers in [&mut setup.ldap.markers, &mut setup.domain.markers] {
            markers.marker_attribute = Some("info".to_owned());
            markers.exactly_once = true;
        }
    }
    setups
}

/// Of the changes that the service account makes.
fn guarded(setup: &Setup) -> Vec<PasswordChange> {
    let mut changes = vec![reset("alice", GOOD)];
    if setup.directory.kind() == DirectoryKind::ActiveDirectory {
        changes.push(change("alice", GOOD, "Other-Passw0rd-1"));
    }
    changes
}

/// Another program at the same directory, which knows nothing of markers.
fn unmarked(setup: &Setup) -> DirectoryService {
    let transport = setup.transport(setup.url.parse().unwrap());
    let (mut ldap, mut domain) = (setup.ldap.clone(), setup.domain.clone());
    (ldap.markers, domain.markers) = Default::default();
    match setup.directory.kind() {
        DirectoryKind::ActiveDirectory => DirectoryService::active_directory("other", domain, transport),
        DirectoryKind::Slapd => DirectoryService::ldap("other", ldap, transport),
    }
}

#[tokio::test]
async fn lost_response_ends_certainly_and_once() {
    for setup in setups().await {
        assert!(setup.service().capabilities().exactly_once);
        for acts in [true, false, true] {
            for asked in guarded(&setup) {
                let before = setup.directory.ledger().len();
                setup.lose_next_change(acts);
                setup.run(&asked).await.unwrap();
                assert_eq!(setup.directory.ledger().len() - before, 1, "{acts}, {asked:?}");
                assert_eq!(setup.directory.failed_binds(), 0);
            }
            // The rules of slapd bind resets too.
            setup.directory.reset();
        }
    }
}

#[tokio::test]
async fn change_that_is_lost_twice_is_unknown_and_resolved_by_its_marker() {
    for acts in [true, false] {
        for setup in setups().await {
            let asked = reset("alice", GOOD);
            setup.run(&reset("alice", "Earlier-Passw0rd-1")).await.unwrap();
            setup.lose_change(1, false);
            setup.lose_change(2, acts);
            let result = setup.run(&asked).await;
            // The marker shows that the second copy was applied.
            if acts {
                result.unwrap();
                assert_eq!(setup.directory.changes_of("alice"), 2);
                continue;
            }
            let error = result.unwrap_err();
            assert_eq!(error.outcome(), Outcome::Unknown);
            let resolution = setup
                .service()
                .resolve(&CallContext::default(), error.unknown_outcome().unwrap(), &asked)
                .await;
            assert_eq!(resolution.unwrap(), Resolution::NotInPlace);
        }
    }
}

/// Makes a guarded reset whose first copy is lost. Before the second one leaves, somebody else resets the password.
async fn overtaken(setup: Setup) -> (Arc<Setup>, Error) {
    let setup = Arc::new(setup);
    setup.lose_next_change(false);
    let sent = Arc::new(AtomicUsize::new(0));
    let other = Arc::clone(&setup);
    let before_send: BeforeSend = Arc::new(move || {
        let (sent, other) = (Arc::clone(&sent), Arc::clone(&other));
        Box::pin(async move {
            if sent.fetch_add(1, Ordering::Relaxed) == 1 {
                let (cx, theirs) = (CallContext::default(), reset("alice", "Other-Passw0rd-1"));
                unmarked(&other).change_password(&cx, &theirs).await.unwrap();
            }
            true
        })
    });
    let cx = CallContext::default().with_before_send(before_send);
    let result = setup.service().change_password(&cx, &reset("alice", GOOD)).await;
    assert!(setup.directory.accepts("alice", "Other-Passw0rd-1"));
    (setup, result.unwrap_err())
}

#[tokio::test]
async fn change_of_another_in_between_is_not_overwritten() {
    for setup in setups().await {
        setup.run(&reset("alice", "Earlier-Passw0rd-1")).await.unwrap();
        let (setup, error) = overtaken(setup).await;
        assert_eq!(error.outcome(), Outcome::NotApplied, "{error:?}");
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert_eq!(setup.directory.changes_of("alice"), 2);
    }
}

#[tokio::test]
async fn second_copy_that_a_busy_directory_refuses_does_not_disprove_the_first() {
    for setup in setups().await {
        setup.run(&reset("alice", "Earlier-Passw0rd-1")).await.unwrap();
        setup.lose_next_change(false);
        setup.directory.inject(DirectoryFault {
            nth: 2,
            respond: Some(DirectoryResponse::Result {
                code: 51,
                text: String::new(),
                referral: None,
            }),
            ..DirectoryFault::default()
        });
        let error = setup.run(&reset("alice", GOOD)).await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown, "{error:?}");
    }
}

#[tokio::test]
async fn attribute_without_a_marker_proves_nothing() {
    for setup in setups().await {
        // A marker may have been there and have been removed.
        let (setup, error) = overtaken(setup).await;
        assert_eq!(error.outcome(), Outcome::Unknown, "{error:?}");
        assert_eq!(setup.directory.changes_of("alice"), 1);
    }
}

#[tokio::test]
async fn attribute_with_another_content_is_left_alone() {
    for mut setup in setups().await {
        for markers in [&mut setup.ldap.markers, &mut setup.domain.markers] {
            markers.marker_attribute = Some("cn".to_owned());
        }
        let error = setup.run(&reset("alice", GOOD)).await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::NotApplied);
        assert_eq!(error.kind(), ErrorKind::Misconfigured, "{error:?}");
        assert!(setup.directory.ledger().is_empty());
    }
}

#[tokio::test]
async fn openldap_takes_a_marker_only_where_it_hashes() {
    let [mut setup, ..] = setups().await;
    for password in ["{SSHA}c2VjcmV0c2VjcmV0", "{x}Passw0rd-1"] {
        let error = setup.run(&reset("alice", password)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PasswordRefused, "{error:?}");
        assert_eq!(error.outcome(), Outcome::NotApplied);
    }
    setup.ldap.server_hashes = false;
    let error = setup.run(&reset("alice", GOOD)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured, "{error:?}");
    assert!(setup.directory.ledger().is_empty());
}

#[tokio::test]
async fn domain_expires_a_guarded_password_if_asked() {
    let [_, mut setup, _] = setups().await;
    setup.domain.must_change = true;
    for new in [GOOD, "Other-Passw0rd-1"] {
        setup.lose_next_change(true);
        setup.run(&reset("alice", new)).await.unwrap();
    }
    assert_eq!(setup.directory.changes_of("alice"), 2);
    // The directory says so in a bind, and a minimum age does not hold the user back.
    setup
        .run(&change("alice", "Other-Passw0rd-1", "Third-Passw0rd-1"))
        .await
        .unwrap();
}

#[tokio::test]
async fn change_by_the_user_itself_is_not_sent_twice() {
    let [setup, ..] = setups().await;
    setup.lose_next_change(false);
    let error = setup
        .run(&change("alice", "Alice-Start-7", GOOD))
        .await
        .unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert!(setup.directory.ledger().is_empty());
}
