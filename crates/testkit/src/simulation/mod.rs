//! A deterministic campaign: random users, providers, budgets, concurrency, faults, delays and
//! cancellations on a paused clock, over the real adapters and the real delivery loop. The network,
//! its gateways and the providers behind them are simulated at the transport's seam, `HttpClient`; the
//! providers' ledger decides what happened. The same seed gives the same campaign, call by call.

mod laws;
mod network;
mod provider;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use repass::{
    CallContext, Error, Layers, Outcome, Password, PasswordChange, PasswordService, Resolution, UserId,
};
use repass_identity::{IdentityService, IdentitySettings, client_credentials};
use repass_transport::{HttpTransport, RateLimit, RateLimiter, Timeouts, Transport};
use repass_zoom::{BodyEncoding, ZoomService, ZoomSettings, server_to_server};
use tokio::time::{Instant, sleep, timeout};

use network::{Network, TokenEndpoint};
pub use provider::{Accepts, Kind, Provider};

/// The counts of a campaign.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Calls made.
    pub calls: usize,
    /// Requests that reached the simulated network.
    pub attempts: usize,
    /// How often each outcome was given, and how often each resolution.
    pub outcomes: BTreeMap<&'static str, usize>,
    /// Every broken law, with the seed and the call.
    pub broken: Vec<String>,
}

impl Summary {
    /// Adds another campaign's counts.
    pub fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.attempts += other.attempts;
        for (outcome, count) in other.outcomes {
            *self.outcomes.entry(outcome).or_default() += count;
        }
        self.broken.extend(other.broken);
    }
}

/// One call, and how it ended.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) provider: usize,
    pub(crate) password: String,
    pub(crate) budget: Duration,
    pub(crate) elapsed: Duration,
    pub(crate) outcome: CallOutcome,
    pub(crate) resolution: Option<Result<Resolution, Error>>,
}

#[derive(Debug)]
pub(crate) enum CallOutcome {
    Applied,
    Failed(Error),
    Dropped,
}

struct Simulation {
    providers: Vec<Arc<Provider>>,
    services: Vec<Arc<dyn PasswordService>>,
    calls: Mutex<Vec<Call>>,
}

const USERS: u32 = 12;
const TASKS: u64 = 16;

/// Runs one campaign of about `calls` calls.
///
/// # Panics
/// If a call does.
pub fn run(seed: u64, calls: u64) -> Summary {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap_or_else(|error| panic!("no runtime: {error}"));
    runtime.block_on(campaign(seed, calls.div_ceil(TASKS)))
}

async fn campaign(seed: u64, calls_each: u64) -> Summary {
    let simulation = Arc::new(build(seed));
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| tokio::spawn(caller(Arc::clone(&simulation), seed, task, calls_each)))
        .collect();
    for task in tasks {
        if let Err(error) = task.await {
            std::panic::resume_unwind(error.into_panic());
        }
    }
    // Requests in flight arrive now.
    sleep(Duration::from_secs(3600)).await;
    laws::judge(
        seed,
        &simulation.providers,
        &simulation.calls.lock().unwrap_or_else(|_| panic!("poisoned")),
    )
}

fn build(seed: u64) -> Simulation {
    let mut random = StdRng::seed_from_u64(seed);
    let mut providers = Vec::new();
    let mut services = Vec::new();
    for (index, kind) in [Kind::Zoom, Kind::Identity].into_iter().enumerate() {
        let accepts = match random.random_range(0..3) {
            0 => Accepts::Both,
            1 => Accepts::FormData,
            _ => Accepts::Json,
        };
        let provider = Arc::new(Provider::new(kind, accepts, USERS));
        let seed = seed.wrapping_mul(31).wrapping_add(index as u64);
        providers.push(Arc::clone(&provider));
        services.push(Layers::default().wrap(service(kind, provider, seed)));
    }
    Simulation {
        providers,
        services,
        calls: Mutex::default(),
    }
}

fn service(kind: Kind, provider: Arc<Provider>, seed: u64) -> Arc<dyn PasswordService> {
    let endpoint = Arc::new(TokenEndpoint::new(seed, Arc::clone(&provider)));
    let credentials = match kind {
        Kind::Zoom => server_to_server(endpoint, "account"),
        Kind::Identity => client_credentials(endpoint, "id", &"secret".into(), "PM.User.Write"),
    };
    let rate_limiter = RateLimiter::new([
        ("medium", RateLimit::per_second(60)),
        ("post", RateLimit::per_second(60)),
        ("put", RateLimit::per_second(60)),
    ]);
    let transport: Arc<dyn Transport> = Arc::new(
        HttpTransport::new(
            Network::new(seed, provider),
            credentials.seeded(seed),
            Timeouts::default(),
        )
        .seeded(seed)
        .clocked(simulated_wall_clock)
        .with_rate_limiter(Arc::new(rate_limiter)),
    );
    match kind {
        Kind::Zoom => {
            let config = ZoomSettings {
                body: BodyEncoding::Auto,
                ..ZoomSettings::default()
            };
            Arc::new(ZoomService::new("zoom", config, transport))
        }
        Kind::Identity => Arc::new(IdentityService::new(
            "portal",
            IdentitySettings::default(),
            transport,
        )),
    }
}

/// The wall clock of the simulation stands still: servers that name an instant name it from here.
pub(crate) fn simulated_wall_clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

async fn caller(simulation: Arc<Simulation>, seed: u64, task: u64, calls: u64) {
    let mut random = StdRng::seed_from_u64(seed ^ (task << 32));
    for number in 0..calls {
        sleep(Duration::from_millis(random.random_range(0..400))).await;
        let provider = random.random_range(0..simulation.services.len());
        let user = Provider::user(random.random_range(0..USERS));
        let password = format!("Aa{task:02}-{number:08x}-Pw");
        let budget = Duration::from_millis([0, 40, 1_000, 6_000, 30_000][random.random_range(0..5)]);
        let drop_after = random
            .random_bool(0.05)
            .then(|| Duration::from_millis(random.random_range(0..100)));
        let probe = random.random_bool(0.5);
        let by_user = simulation.providers[provider].kind == Kind::Identity && random.random_bool(0.5);
        let change = change(&simulation, provider, &user, &password, by_user);
        let service = &simulation.services[provider];
        let cx = CallContext::with_budget(budget);
        let start = Instant::now();
        let call = service.change_password(&cx, &change);
        let result = match drop_after {
            Some(drop_after) => timeout(drop_after, call).await.ok(),
            None => Some(call.await),
        };
        let elapsed = start.elapsed();
        let outcome = match result {
            None => CallOutcome::Dropped,
            Some(Ok(_)) => CallOutcome::Applied,
            Some(Err(error)) => CallOutcome::Failed(error),
        };
        let resolution = match &outcome {
            CallOutcome::Failed(error) if probe && error.outcome() == Outcome::Unknown => {
                match error.unknown_outcome() {
                    Some(attempt) => Some(service.resolve(&CallContext::default(), attempt, &change).await),
                    None => None,
                }
            }
            _ => None,
        };
        let call = Call {
            provider,
            password,
            budget,
            elapsed,
            outcome,
            resolution,
        };
        simulation
            .calls
            .lock()
            .unwrap_or_else(|_| panic!("poisoned"))
            .push(call);
    }
}

fn change(simulation: &Simulation, provider: usize, user: &str, new: &str, by_user: bool) -> PasswordChange {
    let parsed = |text: &str| Password::new(text).unwrap_or_else(|error| panic!("{error}"));
    let id = UserId::new(user).unwrap_or_else(|error| panic!("{error}"));
    if by_user {
        // What the user believes to be valid, which another change may have made wrong meanwhile.
        let current = simulation.providers[provider].current(user);
        return PasswordChange::change(id, parsed(&current), parsed(new));
    }
    PasswordChange::reset(id, parsed(new))
}
