//! OpenLDAP with the password policy overlay: one row for each answer.

use ErrorKind::{
    LockedOut, Misconfigured, NotEligible, PermissionDenied, Unauthenticated, UserNotFound,
    WrongCurrentPassword,
};
use repass_domain::{CallContext, ErrorKind, PasswordService as _, PreflightService as _, Rule};
use repass_provider::ServerInspector as _;

use crate::setup::{GOOD, Setup, assert_end, broken, change, refused, reset};

#[tokio::test]
async fn reset_at_openldap_ends_as_measured() {
    let setup = Setup::slapd().await;
    let quality = || Rule::Other("quality".to_owned());
    for (user, new, end) in [
        ("alice", GOOD, Ok(())),
        ("ALICE", "Fresh-Passw0rd-2", Ok(())),
        ("alice", "Fresh-Passw0rd-2", broken([Rule::NotCurrent])),
        ("alice", GOOD, broken([Rule::NotRecent(Some(3))])),
        ("bob", "short-1", broken([Rule::MinLength(8)])),
        ("bob", &"Long-1".repeat(11), broken([Rule::MaxLength(64)])),
        ("bob", "{SSHA}c2FsdHNhbHQ=", broken([quality()])),
        ("bob", "Ärger-Ünïcode-ß-😀", Ok(())),
        ("mustchange", GOOD, Ok(())),
        ("expired", GOOD, Ok(())),
        ("locked", GOOD, Ok(())),
        ("nopassword", GOOD, Ok(())),
        ("nochange", GOOD, Ok(())),
        ("unchecked", "x", Ok(())),
        // The policy binds the service account too.
        ("minage", GOOD, broken([Rule::MinAge(None)])),
        ("safemodify", GOOD, refused(Misconfigured)),
        ("nobody", GOOD, refused(UserNotFound)),
        // A filter is not parsed from text, so this matches no user.
        ("a*)(uid=alice", GOOD, refused(UserNotFound)),
    ] {
        if user == "minage" {
            let error = setup.run(&reset(user, new)).await.unwrap_err();
            let rules = error.violations().iter();
            let rules: Vec<_> = rules.map(|violation| violation.rule().clone()).collect();
            let [Rule::MinAge(Some(at))] = rules[..] else {
                panic!("{error:?}");
            };
            let left = at.duration_since(std::time::SystemTime::now()).unwrap();
            assert!(left.as_secs() > 86_300, "{left:?}");
            continue;
        }
        assert_end(&setup, &reset(user, new), end).await;
    }
    assert_eq!(setup.directory.failed_binds(), 0);
}

#[tokio::test]
async fn change_at_openldap_ends_as_measured() {
    let setup = Setup::slapd().await;
    let special = setup.directory.special_password();
    for (user, current, new, end) in [
        ("alice", "Alice-Start-7", GOOD, Ok(())),
        (
            "alice",
            "Alice-Start-7",
            "Fresh-Passw0rd-2",
            refused(WrongCurrentPassword),
        ),
        ("alice", GOOD, "Alice-Start-7", broken([Rule::NotRecent(Some(3))])),
        ("alice", GOOD, "short-1", broken([Rule::MinLength(8)])),
        ("mustchange", special, GOOD, Ok(())),
        ("grace", special, GOOD, Ok(())),
        ("safemodify", special, GOOD, Ok(())),
        // The answer is sent for the right password only.
        ("expired", special, GOOD, refused(NotEligible)),
        ("expired", "Wrong-Passw0rd-1", GOOD, refused(WrongCurrentPassword)),
        ("locked", special, GOOD, refused(LockedOut)),
        (
            "nopassword",
            "Wrong-Passw0rd-1",
            GOOD,
            refused(WrongCurrentPassword),
        ),
        ("nochange", special, GOOD, refused(NotEligible)),
        ("nobody", special, GOOD, refused(UserNotFound)),
    ] {
        assert_end(&setup, &change(user, current, new), end).await;
    }
}

#[tokio::test]
async fn wrong_current_password_is_counted_once() {
    let setup = Setup::slapd().await;
    assert_end(
        &setup,
        &change("bob", "Wrong-Passw0rd-1", GOOD),
        refused(WrongCurrentPassword),
    )
    .await;
    assert_eq!(setup.directory.failures_of("bob"), 1);
    assert_eq!(setup.directory.failed_binds(), 1);
}

#[tokio::test]
async fn service_account_without_rights_or_with_a_wrong_password_is_named() {
    let mut setup = Setup::slapd().await;
    setup.account = "powerless";
    assert_end(&setup, &reset("alice", GOOD), refused(PermissionDenied)).await;
    setup.account_password = "Wrong-Passw0rd-1".to_owned();
    assert_end(&setup, &reset("alice", GOOD), refused(Unauthenticated)).await;
}

#[tokio::test]
async fn account_that_may_bypass_rules_is_taken_at_its_word() {
    let mut setup = Setup::slapd().await;
    setup.account = "bypass";
    assert_end(&setup, &reset("alice", "x"), Ok(())).await;
    assert!(setup.directory.accepts("alice", "x"));
}

#[tokio::test]
async fn users_are_found_by_the_login_attribute_below_the_base() {
    let mut setup = Setup::slapd().await;
    setup.ldap.login_attribute = "mail".to_owned();
    assert_end(&setup, &reset("alice@example.com", GOOD), Ok(())).await;
    assert!(setup.directory.accepts("alice", GOOD));
    assert_end(&setup, &reset("alice", GOOD), refused(UserNotFound)).await;
    setup.ldap.login_attribute = "uid".to_owned();
    setup.ldap.user_base = "ou=elsewhere,dc=example,dc=org".to_owned();
    assert_end(&setup, &reset("alice", GOOD), refused(UserNotFound)).await;
}

#[tokio::test]
async fn policy_is_read_from_the_entry_that_is_configured() {
    let mut setup = Setup::slapd().await;
    let policy = setup.service().policy(&CallContext::default()).await.unwrap();
    let rules: Vec<Rule> = policy.rules().map(|(rule, _)| rule.clone()).collect();
    assert_eq!(
        rules,
        [Rule::MinLength(8), Rule::MaxLength(64), Rule::NotRecent(Some(3))]
    );
    setup.ldap.policy_dn = None;
    let error = setup.service().policy(&CallContext::default()).await.unwrap_err();
    assert_eq!(error.kind(), PermissionDenied);
}

#[tokio::test]
async fn preflight_finds_the_user_and_changes_nothing() {
    let setup = Setup::slapd().await;
    let (service, cx) = (setup.service(), CallContext::default());
    service.preflight(&cx, &"alice".parse().unwrap()).await.unwrap();
    let error = service
        .preflight(&cx, &"nobody".parse().unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), UserNotFound);
    assert!(setup.directory.ledger().is_empty());
    assert_eq!(setup.directory.failed_binds(), 0);
}

#[tokio::test]
async fn inspection_names_the_server_and_changes_nothing() {
    let setup = Setup::slapd().await;
    let described = setup.service().describe(&CallContext::default()).await.unwrap();
    assert_eq!(described, "OpenLDAP answers, with the Password Modify operation");
    assert!(setup.directory.ledger().is_empty());
}
