//! Sidecars that share an account of 60 requests per second: no more is ever lent to them, and every change is made. How
//! much of the rate they use and how often they are refused depends on the machine, so that is printed and not judged.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use repass_sandbox::{Options, RetryAfter, Sandbox, ZoomOptions, ZoomPlan};
use serde_json::json;
use tokio::time::sleep;

use super::super::Args;
use super::super::servers::Result;
use super::cluster::Cluster;
use super::replicas::Replicas;

const ALLOWED: f64 = 60.0;
const CALLERS: usize = 64;
/// What a full campaign is: a short one asks four processes only.
const FULL: usize = 300;

// What is lent at one time never exceeds the limit.
const OVERDRAWN: &str = "\
DO $$ BEGIN
    IF EXISTS (SELECT FROM repass.rate_shares GROUP BY lane HAVING sum(permits) > 60) THEN
        RAISE EXCEPTION 'more than the limit is lent';
    END IF;
END $$";

/// Returns how many changes were not made.
pub(super) async fn campaign(cluster: &Cluster, args: &Args) -> Result<usize> {
    let counts: &[usize] = if args.changes < FULL { &[4] } else { &[1, 4, 16] };
    let mut wrong = 0;
    for processes in counts {
        wrong += scenario(cluster, *processes, args.changes * 4).await?;
    }
    Ok(wrong)
}

async fn scenario(cluster: &Cluster, processes: usize, resets: usize) -> Result<usize> {
    let options = Options {
        users: u32::try_from(resets)?,
        zoom: ZoomOptions {
            rate_limits: Some(ZoomPlan::Business),
            retry_after: RetryAfter::None,
            ..ZoomOptions::default()
        },
        ..Options::default()
    };
    let sandbox = Sandbox::start_with(options).await?;
    let folder = tempfile::tempdir()?;
    let config = super::zoom_configuration(folder.path(), cluster, &sandbox, "business")?;
    let replicas = Arc::new(Replicas::start(&config, processes).await?);
    // Every process keeps its callers busy, so all of them want more than their part.
    let (made, parts) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new((0..processes).map(|_| AtomicUsize::new(0)).collect::<Vec<_>>()),
    );
    let next = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let mut callers = Vec::new();
    for caller in 0..CALLERS {
        let (replicas, next) = (Arc::clone(&replicas), Arc::clone(&next));
        let (made, parts) = (Arc::clone(&made), Arc::clone(&parts));
        callers.push(tokio::spawn(async move {
            let at = caller % processes;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= resets {
                    return;
                }
                let user = format!("user{:06}@example.com", number + 1);
                let body = json!({ "user": user, "new_password": "New-Passw0rd-1" });
                if let Some((200, _)) = replicas.post(at, None, &body).await {
                    made.fetch_add(1, Ordering::Relaxed);
                    parts[at].fetch_add(1, Ordering::Relaxed);
                }
            }
        }));
    }
    while callers.iter().any(|caller| !caller.is_finished()) {
        sleep(Duration::from_millis(100)).await;
        cluster.execute(OVERDRAWN)?;
    }
    for caller in callers {
        caller.await?;
    }
    let seconds = start.elapsed().as_secs_f64();
    let refused: u64 = sandbox
        .requests()
        .routes
        .iter()
        .filter_map(|route| route.statuses.get(&429))
        .sum();
    let made = made.load(Ordering::Relaxed);
    let parts: Vec<usize> = parts.iter().map(|part| part.load(Ordering::Relaxed)).collect();
    // The permits of the first second are available at once.
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let used = (made as f64 - ALLOWED) / seconds / ALLOWED * 100.0;
    println!(
        "  {processes} processes: {made} of {resets} resets in {seconds:.1} s, {used:.1} % of the rate, {refused} \
         responses with 429, parts {parts:?}"
    );
    drop(replicas);
    // For the next scenario, whose processes are others.
    sleep(Duration::from_millis(10)).await;
    Ok(resets - made)
}
