//! Active Directory, with the texts of Windows and of Samba: one row for each answer.

use ErrorKind::{
    LockedOut, Misconfigured, NotEligible, PasswordRefused, PermissionDenied, Unauthenticated, UserNotFound,
    WrongCurrentPassword,
};
use repass_domain::{CallContext, ErrorKind, PasswordService as _, PreflightService as _, Rule};
use repass_provider::ServerInspector as _;
use repass_sandbox::DirectoryTexts;

use crate::setup::{GOOD, Setup, assert_end, broken, change, refused, reset};

const BOTH: [DirectoryTexts; 2] = [DirectoryTexts::Windows, DirectoryTexts::Samba];

#[tokio::test]
async fn reset_at_active_directory_ends_as_measured() {
    for texts in BOTH {
        let setup = Setup::domain(texts).await;
        let (short, simple) = (Rule::MinLength(8), Rule::CharacterCategories(3));
        for (user, new, end) in [
            ("alice", GOOD, Ok(())),
            // A reset skips the history.
            ("Alice", GOOD, Ok(())),
            ("bob", "Sh0-rt", broken([short.clone()])),
            ("bob", "onlyletters", broken([simple.clone()])),
            ("bob", "short", broken([short, simple])),
            ("bob", "Ärger-\"Ünïcode\"-ß-😀", Ok(())),
            ("mustchange", GOOD, Ok(())),
            ("expired", GOOD, Ok(())),
            ("locked", GOOD, Ok(())),
            ("disabled", GOOD, Ok(())),
            ("accountexpired", GOOD, Ok(())),
            ("nochange", GOOD, Ok(())),
            ("minage", GOOD, Ok(())),
            ("nopassword", GOOD, Ok(())),
            // By a policy that the service account cannot read.
            ("long", GOOD, refused(PasswordRefused)),
            ("long", "Twenty-Characters-Passw0rd-1", Ok(())),
            ("protected", GOOD, refused(PermissionDenied)),
            ("nobody", GOOD, refused(UserNotFound)),
        ] {
            assert_end(&setup, &reset(user, new), end).await;
        }
        assert_eq!(setup.directory.failed_binds(), 0);
    }
}

#[tokio::test]
async fn part_of_the_user_s_name_is_refused_by_windows() {
    let setup = Setup::domain(DirectoryTexts::Windows).await;
    assert_end(
        &setup,
        &reset("alice", "xX1-alice-9"),
        broken([Rule::NotUserData]),
    )
    .await;
}

#[tokio::test]
async fn change_at_active_directory_ends_as_measured() {
    for texts in BOTH {
        let setup = Setup::domain(texts).await;
        let special = setup.directory.special_password();
        let old = || broken([Rule::NotRecent(Some(24)), Rule::NotUserData]);
        for (user, current, new, end) in [
            ("alice", "Alice-Start-7", GOOD, Ok(())),
            (
                "alice",
                "Alice-Start-7",
                "Fresh-Passw0rd-2",
                refused(WrongCurrentPassword),
            ),
            ("alice", GOOD, "Other-Passw0rd-1", Ok(())),
            ("alice", "Other-Passw0rd-1", GOOD, old()),
            (
                "alice",
                "Other-Passw0rd-1",
                "Sh0-rt",
                broken([Rule::MinLength(8)]),
            ),
            // Users whose bind is refused get through, since the service account makes the change.
            ("mustchange", special, GOOD, Ok(())),
            ("expired", special, GOOD, Ok(())),
            ("locked", special, GOOD, refused(LockedOut)),
            ("nochange", special, GOOD, refused(NotEligible)),
            (
                "nopassword",
                "Wrong-Passw0rd-1",
                GOOD,
                refused(WrongCurrentPassword),
            ),
            ("nobody", special, GOOD, refused(UserNotFound)),
        ] {
            assert_end(&setup, &change(user, current, new), end).await;
        }
        assert_eq!(setup.directory.failed_binds(), 0);
    }
}

#[tokio::test]
async fn refusal_by_a_policy_that_cannot_be_read_names_no_rule() {
    for texts in BOTH {
        let setup = Setup::domain(texts).await;
        // The user has a fine-grained policy with a minimum age; the rules of the domain are not those of the user.
        let asked = change("minage", setup.directory.special_password(), GOOD);
        assert_end(&setup, &asked, refused(PasswordRefused)).await;
    }
}

#[tokio::test]
async fn wrong_current_password_is_counted_once() {
    let setup = Setup::domain(DirectoryTexts::Windows).await;
    assert_end(
        &setup,
        &change("bob", "Wrong-Passw0rd-1", GOOD),
        refused(WrongCurrentPassword),
    )
    .await;
    assert_eq!(setup.directory.failures_of("bob"), 1);
}

#[tokio::test]
async fn reset_unlocks_and_expires_in_the_same_operation_if_asked() {
    let mut setup = Setup::domain(DirectoryTexts::Windows).await;
    setup.domain.unlock = true;
    setup.domain.must_change = true;
    assert_end(&setup, &reset("locked", GOOD), Ok(())).await;
    // The account is unlocked, and the password must be changed: a change by the user gets through.
    assert_end(&setup, &change("locked", GOOD, "Other-Passw0rd-1"), Ok(())).await;
    // A refused password leaves the rest as it was.
    let mut setup = Setup::domain(DirectoryTexts::Windows).await;
    setup.domain.unlock = true;
    let short = broken([Rule::MinLength(8)]);
    assert_end(&setup, &reset("locked", "Sh0-rt"), short).await;
    let special = setup.directory.special_password();
    assert_end(&setup, &change("locked", special, GOOD), refused(LockedOut)).await;
}

#[tokio::test]
async fn service_account_without_rights_or_with_a_wrong_password_is_named() {
    for texts in BOTH {
        let mut setup = Setup::domain(texts).await;
        setup.account = "powerless";
        assert_end(&setup, &reset("alice", GOOD), refused(PermissionDenied)).await;
        setup.account_password = "Wrong-Passw0rd-1".to_owned();
        assert_end(&setup, &reset("alice", GOOD), refused(Unauthenticated)).await;
    }
}

#[tokio::test]
async fn reset_of_a_protected_account_without_rights_names_the_protection() {
    for texts in BOTH {
        let mut setup = Setup::domain(texts).await;
        let error = setup.run(&reset("protected", GOOD)).await.unwrap_err();
        assert_eq!(error.kind(), PermissionDenied);
        assert!(error.to_string().contains("adminCount"), "{error}");
        setup.account = "powerless";
        let error = setup.run(&reset("alice", GOOD)).await.unwrap_err();
        assert!(!error.to_string().contains("adminCount"), "{error}");
    }
}

#[tokio::test]
async fn kind_that_does_not_fit_the_server_is_rejected_before_a_password_is_sent() {
    use repass_ldap::DirectoryService;

    let domain = Setup::domain(DirectoryTexts::Windows).await;
    let slapd = Setup::slapd().await;
    let at_domain = domain.transport(domain.url.parse().unwrap());
    let at_slapd = slapd.transport(slapd.url.parse().unwrap());
    for service in [
        DirectoryService::ldap("p", domain.ldap.clone(), at_domain),
        DirectoryService::active_directory("p", slapd.domain.clone(), at_slapd),
    ] {
        let error = service
            .change_password(&CallContext::default(), &reset("alice", GOOD))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Misconfigured, "{error:?}");
    }
    assert!(domain.directory.ledger().is_empty() && slapd.directory.ledger().is_empty());
}

#[tokio::test]
async fn policy_is_that_of_the_domain() {
    let setup = Setup::domain(DirectoryTexts::Windows).await;
    let policy = setup.service().policy(&CallContext::default()).await.unwrap();
    let rules: Vec<Rule> = policy.rules().map(|(rule, _)| rule.clone()).collect();
    assert_eq!(
        rules,
        [
            Rule::MinLength(8),
            Rule::CharacterCategories(3),
            Rule::NotRecent(Some(24)),
            Rule::NotUserData
        ]
    );
}

#[tokio::test]
async fn preflight_rejects_accounts_that_a_reset_does_not_help() {
    let setup = Setup::domain(DirectoryTexts::Windows).await;
    let (service, cx) = (setup.service(), CallContext::default());
    for (user, kind) in [
        ("alice", None),
        ("expired", None),
        ("mustchange", None),
        // The owner may not change it; an administrator may reset it.
        ("nochange", None),
        // Only some service accounts may not reset it, and the entry does not show which.
        ("protected", None),
        ("disabled", Some(NotEligible)),
        ("accountexpired", Some(NotEligible)),
        ("locked", Some(LockedOut)),
        ("nobody", Some(UserNotFound)),
    ] {
        let result = service.preflight(&cx, &user.parse().unwrap()).await;
        let found = result.err().map(|error| error.kind());
        assert_eq!(found, kind, "{user}");
    }
    assert!(setup.directory.ledger().is_empty());
}

#[tokio::test]
async fn inspection_names_the_domain_controller_and_its_role_and_changes_nothing() {
    for texts in BOTH {
        let setup = Setup::domain(texts).await;
        let described = setup.service().describe(&CallContext::default()).await.unwrap();
        assert_eq!(described, "dc1.example.org answers, the PDC emulator");
        assert!(setup.directory.ledger().is_empty());
    }
}

#[tokio::test]
async fn inspection_with_a_wrong_password_is_rejected() {
    let mut setup = Setup::domain(DirectoryTexts::Windows).await;
    setup.account_password = "Wrong-Passw0rd-1".to_owned();
    let error = setup
        .service()
        .describe(&CallContext::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Unauthenticated);
}
