//! The simulation over real sockets: calls through the full stack against the sandbox, each under a random fault or
//! behind a random gateway, each compared with the sandbox's ledger.

mod faults;
mod gateways;
mod laws;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use repass::{
    CallContext, ChangeReceipt, Config, Error, Password, PasswordService, PasswordServiceExt as _, Services,
    UserId,
};
use repass_sandbox::{
    IdentityOptions, Options, Provider, Sandbox, ZoomOptions, ZoomRules, numbered_password,
};
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep;

use crate::gateway::proxy::Gateway;
use crate::simulation::Summary;

const CALLERS: usize = 64;
// Short enough to wait for answers that never come.
const BUDGET: Duration = Duration::from_millis(800);
// What a call may take beyond its budget on a busy machine before it counts as beyond it.
const GRACE: Duration = Duration::from_secs(2);
// Longer than what a provider or gateway does late.
const STRAGGLER_DELAY: Duration = Duration::from_secs(2);

/// Makes this many calls: half of them behind gateways, a quarter each over HTTP and HTTPS without.
///
/// # Panics
/// If the sandbox does not start.
pub async fn run(seed: u64, calls: u32) -> Summary {
    let mut summary = Summary::default();
    let direct = calls / 4;
    for (front, calls) in [
        (Front::Http, direct),
        (Front::Https, direct),
        (Front::Gateway, calls - 2 * direct),
    ] {
        summary.add(campaign(seed, calls, front).await);
    }
    summary
}

/// What stands in front of the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Front {
    Http,
    Https,
    Gateway,
}

/// The sandbox, and the services that call it.
struct TestEnv {
    sandbox: Sandbox,
    gateway: Option<Gateway>,
    services: Services,
    seed: u64,
}

/// The parameters of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PlannedCall {
    number: u32,
    provider: Provider,
    user: String,
    by_user: bool,
    new: &'static str,
    /// Whether the provider accepts the new password.
    accepted: bool,
}

/// Whether a careful client is in doubt after what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    No,
    May,
    Must,
}

/// The fault of a call, and what it allows.
struct Expectation {
    /// A description for messages.
    what: String,
    doubt: Doubt,
    /// How often a gateway sends the request once more on its own.
    repeats: u64,
    /// The response is a gateway's, which does not know the provider's users.
    declined: bool,
}

/// One call, and how it ended.
struct Call {
    planned: PlannedCall,
    expectation: Expectation,
    result: Result<ChangeReceipt, Error>,
    elapsed: Duration,
}

async fn campaign(seed: u64, calls: u32, front: Front) -> Summary {
    let options = Options {
        tls: front == Front::Https,
        users: calls,
        // Longer than what is known here, so that it is the provider that refuses a short one.
        zoom: ZoomOptions {
            rules: ZoomRules::LengthOnly,
            minimum_length: 12,
            ..ZoomOptions::default()
        },
        identity: IdentityOptions {
            minimum_length: Some(12),
            ..IdentityOptions::default()
        },
        ..Options::default()
    };
    let sandbox = Sandbox::start_with(options)
        .await
        .unwrap_or_else(|error| panic!("no sandbox: {error}"));
    let gateway = match front {
        Front::Gateway => Some(
            Gateway::start(sandbox.addr())
                .await
                .unwrap_or_else(|error| panic!("no gateway: {error}")),
        ),
        Front::Http | Front::Https => None,
    };
    let (services, _ca) = services(&sandbox, gateway.as_ref());
    let env = Arc::new(TestEnv {
        sandbox,
        gateway,
        services,
        seed,
    });
    let mut made = Vec::new();
    let mut running = JoinSet::new();
    for number in 1..=calls {
        if running.len() == CALLERS {
            made.extend(ended(running.join_next().await));
        }
        running.spawn(one(Arc::clone(&env), number));
    }
    while !running.is_empty() {
        made.extend(ended(running.join_next().await));
    }
    sleep(STRAGGLER_DELAY).await;
    laws::judge(&env, &made)
}

fn ended(call: Option<Result<Call, JoinError>>) -> Option<Call> {
    match call? {
        Ok(call) => Some(call),
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Services for the sandbox, and the file of its CA for as long as they may read it.
fn services(sandbox: &Sandbox, gateway: Option<&Gateway>) -> (Services, Option<tempfile::NamedTempFile>) {
    let file = sandbox.ca_pem().map(|pem| {
        let file =
            tempfile::NamedTempFile::new().unwrap_or_else(|error| panic!("no temporary file: {error}"));
        std::fs::write(file.path(), pem).unwrap_or_else(|error| panic!("cannot write the CA: {error}"));
        file
    });
    let tls = file
        .as_ref()
        .map(|file| format!("tls = {{ ca_file = '{}' }}", file.path().display()));
    let base_url = |direct: &str| match gateway {
        None => direct.to_owned(),
        Some(gateway) => direct.replace(&sandbox.addr().to_string(), &gateway.address.to_string()),
    };
    let text = format!(
        "[providers.zoom]\nkind = \"zoom\"\nplan = \"unlimited\"\nbase_url = \"{}\"\n{auth}\n{tls}\n\
         [providers.portal]\nkind = \"identity\"\nbase_url = \"{}\"\n{auth}\n{tls}\n",
        base_url(sandbox.zoom_base_url()),
        base_url(sandbox.identity_base_url()),
        auth = format_args!(
            "auth = {{ kind = \"bearer\", token = {{ command = [\"echo\", {:?}] }} }}",
            sandbox.startup_info().token
        ),
        tls = tls.unwrap_or_default(),
    );
    let config = Config::from_toml(&text).unwrap_or_else(|error| panic!("{error}"));
    let services = Services::builder()
        .config(config)
        .build()
        .unwrap_or_else(|error| panic!("{error}"));
    (services, file)
}

async fn one(env: Arc<TestEnv>, number: u32) -> Call {
    let mut random = StdRng::seed_from_u64(env.seed ^ (u64::from(number) << 20));
    let is_zoom = random.random_bool(0.5);
    let by_user = !is_zoom && random.random_bool(0.5);
    let accepted = random.random_bool(0.9);
    let planned = PlannedCall {
        number,
        provider: if is_zoom {
            Provider::Zoom
        } else {
            Provider::Identity
        },
        user: if is_zoom {
            format!("user{number:06}@example.com")
        } else {
            format!("00000000-0000-4000-8000-{number:012}")
        },
        by_user,
        new: if accepted {
            "New-Passw0rd-of-one-call"
        } else {
            "Sh0rt-Passw"
        },
        accepted,
    };
    let expectation = match &env.gateway {
        None => faults::inject(&env.sandbox, &planned, &mut random),
        Some(gateway) => gateways::set_action(gateway, &planned, &mut random),
    };
    let service = env.services.get(if is_zoom { "zoom" } else { "portal" });
    let service = service.unwrap_or_else(|error| panic!("{error}"));
    let start = Instant::now();
    let result = change(&*service, &planned).await;
    Call {
        planned,
        expectation,
        result,
        elapsed: start.elapsed(),
    }
}

async fn change(service: &dyn PasswordService, planned: &PlannedCall) -> Result<ChangeReceipt, Error> {
    let id = UserId::new(&planned.user).unwrap_or_else(|error| panic!("{error}"));
    let password = |text: &str| Password::new(text).unwrap_or_else(|error| panic!("{error}"));
    let cx = CallContext::with_budget(BUDGET);
    if planned.by_user {
        let current = password(&numbered_password(planned.number));
        return service.change(&cx, id, current, password(planned.new)).await;
    }
    service.reset(&cx, id, password(planned.new)).await
}
