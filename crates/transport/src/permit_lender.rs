//! What a process does to use its part of the rate limits that several processes share: when it renews which part, and in
//! which steps.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::rate_share::{Demand, Lane, LaneEvent, Lease, Loan};
use crate::{RateLimit, RateLimiter, boot_time};

/// Keeps how many permits of each rate limit every process holds, so that all of them together stay below it.
#[async_trait]
pub trait PermitStore: fmt::Debug + Send + Sync + 'static {
    /// Why it was not reached.
    type Error: fmt::Display + Send;

    /// Renews the parts of this process, in one step, and returns one loan for each request, in their order.
    ///
    /// # Errors
    /// The store was not reached; whether it has renewed them is not known.
    async fn renew(&self, requests: &[PermitRequest]) -> Result<Vec<Loan>, Self::Error>;
}

/// What a process asks of a [`PermitStore`] for one lane.
#[derive(Debug, Clone)]
pub struct PermitRequest {
    /// The lane's name, the same in every process.
    pub name: Arc<str>,
    /// Distinguishes the holders of one process.
    pub holder: u64,
    /// The limit of all processes together.
    pub limit: RateLimit,
    /// What it has and needs.
    pub demand: Demand,
    /// How long it may use what it gets.
    pub lease: Duration,
}

/// Lends permits from a store to all rate limiters of a process. The lanes that are due are renewed in one step.
#[derive(Debug)]
pub struct PermitLender<S> {
    store: S,
    lease: Duration,
    clock: fn() -> Duration,
    next_holder: AtomicU64,
    schedule: Mutex<Schedule>,
    changed: Notify,
}

/// The lanes in use. Idle ones are not among them, so that an idle account costs nothing here.
#[derive(Debug, Default)]
struct Schedule {
    lanes: HashMap<u64, Borrowed>,
    due: BTreeSet<(Instant, u64)>,
    is_running: bool,
}

#[derive(Debug)]
struct Borrowed {
    lane: Lane,
    name: Arc<str>,
    target: u32,
    need: Need,
    due: Option<Instant>,
    lease: Duration,
    /// Between renewals, while others have yet to give back.
    pause: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// It has nothing and wants nothing, as far as is known.
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
/// Renewals that are due within this time go along with another, so that the lanes of a process are renewed together.
const ALIGNMENT: Duration = Duration::from_millis(250);
/// Others give permits back about now; if they do not, their requests take long.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const OVER_PAUSE: Duration = Duration::from_millis(25);
/// Between two steps, however many requests come.
const SPACING: Duration = Duration::from_millis(5);
/// A process that makes one change and ends leaves its part unused for this time.
const FIRST_LEASE: Duration = Duration::from_secs(2);
/// What was permitted just before the end still has to reach the network.
const MARGIN: Duration = Duration::from_millis(100);
/// A step locks its lanes for as long as it takes.
const MOST_LANES: usize = 100;

impl<S: PermitStore> PermitLender<S> {
    /// Creates a lender whose leases end after this time without renewal: what a crashed process holds idles for it, and
    /// a store that is gone for less changes nothing.
    pub fn new(store: S, lease: Duration) -> Self {
        Self {
            store,
            lease,
            clock: boot_time,
            next_holder: AtomicU64::new(0),
            schedule: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Sets another clock by which leases are judged, for tests and simulations.
    pub fn clocked(mut self, clock: fn() -> Duration) -> Self {
        self.clock = clock;
        self
    }

    /// Returns a rate limiter whose permits are lent from the store, for all processes that name the account alike.
    pub fn rate_limiter(
        self: &Arc<Self>,
        account: impl fmt::Display + Send + 'static,
        limits: impl IntoIterator<Item = (&'static str, RateLimit)>,
    ) -> RateLimiter {
        let lender = Arc::clone(self);
        RateLimiter::lent(limits, move |lanes| {
            for lane in lanes {
                let holder = lender.next_holder.fetch_add(1, Ordering::Relaxed);
                let name: Arc<str> = format!("{account} {}", lane.label()).into();
                let (lender, this) = (Arc::clone(&lender), lane.clone());
                lane.on_event(move |event| lender.note(holder, &this, &name, event));
            }
        })
    }

    // A request waits or was refused.
    fn note(self: &Arc<Self>, holder: u64, lane: &Lane, name: &Arc<str>, event: LaneEvent) {
        let mut schedule = self.schedule();
        let borrowed = schedule
            .lanes
            .entry(holder)
            .or_insert_with(|| Borrowed::new(lane.clone(), Arc::clone(name)));
        let is_due = match event {
            // More is lent as soon as there is more, so a request that waits in a full part changes nothing.
            LaneEvent::Waiting => matches!(borrowed.need, Need::Idle | Need::Met),
            LaneEvent::Refused => true,
        };
        if is_due {
            schedule.set_due(holder, Instant::now());
        }
        if !schedule.is_running {
            schedule.is_running = true;
            tokio::spawn(run(Arc::clone(self)));
        }
        drop(schedule);
        if is_due {
            self.changed.notify_one();
        }
    }

    async fn renew(&self, batch: Vec<u64>) {
        let requests = self.requests(&batch);
        if requests.is_empty() {
            return;
        }
        // Before it is sent: the lease counts from there.
        let before = (self.clock)();
        let loans = self.store.renew(&requests).await;
        let mut schedule = self.schedule();
        let now = Instant::now();
        match loans {
            Ok(loans) => {
                for (request, loan) in requests.iter().zip(loans) {
                    let lease = Lease {
                        until: before + request.lease.saturating_sub(MARGIN),
                        clock: self.clock,
                    };
                    schedule.apply(request, loan, lease, now, self.lease);
                }
            }
            Err(problem) => {
                tracing::warn!(%problem, lanes = requests.len(), "the parts of shared rate limits were not renewed");
                for request in &requests {
                    schedule.set_due(request.holder, now + FIRST_PAUSE * 2);
                }
            }
        }
    }

    fn requests(&self, batch: &[u64]) -> Vec<PermitRequest> {
        let mut schedule = self.schedule();
        let mut requests = Vec::with_capacity(batch.len());
        for holder in batch {
            let Some(borrowed) = schedule.lanes.get(holder) else {
                continue;
            };
            let Some(demand) = borrowed.lane.demand(borrowed.target) else {
                // Its rate limiter was dropped.
                schedule.remove(*holder);
                continue;
            };
            requests.push(PermitRequest {
                name: Arc::clone(&borrowed.name),
                holder: *holder,
                limit: borrowed.lane.limit(),
                demand,
                lease: borrowed.lease,
            });
        }
        requests
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// Until no lane is in use.
async fn run<S: PermitStore>(lender: Arc<PermitLender<S>>) {
    let _running = Running(&lender.schedule);
    loop {
        let step = lender.schedule().step(Instant::now());
        match step {
            Step::Renew(batch) => {
                let start = Instant::now();
                lender.renew(batch).await;
                sleep_until(start + SPACING).await;
            }
            Step::WaitUntil(due) => {
                let _ = timeout_at(due, lender.changed.notified()).await;
            }
            Step::End => return,
        }
    }
}

/// A runtime may end while lanes are in use: the next request goes on in another.
struct Running<'a>(&'a Mutex<Schedule>);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut schedule = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        schedule.is_running = false;
    }
}

enum Step {
    Renew(Vec<u64>),
    WaitUntil(Instant),
    End,
}

impl Schedule {
    // The lanes that are renewed now are no longer due.
    fn step(&mut self, now: Instant) -> Step {
        let Some((due, _)) = self.due.first().copied() else {
            self.is_running = false;
            return Step::End;
        };
        if due > now {
            return Step::WaitUntil(due);
        }
        let mut batch = Vec::new();
        for (due, holder) in self.due.range(..(now + ALIGNMENT, 0)).take(MOST_LANES) {
            if *due <= now || self.lanes.get(holder).is_some_and(Borrowed::is_steady) {
                batch.push(*holder);
            }
        }
        for holder in &batch {
            self.clear_due(*holder);
        }
        Step::Renew(batch)
    }

    fn apply(
        &mut self,
        request: &PermitRequest,
        loan: Loan,
        lease: Lease,
        now: Instant,
        next_lease: Duration,
    ) {
        let Some(borrowed) = self.lanes.get_mut(&request.holder) else {
            return;
        };
        let demand = request.demand;
        borrowed.target = loan.target;
        borrowed.lease = next_lease;
        borrowed.need = Need::of(demand, loan, request.limit);
        let free_in = borrowed.lane.lend(loan, lease);
        let pause = match borrowed.need {
            Need::Idle => {
                // Its next part is short-lived again.
                borrowed.lease = FIRST_LEASE;
                if borrowed.due.is_none() {
                    self.remove(request.holder);
                }
                return;
            }
            Need::Over => free_in.unwrap_or(RENEWAL).clamp(OVER_PAUSE, RENEWAL),
            Need::Short => borrowed.pause,
            Need::Met | Need::Rationed => RENEWAL,
        };
        borrowed.pause = match borrowed.need {
            Need::Short => (borrowed.pause * 2).min((request.limit.window / 4).clamp(FIRST_PAUSE, RENEWAL)),
            _ => FIRST_PAUSE,
        };
        self.set_due(request.holder, now + pause);
    }

    // At this time, or before.
    fn set_due(&mut self, holder: u64, due: Instant) {
        let Some(borrowed) = self.lanes.get_mut(&holder) else {
            return;
        };
        if borrowed.due.is_some_and(|known| known <= due) {
            return;
        }
        if let Some(known) = borrowed.due.replace(due) {
            self.due.remove(&(known, holder));
        }
        self.due.insert((due, holder));
    }

    fn clear_due(&mut self, holder: u64) {
        let due = self.lanes.get_mut(&holder).and_then(|lane| lane.due.take());
        if let Some(due) = due {
            self.due.remove(&(due, holder));
        }
    }

    fn remove(&mut self, holder: u64) {
        self.clear_due(holder);
        self.lanes.remove(&holder);
    }
}

impl Borrowed {
    fn new(lane: Lane, name: Arc<str>) -> Self {
        Self {
            lane,
            name,
            target: 0,
            need: Need::Idle,
            due: None,
            lease: FIRST_LEASE,
            pause: FIRST_PAUSE,
        }
    }

    // Nothing changes at its renewal, which may therefore come early.
    fn is_steady(&self) -> bool {
        matches!(self.need, Need::Met | Need::Rationed)
    }
}

impl Need {
    fn of(demand: Demand, loan: Loan, limit: RateLimit) -> Self {
        if demand.held == 0 && demand.wanted == 0 {
            Self::Idle
        } else if loan.permits > loan.target {
            Self::Over
        } else if loan.permits < loan.target {
            Self::Short
        } else if loan.permits < demand.wanted || loan.permits >= limit.requests {
            Self::Rationed
        } else {
            Self::Met
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use tokio::time::{advance, sleep};

    use super::*;
    use crate::rate_limiter::{Limited, Permit};

    const SECOND: Duration = Duration::from_secs(1);

    /// Lends to each holder what it wants, up to a part that the test sets.
    #[derive(Debug, Default)]
    struct Script {
        part: Mutex<u32>,
        is_gone: Mutex<bool>,
        /// Others hold all that is wanted.
        is_short: Mutex<bool>,
        steps: Mutex<Vec<Vec<PermitRequest>>>,
    }

    #[async_trait]
    impl PermitStore for Arc<Script> {
        type Error = &'static str;

        async fn renew(&self, requests: &[PermitRequest]) -> Result<Vec<Loan>, &'static str> {
            self.steps.lock().unwrap().push(requests.to_vec());
            if *self.is_gone.lock().unwrap() {
                return Err("gone");
            }
            let part = *self.part.lock().unwrap();
            let is_short = *self.is_short.lock().unwrap();
            let loans = requests.iter().map(|PermitRequest { demand, .. }| {
                let target = demand.wanted.min(part);
                Loan {
                    permits: if is_short {
                        demand.held
                    } else {
                        demand.held.max(target)
                    },
                    target,
                    closed_for: Duration::ZERO,
                    reserved: 0.0,
                }
            });
            Ok(loans.collect())
        }
    }

    impl Script {
        fn steps(&self) -> Vec<Vec<PermitRequest>> {
            std::mem::take(&mut self.steps.lock().unwrap())
        }

        fn limit_to(&self, part: u32) {
            *self.part.lock().unwrap() = part;
        }
    }

    fn paused_clock() -> Duration {
        static START: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);
        Instant::now().into_std().saturating_duration_since(*START)
    }

    fn lender(part: u32) -> (Arc<Script>, Arc<PermitLender<Arc<Script>>>) {
        paused_clock();
        let script = Arc::new(Script::default());
        script.limit_to(part);
        let lender = PermitLender::new(Arc::clone(&script), SECOND * 8).clocked(paused_clock);
        (script, Arc::new(lender))
    }

    fn limiter(lender: &Arc<PermitLender<Arc<Script>>>) -> Arc<RateLimiter> {
        Arc::new(lender.rate_limiter("account", [("medium", RateLimit::per_second(10))]))
    }

    async fn acquire(limiter: &RateLimiter) -> Permit {
        limiter.acquire(Some("medium"), SECOND * 30).await.unwrap()
    }

    /// Callers that want more than there is. When they got a permit is returned.
    fn saturate(limiter: &Arc<RateLimiter>) -> Arc<Mutex<Vec<Instant>>> {
        let used = Arc::new(Mutex::new(Vec::new()));
        for _ in 0..20 {
            let (limiter, used) = (Arc::clone(limiter), Arc::clone(&used));
            tokio::spawn(async move {
                while let Ok(permit) = limiter.acquire(Some("medium"), SECOND * 600).await {
                    used.lock().unwrap().push(Instant::now());
                    sleep(SECOND / 100).await;
                    permit.ended(Ok(None), None);
                }
            });
        }
        used
    }

    #[tokio::test(start_paused = true)]
    async fn idle_lane_is_returned_and_no_longer_renewed() {
        let (script, lender) = lender(10);
        let limiter = limiter(&lender);
        acquire(&limiter).await.ended(Ok(None), None);
        sleep(SECOND * 4).await;
        let steps = script.steps();
        let last = steps.last().unwrap()[0].demand;
        assert_eq!((last.held, last.wanted), (0, 0), "{steps:?}");
        assert!(steps.len() <= 4, "{steps:?}");
        sleep(SECOND * 60).await;
        assert!(script.steps().is_empty());
        assert!(lender.schedule().lanes.is_empty());
        acquire(&limiter).await.ended(Ok(None), None);
        assert_eq!(script.steps().len(), 1, "it is in use again");
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_request_in_a_full_part_causes_no_renewal() {
        for part in [3, 10] {
            let (script, lender) = lender(part);
            saturate(&limiter(&lender));
            sleep(SECOND * 3).await;
            script.steps();
            sleep(SECOND * 20).await;
            let steps = script.steps();
            assert!((18..=22).contains(&steps.len()), "{part}: {}", steps.len());
            assert!(steps.iter().all(|step| step[0].demand.held == part), "{steps:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn lanes_of_a_process_are_renewed_in_one_step() {
        let (script, lender) = lender(5);
        let limiters: Vec<_> = (0..150).map(|_| limiter(&lender)).collect();
        for limiter in &limiters {
            saturate(limiter);
            sleep(SECOND / 97).await;
        }
        sleep(SECOND * 5).await;
        script.steps();
        sleep(SECOND * 10).await;
        let steps = script.steps();
        let lanes: usize = steps.iter().map(Vec::len).sum();
        assert!((1400..=2000).contains(&lanes), "each once a second: {lanes}");
        assert!(steps.len() <= 50, "{} steps", steps.len());
        assert!(steps.iter().all(|step| step.len() <= MOST_LANES));
    }

    #[tokio::test(start_paused = true)]
    async fn refusal_is_reported_before_the_next_renewal() {
        let (script, lender) = lender(10);
        let limiter = limiter(&lender);
        saturate(&limiter);
        sleep(SECOND * 3).await;
        let permit = acquire(&limiter).await;
        script.steps();
        permit.ended(Ok(None), Some(Limited::Until(SECOND * 5)));
        sleep(SECOND / 100).await;
        let steps = script.steps();
        let reported = steps.iter().flatten().map(|request| request.demand.closed_for);
        assert!(reported.max().unwrap() > SECOND * 4, "{steps:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn excess_is_given_back_when_it_no_longer_counts() {
        let (script, lender) = lender(10);
        let limiter = limiter(&lender);
        saturate(&limiter);
        // Until what is in use frees itself half-way between two renewals.
        sleep(SECOND * 45).await;
        script.limit_to(4);
        let start = Instant::now();
        let mut held = 10;
        while held > 4 {
            sleep(SECOND / 1000).await;
            held = script.steps().last().map_or(held, |step| step[0].demand.held);
            assert!(start.elapsed() < SECOND * 3, "{held} are held");
        }
        assert!(start.elapsed() < SECOND * 7 / 10, "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn excess_in_a_long_window_is_not_asked_for_all_the_time() {
        let (script, lender) = lender(160);
        let five_minutes = RateLimit {
            requests: 160,
            window: SECOND * 300,
        };
        let limiter = lender.rate_limiter("account", [("medium", five_minutes)]);
        for _ in 0..160 {
            acquire(&limiter).await.ended(Ok(None), None);
        }
        script.limit_to(80);
        sleep(SECOND * 10).await;
        script.steps();
        sleep(SECOND * 100).await;
        let steps = script.steps().len();
        assert!((90..=110).contains(&steps), "{steps}");
    }

    #[tokio::test(start_paused = true)]
    async fn missing_permits_are_asked_for_as_often_as_they_may_come_back() {
        for (window, steps) in [(SECOND, 35..=45), (SECOND * 300, 10..=15)] {
            let (script, lender) = lender(10);
            *script.is_short.lock().unwrap() = true;
            let limit = RateLimit { requests: 10, window };
            let limiter = Arc::new(lender.rate_limiter("account", [("medium", limit)]));
            saturate(&limiter);
            sleep(SECOND * 10).await;
            let asked = script.steps().len();
            assert!(steps.contains(&asked), "{window:?}: {asked}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn part_is_used_to_the_end_of_its_lease_while_the_store_is_gone() {
        let (script, lender) = lender(10);
        let used = saturate(&limiter(&lender));
        sleep(SECOND * 3).await;
        *script.is_gone.lock().unwrap() = true;
        let gone = Instant::now();
        sleep(SECOND * 20).await;
        let last = *used.lock().unwrap().last().unwrap();
        // The last renewal was up to a second before.
        let used_for = last - gone;
        assert!(used_for > SECOND * 6 && used_for < SECOND * 8, "{used_for:?}");
        *script.is_gone.lock().unwrap() = false;
        sleep(SECOND).await;
        assert!(*used.lock().unwrap().last().unwrap() > last, "it is back");
    }

    #[test]
    fn lanes_are_renewed_in_another_runtime_after_the_first_has_ended() {
        let (script, lender) = lender(2);
        let limiter = limiter(&lender);
        for _ in 0..2 {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            runtime.block_on(async {
                acquire(&limiter).await.ended(Ok(None), None);
                advance(SECOND).await;
                acquire(&limiter).await.ended(Ok(None), None);
                assert!(!script.steps().is_empty());
            });
        }
    }
}
