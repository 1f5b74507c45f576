//! Rate limits of accounts, lent to the processes that share them.

use std::sync::Arc;
use std::time::Duration;

use repass_transport::{Lane, RateLimit, RateLimiter, boot_time};
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use crate::database::within;
use crate::{Database, DatabaseError, Membership};

/// Returns a rate limiter whose permits are lent from this database, for all processes that name the account alike.
///
/// The parts of all processes never exceed the limit: a part is taken back only when its requests no longer count at the
/// provider, and that of a process without a lease one window after the lease. Each process gets what it wants, or an even
/// part if all of them want more than there is. While the database cannot be reached a part can be used to the end of its
/// lease.
///
/// `account` is stored in clear: pass a hash.
pub fn shared_rate_limiter(
    database: Arc<Database>,
    account: String,
    limits: impl IntoIterator<Item = (&'static str, RateLimit)>,
) -> RateLimiter {
    RateLimiter::lent(limits, move |lanes| {
        tokio::spawn(borrow(database, account, lanes));
    })
}

// What is known of a lane since the last renewal.
struct Borrowed {
    lane: Lane,
    name: String,
    target: u32,
    need: Need,
}

// In the order in which they matter for the next renewal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    /// It has nothing and wants nothing.
    Idle,
    Met,
    /// It wants more than its part.
    Rationed,
    /// It is owed more than it got, because others have yet to give it back.
    Short,
    /// It has more than its part, which it gives back as soon as it can.
    Over,
}

const RENEWAL: Duration = Duration::from_secs(1);
// Others give permits back about now.
const SHORT_RENEWAL: Duration = Duration::from_millis(100);
const OVER_RENEWAL: Duration = Duration::from_millis(25);
// Between two renewals, however many requests come.
const SPACING: Duration = Duration::from_millis(5);
// A process that makes one change and ends leaves its part unused for this time.
const FIRST_LEASE: Duration = Duration::from_secs(2);
// What was permitted just before the end still has to reach the network.
const MARGIN: Duration = Duration::from_millis(100);

// Renews until the rate limiter was dropped.
async fn borrow(database: Arc<Database>, account: String, lanes: Vec<Lane>) {
    let process = Uuid::new_v4();
    let mut all: Vec<Borrowed> = lanes
        .into_iter()
        .map(|lane| Borrowed {
            name: format!("{account} {}", lane.label()),
            lane,
            target: 0,
            need: Need::Idle,
        })
        .collect();
    let Some(wanted) = all.first().map(|borrowed| borrowed.lane.clone()) else {
        return;
    };
    let mut lease = FIRST_LEASE;
    loop {
        let start = Instant::now();
        for borrowed in &mut all {
            match renew(&database, process, borrowed, lease).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(problem) => tracing::warn!(%problem, "the part of a shared rate limit was not renewed"),
            }
        }
        lease = Membership::LEASE;
        let need = all.iter().map(|it| it.need).max().unwrap_or(Need::Idle);
        match need {
            Need::Over => sleep_until(start + OVER_RENEWAL).await,
            Need::Short => sleep_until(start + SHORT_RENEWAL).await,
            // A request that waits for its turn in a full part changes nothing.
            Need::Rationed => sleep_until(start + RENEWAL).await,
            Need::Met | Need::Idle => {
                tokio::select! {
                    () = sleep_until(start + RENEWAL), if need == Need::Met => {}
                    () = wanted.wanted() => sleep_until(start + SPACING).await,
                }
            }
        }
        if need == Need::Idle {
            // The process may end any time; its next part is short-lived again.
            lease = FIRST_LEASE;
        }
    }
}

// `false`: the rate limiter was dropped.
async fn renew(
    database: &Database,
    process: Uuid,
    borrowed: &mut Borrowed,
    lease: Duration,
) -> Result<bool, DatabaseError> {
    const LEND: &str =
        "SELECT permits_, target, closed_for FROM lend_permits($1, $2, $3, $4, $5, $6, $7, $8)";
    let Some(demand) = borrowed.lane.demand(borrowed.target) else {
        return Ok(false);
    };
    let is_idle = demand.held == 0 && demand.wanted == 0;
    let count = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let limit = borrowed.lane.limit();
    let before = boot_time();
    let client = database.client().await?;
    let row = within(async {
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 8] = [
            &borrowed.name,
            &process,
            &count(limit.requests),
            &limit.window.as_secs_f64(),
            &count(demand.held),
            &count(demand.wanted),
            &demand.closed_for.as_secs_f64(),
            &lease.as_secs_f64(),
        ];
        Ok(client.query_one(LEND, &parameters).await?)
    })
    .await;
    if row.is_err() {
        database.disconnect(&client).await;
        sleep(SHORT_RENEWAL).await;
    }
    let row = row?;
    let (permits, target, closed): (i32, i32, f64) = (row.get(0), row.get(1), row.get(2));
    let (permits, target) = (
        u32::try_from(permits).unwrap_or_default(),
        u32::try_from(target).unwrap_or_default(),
    );
    borrowed.target = target;
    borrowed.need = if is_idle {
        Need::Idle
    } else if permits > target {
        Need::Over
    } else if permits < target {
        Need::Short
    } else if permits < demand.wanted {
        Need::Rationed
    } else {
        Need::Met
    };
    let closed_for = Duration::try_from_secs_f64(closed).unwrap_or_default();
    borrowed.lane.lend(
        permits.min(target),
        before + lease.saturating_sub(MARGIN),
        closed_for,
    );
    Ok(true)
}
