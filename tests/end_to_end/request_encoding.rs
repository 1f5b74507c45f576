//! `body = "auto"`: the encoding that Zoom accepts is detected once, at the cost of one rejected request.

use repass::{CallContext, Config, Password, PasswordServiceExt as _, Services};
use repass_sandbox::{Options, Sandbox, ZoomBody};

use crate::test_env::{ALICE, TestEnv};

/// Counts the statuses of responses to password changes.
fn answers(sandbox: &Sandbox) -> Vec<(u16, u64)> {
    let routes = sandbox.requests().routes;
    let changes = routes
        .into_iter()
        .filter(|route| route.route == "/v2/users/{id}/password");
    changes.flat_map(|route| route.statuses).collect()
}

async fn sandbox(body: ZoomBody) -> (Sandbox, Services) {
    let mut options = Options::default();
    options.zoom.body = body;
    let sandbox = Sandbox::start_with(options).await.unwrap();
    let services = Services::builder()
        .config(Config::for_sandbox(&sandbox))
        .build()
        .unwrap();
    (sandbox, services)
}

async fn change(services: &Services, new: &str) {
    let service = services.get("zoom").unwrap();
    let new = Password::new(new).unwrap();
    let changed = service
        .reset(&CallContext::default(), ALICE.parse().unwrap(), new)
        .await;
    changed.unwrap();
}

#[tokio::test]
async fn json_only_provider_is_detected_by_the_first_change() {
    let (sandbox, services) = sandbox(ZoomBody::Json).await;
    change(&services, "New-Passw0rd-1").await;
    assert_eq!(answers(&sandbox), [(204, 1), (415, 1)]);
    assert_eq!(sandbox.changes(), 1);
    change(&services, "New-Passw0rd-2").await;
    assert_eq!(
        answers(&sandbox),
        [(204, 2), (415, 1)],
        "straight to what is taken"
    );
    assert_eq!(sandbox.changes(), 2);
}

#[tokio::test]
async fn form_data_only_provider_gets_no_other_encoding() {
    let (sandbox, services) = sandbox(ZoomBody::FormData).await;
    for new in ["New-Passw0rd-1", "New-Passw0rd-2"] {
        change(&services, new).await;
    }
    assert_eq!((answers(&sandbox), sandbox.changes()), (vec![(204, 2)], 2));
}

#[test]
fn json_only_provider_is_detected_by_the_command_line() {
    let mut options = Options::default();
    options.zoom.body = ZoomBody::Json;
    let test_env = TestEnv::with(options);
    let run = test_env.reset_alice("New-Passw0rd-1\n");
    assert_eq!((run.code, test_env.changes()), (0, 1), "{run:?}");
    assert_eq!(answers(&test_env.sandbox), [(204, 1), (415, 1)]);
}
