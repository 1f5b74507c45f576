//! Thousands of accounts whose rate limits several processes share, on a paused clock: the rate limiter, its lender and
//! the delivery of requests are the real ones; the providers, the network and the store of permits are simulated. The same
//! seed gives the same requests.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use repass_transport::{
    AttemptOutcome, HeaderValue, HttpClient, HttpTransport, Idempotency, Loan, Method, PermitLender,
    PermitRequest, PermitStore, RateLimit, RateLimiter, Request, Response, StatusCode, Timeouts,
    Transport as _, TransportError,
};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// What is simulated.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The number of accounts, each with its rate limit.
    pub accounts: usize,
    /// How many of them are used at full speed, by every process.
    pub busy: usize,
    /// How many processes share them.
    pub processes: usize,
    /// The requests per second of each account.
    pub limit: u32,
    /// The simulated time that is measured, after the processes have joined.
    pub duration: Duration,
    /// Whether the store is gone for five seconds while it is measured; ten seconds later a process is killed, and another
    /// one cut off from the store for longer than its lease.
    pub has_faults: bool,
    /// Where the random delays begin.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub struct Summary {
    /// The requests that were accepted while it was measured.
    pub changes: u64,
    /// The part of its limit that a busy account used, in percent: the least.
    pub least_used: f64,
    /// The mean.
    pub mean_used: f64,
    /// The most requests of one account in any window, those that were refused included.
    pub most_in_a_window: usize,
    /// The requests that were refused.
    pub refused: u64,
    /// The changes of idle accounts.
    pub single_changes: u64,
    /// The longest that a change of an idle account took.
    pub longest_single_change: Duration,
    /// The statements that one process sent to the store per second.
    pub steps_per_second: f64,
    /// The lanes that one of them renewed.
    pub lanes_per_step: f64,
    /// The memory of the rate limiter of one account that was not used, in bytes: where one process has the account, and
    /// where several share it. `None` where it cannot be measured.
    pub idle_memory: Option<(u64, u64)>,
    /// The time of the processor that a change took, the simulation included. `None` where it cannot be measured.
    pub processor_time: Option<Duration>,
}

const WINDOW: Duration = Duration::from_secs(1);
/// Of each busy account, in all processes together.
const CALLERS: usize = 96;
/// Until every process has its part.
const JOINING: Duration = Duration::from_secs(5);
/// How often an idle account is used.
const SINGLE_CHANGES: Duration = Duration::from_secs(3600);
const LEASE: Duration = Duration::from_secs(8);
/// Shorter than a lease.
const OUTAGE: Duration = Duration::from_secs(5);
/// Longer.
const CUT_OFF: Duration = Duration::from_secs(15);

/// Runs a simulation.
///
/// # Panics
/// If a request fails, or without an account.
pub fn run(options: Options) -> Summary {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap_or_else(|error| panic!("no runtime: {error}"));
    runtime.block_on(simulate(options))
}

async fn simulate(options: Options) -> Summary {
    simulated_clock();
    let limits = [("medium", RateLimit::per_second(options.limit))];
    let before = resident_memory();
    let local: Vec<_> = (0..options.accounts)
        .map(|_| Arc::new(RateLimiter::new(limits)))
        .collect();
    let local_memory = resident_memory();
    let ledger = Arc::new(Ledger::default());
    let processes: Vec<_> = (0..options.processes)
        .map(|process| Process::new(process, options, &ledger))
        .collect();
    let shared_memory = resident_memory();
    drop(local);
    let idle_memory = before
        .zip(local_memory)
        .zip(shared_memory)
        .map(|((before, local), shared)| {
            let accounts = options.accounts as u64;
            let limiters = accounts * options.processes as u64;
            (
                local.saturating_sub(before) / accounts,
                shared.saturating_sub(local) / limiters,
            )
        });
    let simulation = Arc::new(Simulation {
        accounts: (0..options.accounts)
            .map(|_| Arc::new(Account::new(options.limit)))
            .collect(),
        processes,
        options,
        random: Mutex::new(StdRng::seed_from_u64(options.seed)),
        is_over: AtomicBool::new(false),
        single_changes: Mutex::default(),
    });
    let (mut calls, mut killed) = (Vec::new(), Vec::new());
    for account in 0..options.busy {
        for caller in 0..CALLERS.max(options.processes) {
            let process = caller % options.processes;
            let call = tokio::spawn(keep_busy(Arc::clone(&simulation), process, account));
            if options.has_faults && process == 0 {
                killed.push(call);
            } else {
                calls.push(call);
            }
        }
    }
    calls.push(tokio::spawn(make_single_changes(Arc::clone(&simulation))));
    sleep(JOINING).await;
    let (steady, steps, spent) = (Instant::now(), ledger.steps(), processor_time());
    let accepted = simulation.accepted();
    if options.has_faults {
        tokio::spawn(inject_faults(
            Arc::clone(&simulation),
            Arc::clone(&ledger),
            killed,
        ));
    }
    sleep(options.duration).await;
    let (end_steps, end_spent) = (ledger.steps(), processor_time());
    let changes = simulation.accepted() - accepted;
    simulation.is_over.store(true, Ordering::Relaxed);
    for call in calls {
        if let Err(error) = call.await {
            std::panic::resume_unwind(error.into_panic());
        }
    }
    let used: Vec<f64> = simulation.accounts[..options.busy]
        .iter()
        .map(|account| account.state().used_since(steady, options))
        .collect();
    let singles = lock(&simulation.single_changes);
    let states = || simulation.accounts.iter().map(|account| account.state());
    let (statements, lanes) = (end_steps.0 - steps.0, end_steps.1 - steps.1);
    Summary {
        changes,
        least_used: used.iter().copied().fold(f64::INFINITY, f64::min),
        mean_used: used.iter().sum::<f64>() / as_f64(used.len() as u64),
        most_in_a_window: states().map(|state| state.most).max().unwrap_or_default(),
        refused: states().map(|state| state.refused).sum(),
        single_changes: singles.len() as u64,
        longest_single_change: singles.iter().max().copied().unwrap_or_default(),
        steps_per_second: as_f64(statements)
            / options.duration.as_secs_f64()
            / as_f64(options.processes as u64),
        lanes_per_step: as_f64(lanes) / as_f64(statements.max(1)),
        idle_memory,
        processor_time: end_spent.zip(spent).map(|(end, start)| {
            end.saturating_sub(start) / u32::try_from(changes.max(1)).unwrap_or(u32::MAX)
        }),
    }
}

async fn inject_faults(simulation: Arc<Simulation>, ledger: Arc<Ledger>, killed: Vec<JoinHandle<()>>) {
    ledger.is_gone.store(true, Ordering::Relaxed);
    sleep(OUTAGE).await;
    ledger.is_gone.store(false, Ordering::Relaxed);
    sleep(2 * OUTAGE).await;
    for call in killed {
        call.abort();
    }
    // Without its rate limiters it renews nothing, and returns nothing either.
    lock(&simulation.processes[0].limiters).clear();
    ledger.is_cut_off.store(true, Ordering::Relaxed);
    sleep(CUT_OFF).await;
    ledger.is_cut_off.store(false, Ordering::Relaxed);
}

struct Simulation {
    accounts: Vec<Arc<Account>>,
    processes: Vec<Process>,
    options: Options,
    random: Mutex<StdRng>,
    is_over: AtomicBool,
    single_changes: Mutex<Vec<Duration>>,
}

impl Simulation {
    fn accepted(&self) -> u64 {
        self.accounts
            .iter()
            .map(|account| account.state().accepted.len() as u64)
            .sum()
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    // `None`: the process was killed.
    fn transport(&self, process: usize, account: usize) -> Option<HttpTransport> {
        let limiter = lock(&self.processes[process].limiters).get(account).cloned()?;
        let seed = lock(&self.random).random();
        let client = Network {
            account: Arc::clone(&self.accounts[account]),
            random: Mutex::new(StdRng::seed_from_u64(seed)),
        };
        let transport = HttpTransport::with_bearer(client, &"token".into(), Timeouts::default())
            .unwrap_or_else(|error| panic!("{error}"));
        Some(transport.seeded(seed).with_rate_limiter(limiter))
    }
}

async fn keep_busy(simulation: Arc<Simulation>, process: usize, account: usize) {
    let Some(transport) = simulation.transport(process, account) else {
        return;
    };
    while !simulation.is_over() {
        change(&transport).await;
    }
}

// Some idle account, from some process.
async fn make_single_changes(simulation: Arc<Simulation>) {
    let options = simulation.options;
    let idle = options.accounts - options.busy;
    if idle == 0 {
        return;
    }
    let most = 2.0 * SINGLE_CHANGES.as_secs_f64() / as_f64(idle as u64);
    while !simulation.is_over() {
        let (pause, account, process) = {
            let mut random = lock(&simulation.random);
            (
                random.random_range(0.0..most),
                random.random_range(options.busy..options.accounts),
                random.random_range(0..options.processes),
            )
        };
        sleep(Duration::from_secs_f64(pause)).await;
        let simulation = Arc::clone(&simulation);
        tokio::spawn(async move {
            let start = Instant::now();
            if let Some(transport) = simulation.transport(process, account) {
                change(&transport).await;
                lock(&simulation.single_changes).push(start.elapsed());
            }
        });
    }
}

async fn change(transport: &HttpTransport) {
    let request = Request::new("simulated", Method::POST, Idempotency::NonIdempotent)
        .segment("password")
        .counted_as("medium")
        .budget(Duration::from_secs(600))
        .reading(|response| match response.status() {
            StatusCode::TOO_MANY_REQUESTS => AttemptOutcome::RateLimited,
            _ => AttemptOutcome::Done,
        });
    if let Err(error) = transport.deliver(&request).await {
        panic!("{error}");
    }
}

/// One process: its rate limiters, and what lends permits to them.
struct Process {
    limiters: Mutex<Vec<Arc<RateLimiter>>>,
}

impl Process {
    fn new(process: usize, options: Options, ledger: &Arc<Ledger>) -> Self {
        let store = MemoryStore {
            process,
            ledger: Arc::clone(ledger),
            random: Mutex::new(StdRng::seed_from_u64(options.seed ^ (process as u64 + 1))),
        };
        let lender = Arc::new(PermitLender::new(store, LEASE).clocked(simulated_clock));
        let limits = [("medium", RateLimit::per_second(options.limit))];
        let limiter = |account| Arc::new(lender.rate_limiter(account, limits));
        Self {
            limiters: Mutex::new((0..options.accounts).map(limiter).collect()),
        }
    }
}

/// An account at its provider, which counts every window strictly.
struct Account {
    limit: usize,
    state: Mutex<AccountState>,
}

#[derive(Default)]
struct AccountState {
    accepted: Vec<Instant>,
    window: VecDeque<Instant>,
    most: usize,
    refused: u64,
}

impl Account {
    fn new(limit: u32) -> Self {
        Self {
            limit: limit as usize,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, AccountState> {
        lock(&self.state)
    }

    fn arrive(&self) -> StatusCode {
        let now = Instant::now();
        let mut state = self.state();
        while state.window.front().is_some_and(|first| *first + WINDOW <= now) {
            state.window.pop_front();
        }
        state.most = state.most.max(state.window.len() + 1);
        if state.window.len() == self.limit {
            state.refused += 1;
            return StatusCode::TOO_MANY_REQUESTS;
        }
        state.window.push_back(now);
        state.accepted.push(now);
        StatusCode::OK
    }
}

impl AccountState {
    // Over whole windows, because permits are used in bursts.
    fn used_since(&self, start: Instant, options: Options) -> f64 {
        let (first, limit) = (
            self.accepted.partition_point(|at| *at < start),
            options.limit as usize,
        );
        let windows = self.accepted.len().saturating_sub(first + 1) / limit;
        let Some(last) = self.accepted.get(first + windows * limit) else {
            return 0.0;
        };
        as_f64(windows as u64) * 100.0 / (*last - self.accepted[first]).as_secs_f64()
    }
}

/// The way to the provider and back: 5 to 80 ms, of which up to 15 ms pass before the request counts.
struct Network {
    account: Arc<Account>,
    random: Mutex<StdRng>,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}

#[async_trait]
impl HttpClient for Network {
    async fn attempt(
        &self,
        request: &Request,
        _: Option<HeaderValue>,
        _: Duration,
    ) -> Result<Response, TransportError> {
        let (arrives, takes) = {
            let mut random = lock(&self.random);
            let takes = random.random_range(5.0..80.0_f64);
            (random.random_range(0.0..takes.min(15.0)), takes)
        };
        request.mark_sending();
        let sent_at = Instant::now();
        let account = Arc::clone(&self.account);
        // It arrives even if its process is killed meanwhile.
        let arrival = tokio::spawn(async move {
            sleep(Duration::from_secs_f64(arrives / 1000.0)).await;
            account.arrive()
        });
        let status = arrival.await.unwrap_or_else(|error| panic!("{error}"));
        sleep(Duration::from_secs_f64((takes - arrives) / 1000.0)).await;
        Ok(Response::new(status).leaving(Some(sent_at)))
    }
}

/// Who holds how many permits: what `lend_permits` of the database keeps in its tables, by the same rules.
#[derive(Debug, Default)]
struct Ledger {
    lanes: Mutex<HashMap<Arc<str>, LaneState>>,
    steps: AtomicU64,
    renewed: AtomicU64,
    is_gone: AtomicBool,
    /// From the second process.
    is_cut_off: AtomicBool,
}

#[derive(Debug, Default)]
struct LaneState {
    holders: BTreeMap<(usize, u64), Holder>,
    closed_until: Option<Instant>,
    reserved: f64,
    reserved_at: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Holder {
    permits: u32,
    wanted: u32,
    until: Instant,
}

impl Ledger {
    fn steps(&self) -> (u64, u64) {
        (
            self.steps.load(Ordering::Relaxed),
            self.renewed.load(Ordering::Relaxed),
        )
    }
}

impl LaneState {
    fn lend(&mut self, me: (usize, u64), request: &PermitRequest, now: Instant) -> Loan {
        let (limit, demand) = (request.limit, request.demand);
        let since = self.reserved_at.map_or(Duration::ZERO, |at| now - at);
        let mut reserved = (self.reserved - 0.02 * since.as_secs_f64() / limit.window.as_secs_f64()).max(0.0);
        if !demand.closed_for.is_zero() || demand.reserved > reserved + 0.01 {
            reserved = reserved.max(demand.reserved);
            self.closed_until = self.closed_until.max(Some(now + demand.closed_for));
            (self.reserved, self.reserved_at) = (reserved, Some(now));
        }
        let usable = (f64::from(limit.requests) * (1.0 - reserved)).floor().max(1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and a u32"
        )]
        let usable = usable as u32;
        self.holders
            .retain(|_, holder| holder.until + limit.window + Duration::from_secs(1) >= now);
        if demand.held == 0 && demand.wanted == 0 {
            self.holders.remove(&me);
        } else {
            let holder = Holder {
                permits: demand.held,
                wanted: demand.wanted,
                until: now + request.lease,
            };
            self.holders.insert(me, holder);
        }
        let target = self.target(me, demand.wanted, usable, now);
        let others: u32 = self
            .holders
            .iter()
            .filter(|(who, _)| **who != me)
            .map(|(_, holder)| holder.permits)
            .sum();
        let more = target
            .saturating_sub(demand.held)
            .min(usable.saturating_sub(others + demand.held));
        let permits = demand.held + more;
        if let Some(holder) = self.holders.get_mut(&me) {
            holder.permits = permits;
        }
        let lent: u32 = self.holders.values().map(|holder| holder.permits).sum();
        assert!(lent <= limit.requests, "{lent} permits are lent");
        Loan {
            permits,
            target,
            closed_for: self
                .closed_until
                .map_or(Duration::ZERO, |until| until.saturating_duration_since(now)),
            reserved,
        }
    }

    // No process gets more than it wants, and the rest is shared evenly; what cannot be divided stays where it is.
    fn target(&self, me: (usize, u64), wanted: u32, usable: u32, now: Instant) -> u32 {
        let mut hungry: Vec<_> = self
            .holders
            .iter()
            .filter(|(_, holder)| holder.until >= now && holder.wanted > 0)
            .collect();
        hungry.sort_by_key(|(_, holder)| holder.wanted);
        let (mut spare, mut left) = (usable, u32::try_from(hungry.len()).unwrap_or(u32::MAX));
        for (_, holder) in &hungry {
            let part = spare / left;
            if holder.wanted > part {
                if wanted <= part {
                    return wanted;
                }
                let held = self.holders.get(&me).map_or(0, |holder| holder.permits);
                let before = hungry.iter().filter(|(who, holder)| {
                    holder.wanted > part && (holder.permits > held || holder.permits == held && **who < me)
                });
                return part + u32::from(before.count() < (spare % left) as usize);
            }
            spare -= holder.wanted;
            left -= 1;
        }
        wanted
    }
}

#[derive(Debug)]
struct MemoryStore {
    process: usize,
    ledger: Arc<Ledger>,
    random: Mutex<StdRng>,
}

#[async_trait]
impl PermitStore for MemoryStore {
    type Error = &'static str;

    async fn renew(&self, requests: &[PermitRequest]) -> Result<Vec<Loan>, &'static str> {
        let way = || Duration::from_secs_f64(lock(&self.random).random_range(0.0002..0.002));
        sleep(way()).await;
        let is_cut_off = self.process == 1 && self.ledger.is_cut_off.load(Ordering::Relaxed);
        if is_cut_off || self.ledger.is_gone.load(Ordering::Relaxed) {
            return Err("gone");
        }
        self.ledger.steps.fetch_add(1, Ordering::Relaxed);
        self.ledger
            .renewed
            .fetch_add(requests.len() as u64, Ordering::Relaxed);
        let loans = {
            let (mut lanes, now) = (lock(&self.ledger.lanes), Instant::now());
            let lend = |request: &PermitRequest| {
                let lane = lanes.entry(Arc::clone(&request.name)).or_default();
                lane.lend((self.process, request.holder), request, now)
            };
            requests.iter().map(lend).collect()
        };
        sleep(way()).await;
        Ok(loans)
    }
}

fn simulated_clock() -> Duration {
    static START: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);
    Instant::now().into_std().saturating_duration_since(*START)
}

fn resident_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

// Of this thread, which runs all of it.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
