//! Sidecars that share their idempotency keys, asked round robin, killed at random: each key is made at most once.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use repass_sandbox::{Provider, Sandbox};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::super::Args;
use super::super::servers::Result;
use super::cluster::Cluster;
use super::replicas::{Replicas, binary};

const SIDECARS: usize = 3;
/// Requests for each change that a provider's campaign makes.
const REQUESTS_PER_CHANGE: usize = 10;
const CLIENTS: usize = 24;
/// How long a change takes at the provider.
const DELAY: Duration = Duration::from_millis(100);
/// How every password begins that is sent.
const MARK: &str = "Shared-Passw0rd";

/// How a key ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Applied,
    NotApplied,
    Unknown,
}

/// A sidecar starts without the database, sends nothing, and is ready once it is there. A wrong set-up is an error at once.
pub(super) async fn start_without_database(cluster: &Cluster) -> Result<()> {
    let sandbox = Sandbox::start().await?;
    let folder = tempfile::tempdir()?;
    let config = super::zoom_configuration(folder.path(), cluster, &sandbox, "unlimited")?;
    cluster.crash()?;
    let replicas = Replicas::spawn(&config, 1)?;
    let body = json!({ "user": "alice@example.com", "new_password": password(0) });
    let start = Instant::now();
    let (status, problem) = loop {
        if let Some(answer) = replicas.post(0, Some("early"), &body).await {
            break answer;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "it serves");
        sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(
        (status, problem["code"].as_str(), sandbox.changes()),
        (503, Some("idempotency_unavailable"), 0),
        "{problem}"
    );
    cluster.resume()?;
    replicas.all_ready().await?;
    let (status, result) = replicas.post(0, Some("early"), &body).await.ok_or("an answer")?;
    assert_eq!((status, sandbox.changes()), (200, 1), "{result}");
    // Another schema, in which there is no table.
    let text = fs::read_to_string(&config)?.replace("\"url\" }", "\"url\" }, schema = \"other\"");
    super::private_file(&config, &text)?;
    let refused = Command::new(binary()?)
        .arg("--config")
        .arg(&config)
        .args(["serve", "--listen", "127.0.0.1:0"])
        .output()?;
    let shown = String::from_utf8_lossy(&refused.stderr);
    assert!(
        !refused.status.success() && shown.contains("repass shared migrate"),
        "{shown}"
    );
    println!("  a sidecar starts without the database, and not with a wrong set-up");
    Ok(())
}

enum Disturbance {
    Pause,
    Crash,
    Kill,
}

/// Returns how many keys are wrong, and passwords in the clear.
pub(super) async fn campaign(cluster: &Cluster, args: &Args) -> Result<usize> {
    let requests = args.changes * REQUESTS_PER_CHANGE;
    let sandbox = super::slow_sandbox(u32::try_from(requests)?, DELAY).await?;
    let folder = tempfile::tempdir()?;
    let config = super::zoom_configuration(folder.path(), cluster, &sandbox, "unlimited")?;
    let replicas = Arc::new(Replicas::start(&config, SIDECARS).await?);
    let start = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let ends = Arc::new(Mutex::new(vec![None; requests]));
    let mut clients = Vec::new();
    for at in 0..CLIENTS {
        let (replicas, next, ends) = (Arc::clone(&replicas), Arc::clone(&next), Arc::clone(&ends));
        clients.push(tokio::spawn(async move {
            let mut random = StdRng::seed_from_u64(at as u64);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= requests {
                    break;
                }
                let end = make(&replicas, number, &mut random).await?;
                lock(&ends)[number] = Some(end);
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        }));
    }
    let mut random = StdRng::seed_from_u64(args.seed);
    let (mut kills, mut pauses, mut crashes) = (0, 0, 0);
    // Each kind once, and then as they come. The pause last, because the other sidecars answer many keys in it.
    let mut due = vec![Disturbance::Pause, Disturbance::Crash, Disturbance::Kill];
    while next.load(Ordering::Relaxed) < requests {
        sleep(Duration::from_millis(random.random_range(300..1500))).await;
        let kind = due.pop().unwrap_or_else(|| match random.random_range(0..10) {
            0 => Disturbance::Pause,
            1 => Disturbance::Crash,
            _ => Disturbance::Kill,
        });
        match kind {
            Disturbance::Pause => {
                replicas.pause_one(&mut random).await?;
                pauses += 1;
            }
            Disturbance::Crash => {
                cluster.crash()?;
                sleep(Duration::from_millis(random.random_range(0..1000))).await;
                cluster.resume()?;
                crashes += 1;
            }
            Disturbance::Kill => {
                replicas.kill_one(&config, &mut random)?;
                kills += 1;
            }
        }
    }
    if !due.is_empty() {
        return Err("the keys were too few for each kind of disturbance; use more --changes".into());
    }
    for client in clients {
        client.await??;
    }
    let took = start.elapsed();
    let wrong = compare(&sandbox, &lock(&ends));
    println!(
        "  {requests} keys, {SIDECARS} sidecars killed {kills} times and paused {pauses} times, {crashes} \
         database crashes, {took:.0?}: {wrong} wrong"
    );
    drop(replicas);
    let leaked = leaks(&cluster.everything()?);
    println!("  dump and files of the database hold {leaked} passwords");
    Ok(wrong + leaked)
}

fn password(number: usize) -> String {
    format!("{MARK}-{number}-x")
}

fn user(number: usize) -> String {
    format!("user{:06}@example.com", number + 1)
}

/// Asks for one change under its key until its end is known: at two sidecars at once, then at the others in turn.
async fn make(replicas: &Replicas, number: usize, random: &mut StdRng) -> Result<End> {
    let key = format!("key-{number}");
    let body = json!({ "user": user(number), "new_password": password(number) });
    let first = random.random_range(0..SIDECARS);
    let (one, two) = tokio::join!(
        replicas.post(first, Some(&key), &body),
        replicas.post(first + 1, Some(&key), &body)
    );
    let mut known = [one, two]
        .into_iter()
        .flatten()
        .find_map(|response| end(&response));
    let start = Instant::now();
    let mut at = first;
    while known.is_none() {
        if start.elapsed() > Duration::from_secs(60) {
            return Err(format!("{key} has no end").into());
        }
        at += 1;
        known = replicas.post(at, Some(&key), &body).await.as_ref().and_then(end);
        sleep(Duration::from_millis(50)).await;
    }
    known.ok_or_else(|| "no end".into())
}

// `None`: the same request is to be sent again.
fn end((status, body): &(u16, Value)) -> Option<End> {
    match (status, body["effect"].as_str(), body["code"].as_str()) {
        (200, Some("applied"), _) => Some(End::Applied),
        (409, Some("unknown"), _) => Some(End::Unknown),
        (503, _, _) | (409, None, Some("idempotency_in_progress")) => None,
        (_, Some("not_applied"), _) => Some(End::NotApplied),
        _ => None,
    }
}

fn compare(sandbox: &Sandbox, ends: &[Option<End>]) -> usize {
    let ledger = sandbox.ledger();
    let mut made = std::collections::BTreeMap::new();
    for total in &ledger.totals {
        made.insert(total.user.clone(), total.count);
    }
    let (mut wrong, mut counts) = (0, [0; 3]);
    for (number, end) in ends.iter().enumerate() {
        let user = user(number);
        let made = made.get(&user).copied().unwrap_or_default();
        let is_in_place = sandbox.accepts(Provider::Zoom, &user, &password(number));
        let is_right = match end {
            Some(End::Applied) => made == 1 && is_in_place,
            Some(End::NotApplied) => made == 0,
            Some(End::Unknown) => made <= 1,
            None => false,
        };
        if !is_right {
            println!("  key {number}: {end:?}, made {made} times: WRONG");
            wrong += 1;
        }
        if let Some(end) = end {
            counts[*end as usize] += 1;
        }
    }
    let [applied, not_applied, unknown] = counts;
    println!("  {applied} applied, {not_applied} not applied, {unknown} unknown");
    wrong
}

// Where a password stands that was sent, or a user's first one. All of them begin alike.
fn leaks(all: &[u8]) -> usize {
    let beginnings = [MARK, "Start-000"].map(str::as_bytes);
    beginnings
        .iter()
        .map(|beginning| {
            all.windows(beginning.len())
                .filter(|part| part == beginning)
                .count()
        })
        .sum()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
