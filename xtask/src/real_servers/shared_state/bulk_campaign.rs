//! Workers of one bulk run that are killed, paused and cut off from a database that crashes: no row is lost or changed
//! twice, and the report, the passwords and the provider's ledger agree row by row.

use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use repass_postgres::Membership;
use repass_sandbox::{Action, Fault, Options, RequestMatcher, Sandbox};

use super::super::Args;
use super::super::servers::{Result, run};
use super::bulk::{Machine, Worker, compare, leaks, load};
use super::cluster::Cluster;

const NAME: &str = "campaign";
const ROWS_PER_CHANGE: usize = 20;
const WORKERS: usize = 4;
/// How long a change takes at the provider.
const DELAY_MS: u64 = 60;
const LONGEST: Duration = Duration::from_secs(1800);

#[derive(Default)]
struct Events {
    kills: u32,
    pauses: u32,
    crashes: u32,
    cuts: u32,
    /// Workers that had ended while there were rows left, such as after a pause.
    restarts: u32,
}

/// Returns how many rows are wrong.
pub(super) async fn campaign(cluster: &Cluster, args: &Args) -> Result<usize> {
    let rows = u32::try_from(args.changes * ROWS_PER_CHANGE)?;
    let options = Options {
        users: rows,
        ..Options::default()
    };
    let sandbox = Sandbox::start_with(options).await?;
    // A change is made even if its worker is gone by then.
    sandbox.inject(Fault {
        matching: RequestMatcher {
            method: Some("PUT".to_owned()),
            times: u32::MAX,
            ..RequestMatcher::default()
        },
        action: Action {
            delay_ms: DELAY_MS,
            detach: true,
            ..Action::default()
        },
    })?;
    tokio::task::block_in_place(|| on_machines(cluster, &sandbox, rows, args.seed))
}

fn on_machines(cluster: &Cluster, sandbox: &Sandbox, rows: u32, seed: u64) -> Result<usize> {
    let machine = || Machine::new(cluster, sandbox, NAME, rows);
    let (observer, machines) = (
        machine()?,
        (0..WORKERS).map(|_| machine()).collect::<Result<Vec<_>>>()?,
    );
    load(&observer)?;
    let start = Instant::now();
    let mut workers = machines.iter().map(Machine::work).collect::<Result<Vec<_>>>()?;
    let mut random = StdRng::seed_from_u64(seed);
    let mut events = Events::default();
    loop {
        sleep(Duration::from_millis(random.random_range(200..1200)));
        let status = observer.status()?;
        if status["pending"] == 0 {
            break;
        }
        if start.elapsed() > LONGEST {
            return Err(format!("the run does not end: {status}").into());
        }
        disturb(cluster, &machines, &mut workers, &mut random, &mut events)?;
        for (machine, worker) in machines.iter().zip(&mut workers) {
            if worker.0.try_wait()?.is_some() {
                events.restarts += 1;
                *worker = machine.work()?;
            }
        }
    }
    drop(workers);
    // What the last ones had in flight is unknown when their leases are over.
    sleep(Membership::LEASE + Duration::from_secs(1));
    let (code, _, error) = observer.run(&["bulk", "work", NAME, "--quiet"])?;
    assert!(matches!(code, 0 | 8 | 9), "{code}: {error}");
    let report = observer.rows()?;
    let count = |outcome: &str| report.values().filter(|row| row["outcome"] == outcome).count();
    let mut wrong = compare(&observer, sandbox, &report)?;
    let Events {
        kills,
        pauses,
        crashes,
        cuts,
        restarts,
    } = events;
    println!(
        "  {rows} rows, {WORKERS} workers killed {kills} times, paused {pauses}, cut off {cuts}, started again {restarts}, \
         {crashes} database crashes: {} applied, {} not applied, {} unknown, {wrong} wrong; {:.0?}",
        count("applied"),
        count("not_applied"),
        count("unknown"),
        start.elapsed()
    );
    let resolve = [
        "bulk",
        "resume",
        NAME,
        "--shared",
        "--resolve",
        "--identity",
        "key.txt",
    ];
    let (code, _, error) = observer.run(&resolve)?;
    assert_eq!(code, 0, "all rows are applied after a probe: {error}");
    let report = observer.rows()?;
    wrong += report.values().filter(|row| row["outcome"] != "applied").count();
    wrong += compare(&observer, sandbox, &report)?;
    let leaked = leaks(&observer, &cluster.everything()?)?;
    println!(
        "  those resolved or sent again: {wrong} wrong; {leaked} passwords in the clear; {:.0?}",
        start.elapsed()
    );
    Ok(wrong + leaked)
}

fn disturb(
    cluster: &Cluster,
    machines: &[Machine],
    workers: &mut [Worker],
    random: &mut StdRng,
    events: &mut Events,
) -> Result<()> {
    let at = random.random_range(0..workers.len());
    match random.random_range(0..12) {
        0 => {
            events.pauses += 1;
            let process = workers[at].0.id().to_string();
            run(Command::new("kill").args(["-STOP", &process]))?;
            sleep(Membership::LEASE + Duration::from_millis(random.random_range(500..2000)));
            run(Command::new("kill").args(["-CONT", &process]))
        }
        1 => {
            events.crashes += 1;
            cluster.crash()?;
            sleep(Duration::from_millis(random.random_range(0..1500)));
            cluster.resume()
        }
        2..=4 => {
            events.cuts += 1;
            cluster.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE application_name = 'repass' AND random() < 0.5",
            )
        }
        _ => {
            events.kills += 1;
            // It may have ended by itself.
            let _ = workers[at].0.kill();
            workers[at].0.wait()?;
            workers[at] = machines[at].work()?;
            Ok(())
        }
    }
}
