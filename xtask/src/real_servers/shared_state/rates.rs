//! Sidecars that share an account of 60 requests per second: no more is ever lent to them, and every change is made. How
//! much of the rate they use and how often they are refused depends on the machine, so that is judged only where it is
//! all that is measured.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use repass_sandbox::{Options, RetryAfter, Sandbox, ZoomOptions, ZoomPlan};
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::super::Args;
use super::super::servers::Result;
use super::cluster::Cluster;
use super::replicas::Replicas;

const LIMIT: usize = 60;
const WINDOW: Duration = Duration::from_secs(1);
const CALLERS: usize = 64;
/// What a full campaign is: a short one asks four processes only.
const FULL: usize = 300;
/// The least part of the rate that is to be used.
const LEAST_USED: f64 = 97.0;
/// What passes after the first change of the last process is not counted. A process that joins is owed permits whose
/// requests still count at the provider, so it takes a window until they are free, and a renewal each until their
/// process has returned them and until this one gets them.
const SETTLING: Duration = Duration::from_secs(3);

// What is lent at one time never exceeds the limit: looks for a second.
const OVERDRAWN: &str = "\
DO $$ BEGIN
    FOR i IN 1..50 LOOP
        IF EXISTS (SELECT FROM repass.rate_shares GROUP BY lane HAVING sum(permits) > 60) THEN
            RAISE EXCEPTION 'more than the limit is lent';
        END IF;
        COMMIT;
        PERFORM pg_sleep(0.02);
    END LOOP;
END $$";

// Sixteen processes that want more than there is, each time another number: every part stays as it is, so that no permit is
// on its way between them. After a refusal they use less in all, for a while.
const PARTS: &str = "\
DO $$
DECLARE
    held int[] := array_fill(0, ARRAY[16]);
    before int[];
    loan record;
    total int;
BEGIN
    SET LOCAL search_path TO repass;
    FOR turn IN 1..12 LOOP
        before := held;
        FOR i IN 1..16 LOOP
            SELECT * INTO loan FROM lend_permits(
                'parts', ('00000000-0000-0000-0000-0000000000' || to_char(i, 'FM00'))::uuid, 60, 1, held[i],
                4 + (i * turn) % 5, 0, CASE WHEN turn = 9 AND i = 1 THEN 0.08 ELSE 0 END, 8);
            held[i] := least(loan.permits_, loan.target);
        END LOOP;
        SELECT sum(part) INTO total FROM unnest(held) part;
        IF turn BETWEEN 4 AND 8 AND (held <> before OR total <> 60) THEN
            RAISE EXCEPTION 'in turn % the parts are %, after %', turn, held, before;
        END IF;
        IF turn = 12 AND total NOT BETWEEN 55 AND 56 THEN
            RAISE EXCEPTION '% of 60 permits are used after a refusal', total;
        END IF;
    END LOOP;
    DELETE FROM rate_shares WHERE lane = 'parts';
END $$";

/// Returns how many changes were not made; and with `--rate-seconds` also how many results were not good enough.
pub(super) async fn campaign(cluster: &Cluster, args: &Args) -> Result<usize> {
    let is_short = args.changes < FULL && args.rate_seconds.is_none();
    let counts: &[usize] = if is_short { &[4] } else { &[1, 4, 16] };
    let seconds = args.rate_seconds.unwrap_or(if is_short { 4 } else { 20 });
    cluster.execute(PARTS)?;
    let mut wrong = 0;
    for processes in counts {
        let measured = scenario(cluster, *processes, Duration::from_secs(seconds)).await?;
        println!("  {processes} processes: {measured}");
        wrong += measured.failed;
        if args.rate_seconds.is_some() {
            wrong += usize::from(!measured.is_good());
        }
    }
    Ok(wrong)
}

/// What came of some processes that wanted more than the limit.
struct Measured {
    /// Part of the rate in steady state, in percent.
    used: f64,
    /// How much too early each refused request came, by the server's windows. A few milliseconds are late arrivals of
    /// the requests before it, a large part of a window is a permit that two processes had.
    refused: Vec<Duration>,
    failed: usize,
    made: Vec<usize>,
    beats: Beats,
}

impl Measured {
    fn is_good(&self) -> bool {
        self.used >= LEAST_USED && self.refused.is_empty()
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            used,
            failed,
            made,
            beats,
            ..
        } = self;
        let (least, most) = (made.iter().min(), made.iter().max());
        write!(
            f,
            "{used:.1} % of the rate, {} responses with 429",
            self.refused.len()
        )?;
        if let Some(most) = self.refused.iter().max() {
            write!(f, " (at most {} ms too early)", most.as_millis())?;
        }
        write!(
            f,
            ", {failed} changes not made, each process made {} to {}, {:.1} renewals/s of {:.2} ms with {:.1} lanes",
            least.unwrap_or(&0),
            most.unwrap_or(&0),
            beats.steps,
            beats.milliseconds,
            beats.lanes / beats.steps
        )
    }
}

/// What the database did for the rate limit.
struct Beats {
    /// How many statements per second, and how many lanes they renewed.
    steps: f64,
    lanes: f64,
    /// How long each took, waiting for the others included.
    milliseconds: f64,
}

/// What the server saw: when it accepted each request, and how much too early each was that it refused.
#[derive(Default)]
struct Arrivals {
    accepted: Vec<Instant>,
    refused: Vec<Duration>,
}

impl Arrivals {
    fn note(&mut self, sandbox: &Sandbox, now: Instant) {
        let (mut accepted, mut refused) = (0, 0);
        for route in sandbox.requests().routes {
            for (status, count) in route.statuses {
                match status {
                    429 => refused += count,
                    _ => accepted += count,
                }
            }
        }
        while (self.accepted.len() as u64) < accepted {
            self.accepted.push(now);
        }
        while (self.refused.len() as u64) < refused {
            let oldest = self.accepted.len().checked_sub(LIMIT).map(|at| self.accepted[at]);
            let passed = oldest.map_or(Duration::ZERO, |oldest| now.duration_since(oldest));
            self.refused.push(WINDOW.saturating_sub(passed));
        }
    }

    /// How much of the rate was used since then, in percent, over a number of whole windows: permits are used in bursts,
    /// and part of a window would count too many or too few.
    fn used_since(&self, start: Instant) -> f64 {
        let first = self.accepted.partition_point(|at| *at < start);
        let windows = self.accepted.len().saturating_sub(first + 1) / LIMIT;
        if windows == 0 {
            return 0.0;
        }
        let took = self.accepted[first + windows * LIMIT] - self.accepted[first];
        let windows = u32::try_from(windows).unwrap_or(u32::MAX);
        (WINDOW * windows).as_secs_f64() / took.as_secs_f64() * 100.0
    }
}

async fn watch(sandbox: Arc<Sandbox>, is_over: Arc<AtomicBool>) -> Arrivals {
    let mut arrivals = Arrivals::default();
    let mut tick = interval(Duration::from_millis(2));
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while !is_over.load(Ordering::Relaxed) {
        tick.tick().await;
        arrivals.note(&sandbox, Instant::now());
    }
    arrivals
}

async fn scenario(cluster: &Cluster, processes: usize, duration: Duration) -> Result<Measured> {
    // More than can be changed.
    let users = LIMIT * (usize::try_from(duration.as_secs())? + 60);
    let options = Options {
        users: u32::try_from(users)?,
        zoom: ZoomOptions {
            rate_limits: Some(ZoomPlan::Business),
            retry_after: RetryAfter::None,
            ..ZoomOptions::default()
        },
        ..Options::default()
    };
    let sandbox = Arc::new(Sandbox::start_with(options).await?);
    let folder = tempfile::tempdir()?;
    let config = super::zoom_configuration(folder.path(), cluster, &sandbox, "business")?;
    let replicas = Arc::new(Replicas::start(&config, processes).await?);
    let is_over = Arc::new(AtomicBool::new(false));
    let arrivals = tokio::spawn(watch(Arc::clone(&sandbox), Arc::clone(&is_over)));
    let load = Arc::new(Load {
        replicas,
        is_over,
        next: AtomicUsize::new(1),
        failed: AtomicUsize::new(0),
        made: (0..processes).map(|_| AtomicUsize::new(0)).collect(),
    });
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| tokio::spawn(call(Arc::clone(&load), caller % processes)))
        .collect();
    let is_joined = || load.made.iter().all(|made| made.load(Ordering::Relaxed) > 0);
    let begin = Instant::now();
    while !is_joined() {
        if begin.elapsed() > Duration::from_secs(30) {
            return Err("a process makes no change".into());
        }
        sleep(Duration::from_millis(10)).await;
    }
    let steady = Instant::now() + SETTLING;
    cluster.execute("SELECT pg_stat_reset()")?;
    let counted = Instant::now();
    while steady.elapsed() < duration {
        // It runs for a second, in a process.
        tokio::task::block_in_place(|| cluster.execute(OVERDRAWN))?;
    }
    let beats = beats(cluster, counted.elapsed())?;
    load.is_over.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await?;
    }
    let arrivals = arrivals.await?;
    Ok(Measured {
        used: arrivals.used_since(steady),
        refused: arrivals.refused,
        failed: load.failed.load(Ordering::Relaxed),
        made: load
            .made
            .iter()
            .map(|made| made.load(Ordering::Relaxed))
            .collect(),
        beats,
    })
}

fn beats(cluster: &Cluster, time: Duration) -> Result<Beats> {
    let calls = |function: &str| -> Result<(f64, f64)> {
        let counts = cluster.query(&format!(
            "SELECT sum(calls), sum(total_time) FROM pg_stat_user_functions WHERE funcname = '{function}'"
        ))?;
        let (calls, milliseconds) = counts.trim().split_once('|').ok_or("no row")?;
        Ok((calls.parse()?, milliseconds.parse()?))
    };
    let (steps, milliseconds) = calls("lend_permits_of_lanes")?;
    let (lanes, _) = calls("lend_permits")?;
    Ok(Beats {
        steps: steps / time.as_secs_f64(),
        lanes: lanes / time.as_secs_f64(),
        milliseconds: milliseconds / steps,
    })
}

/// The callers of all processes, which keep each of them busy, so that all want more than their part.
struct Load {
    replicas: Arc<Replicas>,
    is_over: Arc<AtomicBool>,
    next: AtomicUsize,
    failed: AtomicUsize,
    made: Vec<AtomicUsize>,
}

async fn call(load: Arc<Load>, process: usize) {
    while !load.is_over.load(Ordering::Relaxed) {
        let user = load.next.fetch_add(1, Ordering::Relaxed);
        let user = format!("user{user:06}@example.com");
        let body = json!({ "user": user, "new_password": "New-Passw0rd-1" });
        let count = match load.replicas.post(process, None, &body).await {
            Some((200, _)) => &load.made[process],
            _ => &load.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}
