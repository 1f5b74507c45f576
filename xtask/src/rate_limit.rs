//! Resets passwords at an emulated Zoom that enforces the 60 requests per second of a business account. Prints the
//! rate and the number of 429 responses; exits 1 if a change failed or a limit was missed. It measures time, so it is a
//! command, not a test.
//!
//! With `--accounts` it simulates accounts that several processes share, on a paused clock.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use clap::Args as ClapArgs;
use repass::{CallContext, Config, Password, PasswordServiceExt as _, Services};
use repass_sandbox::{Options, RetryAfter, Sandbox, ZoomOptions, ZoomPlan};
use repass_testkit::rate_simulation;

#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Resets per scenario.
    #[arg(long, default_value_t = 3000)]
    resets: u32,
    /// Simulate this many accounts instead, whose limits several processes share.
    #[arg(long)]
    accounts: Option<usize>,
    /// How many of the accounts are used at full speed.
    #[arg(long, default_value_t = 20, requires = "accounts")]
    busy: usize,
    /// How many processes share the accounts.
    #[arg(long, default_value_t = 4, requires = "accounts")]
    processes: usize,
    /// The simulated seconds that are measured.
    #[arg(long, default_value_t = 30, requires = "accounts")]
    seconds: u64,
    /// Simulate that the database is gone for five seconds; ten seconds later a process is killed, and another one is cut
    /// off from the database.
    #[arg(long, requires = "accounts")]
    faults: bool,
    /// Where the random delays of the simulation begin.
    #[arg(long, default_value_t = 1, requires = "accounts")]
    seed: u64,
}

const ALLOWED: f64 = 60.0;
const CALLERS: u32 = 64;

pub(crate) fn run(args: &Args) -> ExitCode {
    match args.accounts {
        Some(accounts) => simulate(args, accounts),
        None => tokio::runtime::Runtime::new()
            .unwrap_or_else(|error| panic!("cannot start the runtime: {error}"))
            .block_on(measure(args)),
    }
}

fn simulate(args: &Args, accounts: usize) -> ExitCode {
    const LIMIT: u32 = 60;
    let (busy, processes) = (args.busy.min(accounts), args.processes);
    let start = Instant::now();
    let summary = rate_simulation::run(rate_simulation::Options {
        accounts,
        busy,
        processes,
        limit: LIMIT,
        duration: Duration::from_secs(args.seconds),
        has_faults: args.faults,
        seed: args.seed,
    });
    println!(
        "{accounts} accounts of {LIMIT}/s in {processes} processes, {busy} at full speed for {} s, seed {}: {:.1} s",
        args.seconds,
        args.seed,
        start.elapsed().as_secs_f64()
    );
    println!(
        "  busy accounts: {} changes, {:.1} % of the limit used, the least {:.1} %",
        summary.changes, summary.mean_used, summary.least_used
    );
    println!(
        "  all accounts: at most {} requests in a window, {} responses with 429",
        summary.most_in_a_window, summary.refused
    );
    println!(
        "  idle accounts: {} single changes, the longest {:.0} ms",
        summary.single_changes,
        summary.longest_single_change.as_secs_f64() * 1000.0
    );
    println!(
        "  one process: {:.1} statements/s to the database, {:.1} lanes in each",
        summary.steps_per_second, summary.lanes_per_step
    );
    if let Some((local, shared)) = summary.idle_memory {
        println!("  memory of an idle account's rate limiter: {local} bytes, {shared} if it is shared");
    }
    if let Some(time) = summary.processor_time {
        println!("  processor time of a change: {:.1} us", time.as_secs_f64() * 1e6);
    }
    let is_good = summary.refused == 0
        && summary.most_in_a_window <= LIMIT as usize
        && (busy == 0 || args.faults || summary.least_used >= 97.0);
    ExitCode::from(u8::from(!is_good))
}

async fn measure(args: &Args) -> ExitCode {
    let mut good = true;
    for (what, services, competitor) in [
        ("one service", 1, false),
        ("16 services", 16, false),
        ("with another client that uses a third", 1, true),
    ] {
        good &= scenario(what, args.resets, services, competitor).await;
    }
    ExitCode::from(u8::from(!good))
}

async fn scenario(what: &str, resets: u32, services: usize, competitor: bool) -> bool {
    let options = Options {
        users: resets,
        zoom: ZoomOptions {
            rate_limits: Some(ZoomPlan::Business),
            retry_after: RetryAfter::None,
            ..ZoomOptions::default()
        },
        ..Options::default()
    };
    let sandbox = Arc::new(
        Sandbox::start_with(options)
            .await
            .unwrap_or_else(|error| panic!("no sandbox: {error}")),
    );
    let services: Arc<Vec<Services>> =
        Arc::new((0..services).map(|_| service(&sandbox, "business")).collect());
    let stop = Arc::new(AtomicBool::new(false));
    let competing =
        competitor.then(|| tokio::spawn(compete(service(&sandbox, "unlimited"), Arc::clone(&stop))));
    let (next, failed) = (Arc::new(AtomicU32::new(1)), Arc::new(AtomicU32::new(0)));
    let start = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            tokio::spawn(caller(
                Arc::clone(&services),
                Arc::clone(&next),
                Arc::clone(&failed),
                resets,
            ))
        })
        .collect();
    for caller in callers {
        if let Err(error) = caller.await {
            std::panic::resume_unwind(error.into_panic());
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    if let Some(competing) = competing {
        competing.abort();
    }
    let refused: u64 = sandbox
        .requests()
        .routes
        .iter()
        .filter_map(|route| route.statuses.get(&429))
        .sum();
    let failed = failed.load(Ordering::Relaxed);
    // The permits of the first second are available at once.
    let rate = (f64::from(resets) - ALLOWED) / seconds;
    let share = rate / ALLOWED * 100.0;
    println!(
        "{what}: {resets} resets in {seconds:.2} s, {rate:.2}/s, {share:.1} % of the allowed rate, {refused} responses with 429, {failed} failed"
    );
    failed == 0 && (competitor || (refused == 0 && share >= 98.0))
}

fn service(sandbox: &Sandbox, plan: &str) -> Services {
    let text = format!(
        "[providers.zoom]\nkind = \"zoom\"\nplan = \"{plan}\"\nbase_url = \"{}\"\n\
         auth = {{ kind = \"bearer\", token = {{ command = [\"echo\", \"{}\"] }} }}\n",
        sandbox.zoom_base_url(),
        sandbox.startup_info().token
    );
    let config = Config::from_toml(&text).unwrap_or_else(|error| panic!("{error}"));
    Services::builder()
        .config(config)
        .build()
        .unwrap_or_else(|error| panic!("{error}"))
}

async fn caller(services: Arc<Vec<Services>>, next: Arc<AtomicU32>, failed: Arc<AtomicU32>, resets: u32) {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number > resets {
            return;
        }
        let services = &services[number as usize % services.len()];
        if let Err(error) = reset(services, number, "New-Passw0rd-1").await {
            failed.fetch_add(1, Ordering::Relaxed);
            println!("  {error}");
        }
    }
}

async fn reset(services: &Services, number: u32, new: &str) -> Result<(), repass::Error> {
    let service = services
        .default_service()
        .unwrap_or_else(|error| panic!("{error}"));
    let user = format!("user{number:06}@example.com").parse();
    let user = user.unwrap_or_else(|error| panic!("{error}"));
    let new = Password::new(new).unwrap_or_else(|error| panic!("{error}"));
    let cx = CallContext::with_budget(Duration::from_secs(120));
    service.reset(&cx, user, new).await.map(drop)
}

/// Another app of the same account, which uses a third of its limit.
async fn compete(services: Services, stop: Arc<AtomicBool>) {
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        tick.tick().await;
        number += 1;
        let services = services.clone();
        tokio::spawn(async move {
            let service = services
                .default_service()
                .unwrap_or_else(|error| panic!("{error}"));
            let new = format!("Other-Passw0rd-{number}");
            let new = Password::new(new.as_str()).unwrap_or_else(|error| panic!("{error}"));
            let user = "bob@example.com"
                .parse()
                .unwrap_or_else(|error| panic!("{error}"));
            // It does not retry.
            let _ = service
                .reset(&CallContext::with_budget(Duration::from_millis(900)), user, new)
                .await;
        });
    }
}
