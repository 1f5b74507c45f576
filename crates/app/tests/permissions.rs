//! A provider of which less is wanted than it can do, against the sandbox.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use repass::sandbox::Sandbox;
use repass::{
    CallContext, Error, ErrorKind, Outcome, Password, PasswordChange, PasswordService, Services,
    UnknownOutcome,
};
use secrecy::ExposeSecret as _;

const ALICE: &str = "alice@example.com";

fn by_administrator() -> PasswordChange {
    PasswordChange::reset(ALICE.parse().unwrap(), Password::new("New-Passw0rd-1").unwrap())
}

fn by_the_user() -> PasswordChange {
    let current = Password::new("Alice-Start-7").unwrap();
    let new = Password::new("New-Passw0rd-1").unwrap();
    PasswordChange::change(ALICE.parse().unwrap(), current, new)
}

// The portal, which takes both.
fn services(sandbox: &Sandbox, allow: &str) -> Services {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    #[expect(clippy::disallowed_methods, reason = "the sandbox's made-up token")]
    fs::write(&token, sandbox.token().expose_secret()).unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    let (url, token) = (sandbox.identity_base_url(), token.display());
    let organization = &sandbox.startup_info().identity.partition;
    Services::builder().toml(format!(
        "[providers.portal]\nkind = \"identity\"\nbase_url = \"{url}\"\norganization = \"{organization}\"\n\
         allow = \"{allow}\"\nauth = {{ kind = \"bearer\", token = {{ file = \"{token}\" }} }}\n"
    )).build()
    .unwrap()
}

async fn refusals(portal: &dyn PasswordService, change: &PasswordChange) -> [Error; 2] {
    let cx = CallContext::default();
    [
        portal.change_password(&cx, change).await.unwrap_err(),
        portal
            .resolve(&cx, &UnknownOutcome::new("portal"), change)
            .await
            .unwrap_err(),
    ]
}

#[tokio::test]
async fn what_is_not_allowed_is_refused_before_anything_is_sent_and_the_rest_is_made() {
    for (allow, refused, made) in [
        ("change", by_administrator(), by_the_user()),
        ("reset", by_the_user(), by_administrator()),
    ] {
        let sandbox = Sandbox::start().await.unwrap();
        let portal = services(&sandbox, allow).get("portal").unwrap();
        let can = portal.capabilities();
        assert_eq!(can.reset, allow == "reset");
        assert_eq!(can.change, allow == "change");

        // That no probe is made says nothing about the change that it asks about.
        let effects = [Outcome::NotApplied, Outcome::Unknown];
        for (error, effect) in refusals(&*portal, &refused).await.into_iter().zip(effects) {
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert_eq!(error.outcome(), effect);
            assert!(
                error.to_string().starts_with("the configuration allows no "),
                "{error}"
            );
        }
        assert_eq!(sandbox.requests().total, 0, "nothing was sent");

        portal
            .change_password(&CallContext::default(), &made)
            .await
            .unwrap();
        assert_eq!(sandbox.changes(), 1);
        sandbox.shutdown().await;
    }
}
