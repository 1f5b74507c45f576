//! TLS, and what is never sent without it.

use repass_domain::{CallContext, ErrorKind, Outcome, PasswordService as _, Resolution};
use repass_sandbox::{DirectoryFault, DirectoryOperation, DirectoryResponse, DirectoryTexts};
use repass_transport::ldap::LdapUrl;

use crate::setup::{GOOD, Setup, change, reset};

#[tokio::test]
async fn start_tls_carries_changes_as_ldaps_does() {
    for mut setup in [Setup::slapd().await, Setup::domain(DirectoryTexts::Windows).await] {
        setup.url = setup.directory.ldap_url();
        setup.run(&reset("alice", GOOD)).await.unwrap();
        setup
            .run(&change("alice", GOOD, "Other-Passw0rd-1"))
            .await
            .unwrap();
        assert!(setup.directory.accepts("alice", "Other-Passw0rd-1"));
    }
}

#[tokio::test]
async fn connection_without_tls_is_for_this_machine_and_only_if_configured() {
    let setup = Setup::slapd().await;
    let url: LdapUrl = setup.directory.ldap_url().parse().unwrap();
    let plain = setup.service_at(url.without_tls().unwrap());
    plain
        .change_password(&CallContext::default(), &reset("alice", GOOD))
        .await
        .unwrap();
    // The server refuses StartTLS: nothing is sent in clear instead.
    setup.directory.inject(DirectoryFault {
        operation: DirectoryOperation::StartTls,
        respond: Some(DirectoryResponse::Result {
            code: 53,
            text: String::new(),
            referral: None,
        }),
        ..DirectoryFault::default()
    });
    let url = setup.directory.ldap_url().parse().unwrap();
    let error = setup
        .service_at(url)
        .change_password(&CallContext::default(), &reset("bob", GOOD))
        .await
        .unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotApplied, "{error:?}");
    assert_eq!(setup.directory.changes_of("bob"), 0);
}

#[tokio::test]
async fn referral_is_named_and_not_followed() {
    let setup = Setup::slapd().await;
    setup.directory.inject(DirectoryFault {
        respond: Some(DirectoryResponse::Result {
            code: 10,
            text: String::new(),
            referral: Some("ldap://primary.example.org".to_owned()),
        }),
        ..DirectoryFault::default()
    });
    let error = setup.run(&reset("alice", GOOD)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured, "{error:?}");
    let words = error
        .provider_detail()
        .and_then(|detail| detail.message.as_deref());
    assert_eq!(words, Some("ldap://primary.example.org"));
    assert!(setup.directory.ledger().is_empty());
}

#[tokio::test]
async fn answer_that_proves_nothing_is_unknown_and_the_directory_resolves_it() {
    for (setup, respond) in [
        (Setup::slapd().await, DirectoryResponse::MessageId(1)),
        (
            Setup::domain(DirectoryTexts::Windows).await,
            DirectoryResponse::Result {
                code: 80,
                text: "other".to_owned(),
                referral: None,
            },
        ),
        (
            Setup::slapd().await,
            DirectoryResponse::Bytes(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()),
        ),
    ] {
        let what = format!("{respond:?}");
        setup.directory.inject(DirectoryFault {
            respond: Some(respond),
            ..DirectoryFault::default()
        });
        let asked = reset("alice", GOOD);
        let error = setup.run(&asked).await.unwrap_err();
        let unknown = error
            .unknown_outcome()
            .unwrap_or_else(|| panic!("{what}: {error:?}"));
        let resolution = setup
            .service()
            .resolve(&CallContext::default(), unknown, &asked)
            .await;
        assert_eq!(resolution.unwrap(), Resolution::NotInPlace, "{what}");
        assert!(setup.directory.ledger().is_empty(), "{what}");
    }
}
