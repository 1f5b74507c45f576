//! Services that are reloaded, against the sandbox.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use repass::config::{Auth, ProviderConfig, ZoomSettings};
use repass::sandbox::{Action, Fault, OAuthClient, Options, Provider, RequestMatcher, Sandbox};
use repass::secrets::SecretRef;
use repass::{
    CallContext, ChangeReceipt, Config, Error, ErrorKind, Outcome, Password, PasswordService,
    PasswordServiceExt as _, ProfileUpdate, Services,
};
use tempfile::TempDir;
use tokio::task::{JoinHandle, yield_now};

const ALICE: &str = "alice@example.com";

/// A folder with a configuration and secrets.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn zoom_at(&self, sandbox: &Sandbox) -> PathBuf {
        use secrecy::ExposeSecret as _;
        #[expect(clippy::disallowed_methods, reason = "the sandbox's made-up token")]
        self.write("token", sandbox.token().expose_secret());
        let url = sandbox.zoom_base_url();
        self.write(
            "repass.toml",
            &format!(
                "[providers.zoom]\nkind = \"zoom\"\nbase_url = \"{url}\"\n\
                 auth = {{ kind = \"bearer\", token = {{ file = \"token\" }} }}\n"
            ),
        )
    }
}

async fn reset(service: &dyn PasswordService, new: &str) -> Result<ChangeReceipt, Error> {
    let new = Password::new(new).unwrap();
    service
        .reset(&CallContext::default(), ALICE.parse().unwrap(), new)
        .await
}

fn start(service: &Arc<dyn PasswordService>, new: &'static str) -> JoinHandle<Result<ChangeReceipt, Error>> {
    let service = Arc::clone(service);
    tokio::spawn(async move { reset(&*service, new).await })
}

/// Alice's next change takes some time.
fn slow_down(sandbox: &Sandbox) {
    let matching = RequestMatcher {
        user: Some(ALICE.to_owned()),
        ..RequestMatcher::default()
    };
    let action = Action {
        delay_ms: 300,
        ..Action::default()
    };
    sandbox.inject(Fault { matching, action }).unwrap();
}

async fn until_a_request_is_in(sandbox: &Sandbox) {
    while sandbox.requests().routes.is_empty() {
        yield_now().await;
    }
}

#[tokio::test]
async fn calls_under_way_end_where_they_began_and_the_next_go_to_the_new_place() {
    let (before, after) = (Sandbox::start().await.unwrap(), Sandbox::start().await.unwrap());
    let folder = Folder::new();
    let services = Services::from_file(folder.zoom_at(&before)).unwrap();
    let service = services.default_service().unwrap();
    slow_down(&before);
    let under_way = start(&service, "New-Passw0rd-1");
    until_a_request_is_in(&before).await;

    folder.zoom_at(&after);
    services.clone().reload().unwrap();
    assert_eq!(before.changes(), 0, "the call is still in flight");
    // Another user, whose turn it is at once.
    let new = Password::new("New-Passw0rd-2").unwrap();
    let bob = "bob@example.com".parse().unwrap();
    service.reset(&CallContext::default(), bob, new).await.unwrap();
    under_way.await.unwrap().unwrap();
    assert_eq!((before.changes(), after.changes()), (1, 1));
    assert!(before.accepts(Provider::Zoom, ALICE, "New-Passw0rd-1"));
    assert!(after.accepts(Provider::Zoom, "bob@example.com", "New-Passw0rd-2"));
}

#[tokio::test]
async fn a_user_s_changes_keep_their_order_across_a_reload() {
    let sandbox = Sandbox::start().await.unwrap();
    let folder = Folder::new();
    let services = Services::from_file(folder.zoom_at(&sandbox)).unwrap();
    let service = services.get("zoom").unwrap();
    slow_down(&sandbox);
    let first = start(&service, "New-Passw0rd-1");
    until_a_request_is_in(&sandbox).await;
    services.reload().unwrap();
    let second = start(&service, "New-Passw0rd-2");
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    assert!(sandbox.accepts(Provider::Zoom, ALICE, "New-Passw0rd-2"));
}

#[tokio::test]
async fn a_broken_configuration_is_told_whole_and_changes_nothing() {
    let sandbox = Sandbox::start().await.unwrap();
    let folder = Folder::new();
    let services = Services::from_file(folder.zoom_at(&sandbox)).unwrap();
    let service = services.default_service().unwrap();
    folder.write(
        "repass.toml",
        "default_provider = \"zom\"\n[providers.zoom]\nkind = \"zoom\"\nplan = \"canary\"\n\
         auth = { kind = \"bearer\", token = { file = \"gone\" } }\n",
    );
    let text = services.reload().unwrap_err().to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(
        lines[0].contains(":1: default_provider: names no configured provider; did you mean `zoom`?"),
        "{text}"
    );
    assert!(lines[1].contains(":4: providers.zoom.plan: must be"), "{text}");
    assert!(lines[2].contains(":5: providers.zoom.auth.token: "), "{text}");
    assert!(!text.contains("canary"), "{text}");
    reset(&*service, "New-Passw0rd-1").await.unwrap();
    assert_eq!(sandbox.changes(), 1);
}

#[tokio::test]
async fn a_rotated_client_secret_is_taken_up() {
    let mut options = Options::default();
    options.zoom.client = OAuthClient {
        id: "client".to_owned(),
        secret: "canary-new".into(),
    };
    let sandbox = Sandbox::start_with(options).await.unwrap();
    let folder = Folder::new();
    folder.write("secret", "canary-old");
    let file = folder.write(
        "repass.toml",
        &format!(
            "[providers.zoom]\nkind = \"zoom\"\nbase_url = \"{}\"\n[providers.zoom.auth]\n\
             kind = \"server-to-server\"\naccount_id = \"{}\"\nclient_id = \"client\"\n\
             client_secret = {{ file = \"secret\" }}\ntoken_url = \"{}\"\n",
            sandbox.zoom_base_url(),
            sandbox.startup_info().zoom.account_id,
            sandbox.zoom_token_url(),
        ),
    );
    let services = Services::from_file(file).unwrap();
    let service = services.default_service().unwrap();
    let refused = reset(&*service, "New-Passw0rd-1").await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.outcome()),
        (ErrorKind::Unauthenticated, Outcome::NotApplied)
    );
    folder.write("secret", "canary-new");
    services.reload().unwrap();
    reset(&*service, "New-Passw0rd-1").await.unwrap();
    assert!(!format!("{services:?} {service:?}").contains("canary"));
}

#[tokio::test]
async fn who_is_gone_sends_nothing_until_they_are_back() {
    let sandbox = Sandbox::start().await.unwrap();
    let services = Services::for_sandbox(&sandbox).unwrap();
    let (service, profiles) = (
        services.get("zoom").unwrap(),
        services.profile("zoom").unwrap().unwrap(),
    );
    let token = SecretRef::Value(sandbox.token().clone());
    let other = ProviderConfig::new(ZoomSettings::default(), Auth::Bearer { token });
    services
        .reload_with(Config::new().with_provider("other", other))
        .unwrap();
    assert_eq!(services.names(), ["other"]);
    assert!(services.get("zoom").is_err());
    assert_eq!(service.provider(), "zoom");
    assert!(!service.capabilities().reset);
    let refused = reset(&*service, "New-Passw0rd-1").await.unwrap_err();
    let update = ProfileUpdate::new(ALICE.parse().unwrap()).set("company", "Acme");
    let untouched = profiles.update_profile(&CallContext::default(), &update).await;
    for error in [refused, untouched.unwrap_err()] {
        assert_eq!(
            (error.kind(), error.outcome()),
            (ErrorKind::Misconfigured, Outcome::NotApplied)
        );
    }
    assert!(sandbox.requests().routes.is_empty());

    services.reload_with(Config::for_sandbox(&sandbox)).unwrap();
    reset(&*service, "New-Passw0rd-1").await.unwrap();
    // What is read again from now on is what was given last.
    services.reload().unwrap();
    assert_eq!(services.names(), ["portal", "zoom"]);
}
