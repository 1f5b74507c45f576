//! Tokens that expire while sixteen callers use them: no change fails, and one token is requested at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use repass::config::{Auth, Plan, ProviderConfig, ServerToServer, ZoomSettings};
use repass::secrets::SecretRef;
use repass::{CallContext, Config, Password, PasswordService, PasswordServiceExt as _, Services, UserId};
use repass_sandbox::{Options, Provider, Sandbox};
use tokio::task::JoinSet;

const TASKS: u32 = 16;
const LIFETIME: u64 = 3600;

async fn sandbox(lifetime: Duration) -> (Sandbox, Arc<dyn PasswordService>) {
    let mut options = Options {
        users: TASKS,
        ..Options::default()
    };
    options.zoom.token_lifetime = lifetime;
    let sandbox = Sandbox::start_with(options).await.unwrap();
    let auth = Auth::ServerToServer(ServerToServer {
        account_id: "sandbox-account".to_owned(),
        client_id: "sandbox-client".to_owned(),
        client_secret: SecretRef::Value("sandbox-secret".into()),
        token_url: sandbox.zoom_token_url().to_owned(),
    });
    // The plan's pace is not what is tested here.
    let settings = ZoomSettings {
        plan: Plan::Unlimited,
        ..ZoomSettings::default()
    };
    let mut zoom = ProviderConfig::new(settings, auth);
    sandbox.zoom_base_url().clone_into(&mut zoom.connection.base_url);
    let services = Services::builder()
        .config(Config::new().with_provider("zoom", zoom))
        .build()
        .unwrap();
    (sandbox, services.default_service().unwrap())
}

fn token_requests(sandbox: &Sandbox) -> u64 {
    let routes = sandbox.requests().routes;
    let tokens = routes
        .iter()
        .filter(|route| route.provider == Provider::Zoom && route.route == "/oauth/token");
    tokens.map(|route| route.received).sum()
}

fn user(sandbox: &Sandbox, task: u32) -> UserId {
    let first = &sandbox.startup_info().numbered_users.first.zoom_id;
    first
        .replace("000001", &format!("{:06}", task + 1))
        .parse()
        .unwrap()
}

/// Makes changes in sequence while `more` returns true; returns their number.
async fn changes(
    service: Arc<dyn PasswordService>,
    user: UserId,
    name: String,
    more: impl Fn(usize) -> bool + Send,
) -> usize {
    let mut made = 0;
    while more(made) {
        let new = Password::new(format!("Passw0rd-{name}-{made}")).unwrap();
        let changed = service.reset(&CallContext::default(), user.clone(), new).await;
        changed.unwrap_or_else(|error| panic!("{name}: {error}"));
        made += 1;
    }
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_token_costs_one_token_request() {
    let (sandbox, service) = sandbox(Duration::from_secs(LIFETIME)).await;
    for round in 0..5_u32 {
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let name = format!("{round}x{task}");
            tasks.spawn(changes(
                Arc::clone(&service),
                user(&sandbox, task),
                name,
                |made| made < 3,
            ));
        }
        tasks.join_all().await;
        assert_eq!(token_requests(&sandbox), u64::from(round) + 1, "round {round}");
        // All of them hold a token now that is no longer taken.
        sandbox.advance_clock(LIFETIME);
    }
    assert_eq!(sandbox.changes(), 5 * 16 * 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn short_lived_token_is_renewed_during_a_run() {
    const SHORT: Duration = Duration::from_secs(2);
    const RUN: Duration = Duration::from_secs(10);
    let (sandbox, service) = sandbox(SHORT).await;
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let more = move |_| start.elapsed() < RUN;
        tasks.spawn(changes(
            Arc::clone(&service),
            user(&sandbox, task),
            format!("short-{task}"),
            more,
        ));
    }
    let made: usize = tasks.join_all().await.into_iter().sum();
    assert_eq!(sandbox.changes(), made, "none failed, none twice");
    // A token is requested at the earliest after four fifths of the former one's lifetime, which bounds their number.
    let room = 1 + start.elapsed().as_millis() / (SHORT.as_millis() * 4 / 5);
    let asked = u128::from(token_requests(&sandbox));
    assert!(
        (2..=room).contains(&asked),
        "{asked} where there is room for {room}"
    );
}
