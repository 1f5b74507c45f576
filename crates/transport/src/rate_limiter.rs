//! The provider's rate limit, kept on this side: as fast as it allows, and no faster.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::rate_share::{LaneEvent, Share};
use crate::{Cause, Lane, TransportError};

/// A rate limit: a number of requests within any window of a length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// The number of requests that fit into any window.
    pub requests: u32,
    /// The length of the window.
    pub window: Duration,
}

impl RateLimit {
    /// Creates a limit of this many requests in any second.
    pub const fn per_second(requests: u32) -> Self {
        Self {
            requests,
            window: Duration::from_secs(1),
        }
    }
}

/// Keeps one account's rate limits at a provider, by label. Everything in the process that uses the account must
/// share one rate limiter, because the provider counts it together.
///
/// A request is sent once the request `limit` positions earlier has certainly left the provider's window: counted from
/// its response, or, if that takes long, from shortly after it was sent. This avoids both 429s and idle time, however
/// long connecting takes.
///
/// After a refusal all requests under its label wait as long as the server says, and longer each time that
/// turns out to be too short. After at most [`LONGEST_CLOSURE`](Self::LONGEST_CLOSURE) one request tries again.
#[derive(Debug)]
pub struct RateLimiter {
    limited: BTreeMap<&'static str, Arc<Bucket>>,
    // Labels without a limit of their own: what is known of them is what the server said.
    others: Mutex<BTreeMap<&'static str, Arc<Bucket>>>,
    lender: Option<Lender>,
}

/// What lends permits to this process, called with the lanes at the first request.
struct Lender {
    lanes: Vec<Lane>,
    start: Mutex<Option<StartLending>>,
}

type StartLending = Box<dyn FnOnce(Vec<Lane>) + Send>;

impl fmt::Debug for Lender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lender")
            .field("lanes", &self.lanes)
            .finish_non_exhaustive()
    }
}

impl RateLimiter {
    /// The longest time for which a rate limit refusal holds requests back, however long the server said; then one of
    /// them tries again.
    pub const LONGEST_CLOSURE: Duration = Duration::from_secs(15 * 60);

    /// Creates a rate limiter with a limit for each label. Requests with another label, or none, wait only where the
    /// server has refused one.
    pub fn new(limits: impl IntoIterator<Item = (&'static str, RateLimit)>) -> Self {
        let buckets = limits.into_iter();
        Self {
            limited: buckets
                .map(|(label, limit)| (label, Bucket::new(Some(limit))))
                .collect(),
            others: Mutex::default(),
            lender: None,
        }
    }

    /// Creates a rate limiter for an account that several processes share. Its permits must be lent to it: `start` is
    /// called with a lane for each label, at the first request and so within a runtime.
    pub fn lent(
        limits: impl IntoIterator<Item = (&'static str, RateLimit)>,
        start: impl FnOnce(Vec<Lane>) + Send + 'static,
    ) -> Self {
        let (mut limited, mut lanes) = (BTreeMap::new(), Vec::new());
        for (label, limit) in limits {
            let bucket = Bucket::lent(limit);
            lanes.push(Lane::new(label, limit, &bucket));
            limited.insert(label, bucket);
        }
        Self {
            limited,
            others: Mutex::default(),
            lender: Some(Lender {
                lanes,
                start: Mutex::new(Some(Box::new(start))),
            }),
        }
    }

    // At the first request.
    fn start_lender(&self) {
        let Some(lender) = &self.lender else { return };
        let start = lender.start.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(start) = start {
            start(lender.lanes.clone());
        }
    }

    #[cfg(test)]
    pub(crate) fn lanes_now(&self) {
        self.start_lender();
    }

    /// Waits for a permit, at most as long as `left`.
    pub(crate) async fn acquire(
        &self,
        label: Option<&'static str>,
        left: Duration,
    ) -> Result<Permit, TransportError> {
        let label = label.unwrap_or_default();
        if let Some(bucket) = self.limited.get(label) {
            self.start_lender();
            return bucket.acquire(left).await;
        }
        let bucket = {
            let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(others.entry(label).or_insert_with(|| Bucket::new(None)))
        };
        bucket.acquire(left).await
    }
}

type OnEvent = Box<dyn Fn(LaneEvent) + Send + Sync>;

pub(crate) struct Bucket {
    limit: Option<RateLimit>,
    state: Mutex<State>,
    // The next request in line holds it while it waits for a permit; the others wait for it, in order.
    queue: tokio::sync::Mutex<()>,
    // A request left or ended, so a permit may be free earlier than it seemed.
    changed: Arc<Notify>,
    // Where permits are lent: called when a request waits or was refused.
    on_event: Option<OnceLock<OnEvent>>,
}

#[derive(Default)]
pub(crate) struct State {
    /// When each taken permit is free again.
    taken: BTreeSet<(Instant, u64)>,
    /// Permits of requests that have not been sent yet: they may reach the provider at any time.
    unsent: BTreeMap<u64, Departure>,
    next: u64,
    /// What is lent to this process; `None` if the whole limit is its own.
    pub(crate) share: Option<Share>,
    /// Requests that wait for a permit.
    pub(crate) waiting: u32,
    /// Nothing before this.
    pub(crate) closed_until: Option<Instant>,
    /// The server's own instant, which may be later.
    server_until: Option<Instant>,
    /// Refusals since the last other response, each by a request that came after the one before.
    refusals: u32,
    refused_at: Option<Instant>,
    trial: Trial,
    /// The share of permits that is not used for a while, because others use the account too.
    pub(crate) reserved: f64,
    reserved_at: Option<Instant>,
    recovered_at: Option<Instant>,
    /// The last refusal that the other processes have yet to hear of.
    pub(crate) unreported_refusal: Option<Instant>,
    /// When it was last asked what is needed.
    pub(crate) asked_at: Option<Instant>,
}

/// Whether one request alone finds out if the server still refuses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Trial {
    #[default]
    None,
    Due,
    Running(u64),
}

/// What a refusal for the rate's sake means for the others.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limited {
    /// The server said when to come back.
    Until(Duration),
    /// It did not.
    ForNow,
}

impl Limited {
    // How long to wait after this many rate limits in a row. The server's delay is followed, but "now" only once,
    // and the same delay not for ever.
    fn wait(self, refusals: u32, window: Duration) -> Duration {
        const SECOND: Duration = Duration::from_secs(1);
        let doubled = |base: Duration, believed: u32| match refusals.checked_sub(believed + 1) {
            Some(doublings) => base
                .saturating_mul(2_u32.saturating_pow(doublings))
                .min(RateLimiter::LONGEST_CLOSURE),
            None => Duration::ZERO,
        };
        match self {
            // Others took the permits; they are free again before the window is over.
            Self::ForNow => doubled(window / 10, 0),
            Self::Until(delay) if delay < SECOND => delay.max(doubled(SECOND, 1)),
            Self::Until(delay) => delay.max(doubled(SECOND, 3)),
        }
    }

    // After that only one request should find out.
    fn needs_trial(self, refusals: u32) -> bool {
        match self {
            Self::ForNow => refusals > 2,
            Self::Until(delay) => delay.is_zero() || refusals > 1 || delay > RateLimiter::LONGEST_CLOSURE,
        }
    }
}

/// When a request began to leave; unknown while it waits for its connection.
#[derive(Debug, Clone)]
pub(crate) struct Departure {
    at: Arc<OnceLock<Instant>>,
    changed: Arc<Notify>,
}

impl Departure {
    /// The first byte may leave from now on.
    pub(crate) fn mark(&self) {
        self.at.get_or_init(Instant::now);
        self.changed.notify_one();
    }
}

impl Bucket {
    // A response that takes longer than this is counted by the provider well before it comes.
    const LONGEST_ARRIVAL: Duration = Duration::from_millis(30);
    // What a permit costs from when its request left while nothing more is known of it.
    const UNTIL_KNOWN: Duration = Duration::from_millis(500);

    fn new(limit: Option<RateLimit>) -> Arc<Self> {
        Arc::new(Self {
            limit,
            state: Mutex::default(),
            queue: tokio::sync::Mutex::default(),
            changed: Arc::default(),
            on_event: None,
        })
    }

    fn lent(limit: RateLimit) -> Arc<Self> {
        Arc::new(Self {
            limit: Some(limit),
            state: Mutex::new(State {
                share: Some(Share::default()),
                ..State::default()
            }),
            queue: tokio::sync::Mutex::default(),
            changed: Arc::default(),
            on_event: Some(OnceLock::new()),
        })
    }

    pub(crate) fn on_event(&self, call: OnEvent) {
        if let Some(on_event) = &self.on_event {
            // The first one stays.
            let _ = on_event.set(call);
        }
    }

    // Not while the state is locked: the callee may ask for it.
    fn report(&self, event: LaneEvent) {
        if let Some(on_event) = self.on_event.as_ref().and_then(OnceLock::get) {
            on_event(event);
        }
    }

    pub(crate) fn notify_changed(&self) {
        self.changed.notify_one();
    }

    fn window(&self) -> Duration {
        self.limit.map_or(Duration::from_secs(1), |limit| limit.window)
    }

    async fn acquire(self: &Arc<Self>, left: Duration) -> Result<Permit, TransportError> {
        // Most requests find no queue and need no timer.
        if let Ok(_first) = self.queue.try_lock()
            && let Ok(permit) = self.take()
        {
            return Ok(permit);
        }
        let now = Instant::now();
        let deadline = now.checked_add(left);
        let limited = || {
            let until = self.state().server_until;
            let wait = until.map(|until| until.saturating_duration_since(Instant::now()));
            let failure = TransportError::not_sent(
                Cause::RateLimited,
                "the provider's rate limit leaves no permit within the budget",
            );
            match wait.filter(|wait| !wait.is_zero()) {
                Some(wait) => failure.with_retry_after(wait),
                None => failure,
            }
        };
        let closed_until = self.state().closed_until;
        if closed_until.is_some_and(|until| deadline.is_some_and(|end| until > end)) {
            return Err(limited());
        }
        let _waiting = Waiting::begin(self);
        let turn = async {
            let _first = self.queue.lock().await;
            loop {
                match self.take() {
                    Ok(permit) => return permit,
                    // Either way it is time to look again.
                    Err(Some(free_at)) => {
                        let _ = timeout_at(free_at, self.changed.notified()).await;
                    }
                    Err(None) => self.changed.notified().await,
                }
            }
        };
        match deadline {
            Some(deadline) => timeout_at(deadline, turn).await.map_err(|_| limited()),
            None => Ok(turn.await),
        }
    }

    // A permit, or when there may be one, if that is known.
    fn take(self: &Arc<Self>) -> Result<Permit, Option<Instant>> {
        let now = Instant::now();
        let mut state = self.state();
        if let Some(until) = state.closed_until.filter(|until| *until > now) {
            return Err(Some(until));
        }
        if matches!(state.trial, Trial::Running(_)) {
            return Err(None);
        }
        if let Some(limit) = self.limit {
            state.recover(now, limit);
            state.free_expired(now, limit);
            if state.used() >= state.capacity(limit) {
                return Err(state.first_free());
            }
        }
        let serial = state.next;
        state.next += 1;
        let departure = self.limit.map(|_| Departure {
            at: Arc::default(),
            changed: Arc::clone(&self.changed),
        });
        if let Some(departure) = &departure {
            state.unsent.insert(serial, departure.clone());
        }
        if state.trial == Trial::Due {
            state.trial = Trial::Running(serial);
        }
        Ok(Permit {
            bucket: Arc::clone(self),
            serial,
            taken_at: now,
            departure,
            ended: false,
        })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in the queue, where permits are lent by demand.
struct Waiting<'a>(&'a Bucket);

impl<'a> Waiting<'a> {
    fn begin(bucket: &'a Bucket) -> Option<Self> {
        bucket.on_event.as_ref()?;
        let waiting = Self(bucket);
        if bucket.state().add_waiting() {
            bucket.report(LaneEvent::Waiting);
        }
        Some(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
    }
}

impl State {
    fn capacity(&self, limit: RateLimit) -> usize {
        let share = f64::from(limit.requests) * (1.0 - self.reserved);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and a u32"
        )]
        let capacity = share.floor().max(1.0) as usize;
        match self.share {
            Some(share) => capacity.min(share.permits() as usize),
            None => capacity,
        }
    }

    // Whether more is wanted than what is lent.
    fn add_waiting(&mut self) -> bool {
        self.waiting += 1;
        let lent = self.share.map_or(0, Share::permits) as usize;
        self.used() + self.waiting as usize > lent
    }

    /// When the first permit is free again, of those of which it is known.
    pub(crate) fn first_free(&self) -> Option<Instant> {
        self.taken.first().map(|(at, _)| *at)
    }

    /// Frees the permits of requests that no longer count at the provider.
    pub(crate) fn free_expired(&mut self, now: Instant, limit: RateLimit) {
        self.note_departures(limit);
        while let Some(free) = self.taken.first().copied().filter(|(at, _)| *at <= now) {
            self.taken.remove(&free);
        }
    }

    /// The number of permits whose requests count, or may count, at the provider.
    pub(crate) fn used(&self) -> usize {
        self.taken.len() + self.unsent.len()
    }

    // A request that has left is at the provider soon, so that its permit is free in a known time.
    fn note_departures(&mut self, limit: RateLimit) {
        let taken = &mut self.taken;
        self.unsent.retain(|serial, departure| match departure.at.get() {
            Some(at) => {
                taken.insert((*at + Bucket::UNTIL_KNOWN + limit.window, *serial));
                false
            }
            None => true,
        });
    }

    // Forgets a permit; when it is free again is for the caller to say.
    fn give_back(&mut self, serial: u64, departure: &Departure, limit: RateLimit) {
        self.unsent.remove(&serial);
        if let Some(at) = departure.at.get() {
            self.taken
                .remove(&(*at + Bucket::UNTIL_KNOWN + limit.window, serial));
        }
    }

    // Others use the account too: leave them a little more, and take it back gradually.
    // Many requests get the same 429; only the first one in a window counts.
    fn reserve(&mut self, now: Instant, window: Duration) {
        if self.reserved_at.is_none_or(|at| now >= at + window) {
            self.reserved = (self.reserved + 0.08).min(0.9);
            self.reserved_at = Some(now);
            self.recovered_at = Some(now);
        }
    }

    /// Another process has heard a refusal.
    pub(crate) fn reserve_at_least(&mut self, reserved: f64, now: Instant) {
        if reserved > self.reserved {
            self.reserved = reserved.min(0.9);
            self.recovered_at = Some(now);
        }
    }

    pub(crate) fn recover(&mut self, now: Instant, limit: RateLimit) {
        let Some(since) = self.recovered_at else { return };
        let windows = now.saturating_duration_since(since).as_secs_f64() / limit.window.as_secs_f64();
        self.reserved = (self.reserved - windows * 0.02).max(0.0);
        self.recovered_at = (self.reserved > 0.0).then_some(now);
    }

    // How long all requests wait now.
    fn refuse(&mut self, limited: Limited, taken_at: Instant, now: Instant, window: Duration) -> Duration {
        self.reserve(now, window);
        self.unreported_refusal = Some(now);
        // Many requests hear the same refusal; only one that came after the last can say that it still holds.
        if self.refused_at.is_none_or(|at| taken_at >= at) {
            self.refusals = self.refusals.saturating_add(1);
            self.refused_at = Some(now);
        }
        let wait = limited.wait(self.refusals, window);
        if limited.needs_trial(self.refusals) {
            self.trial = Trial::Due;
        }
        let later = |known: Option<Instant>, wait| {
            let until = now + wait;
            Some(known.map_or(until, |known| known.max(until)))
        };
        self.closed_until = later(self.closed_until, wait.min(RateLimiter::LONGEST_CLOSURE));
        self.server_until = later(self.server_until, wait);
        wait
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bucket").field(&self.limit).finish()
    }
}

/// A request's permit within the limit. If it is dropped before [`ended`](Self::ended), it stays taken as long as
/// the request might count.
#[derive(Debug)]
pub(crate) struct Permit {
    bucket: Arc<Bucket>,
    serial: u64,
    taken_at: Instant,
    /// Where there is a limit.
    departure: Option<Departure>,
    ended: bool,
}

impl Permit {
    /// Records when the request leaves, where there is a limit.
    pub(crate) fn departure(&self) -> Option<Departure> {
        self.departure.clone()
    }

    /// The request came to an end, now: with a response, and when it was sent if that is known, or with a failure;
    /// `limited` if it was refused for the rate's sake. How long to wait then, which may be longer than the server said.
    pub(crate) fn ended(
        mut self,
        result: Result<Option<Instant>, &TransportError>,
        limited: Option<Limited>,
    ) -> Option<Duration> {
        self.ended = true;
        let bucket = Arc::clone(&self.bucket);
        let mut state = bucket.state();
        if let (Some(limit), Some(departure)) = (bucket.limit, &self.departure) {
            let now = Instant::now();
            state.give_back(self.serial, departure, limit);
            let counted_at = match result {
                Ok(sent_at) => {
                    let arrived = sent_at.map(|left| left + Bucket::LONGEST_ARRIVAL);
                    Some(arrived.map_or(now, |arrived| arrived.min(now)))
                }
                Err(failure) if failure.acted() == crate::SideEffect::None => None,
                Err(_) => Some(now),
            };
            if let Some(counted_at) = counted_at {
                state.taken.insert((counted_at + limit.window, self.serial));
            }
        }
        let tried = state.trial == Trial::Running(self.serial);
        if tried {
            state.trial = Trial::Due;
        }
        let is_news = state.refused_at.is_none_or(|at| self.taken_at >= at);
        let wait =
            limited.map(|limited| state.refuse(limited, self.taken_at, Instant::now(), bucket.window()));
        if limited.is_none() && result.is_ok() && (tried || is_news) {
            (state.refusals, state.refused_at, state.server_until) = (0, None, None);
            state.trial = Trial::None;
        }
        drop(state);
        bucket.changed.notify_one();
        if wait.is_some() {
            bucket.report(LaneEvent::Refused);
        }
        wait
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let mut state = self.bucket.state();
        if state.unsent.remove(&self.serial).is_some() {
            // Abandoned before it was sent, or its client does not call `mark_sending`.
            state
                .taken
                .insert((Instant::now() + self.bucket.window(), self.serial));
        }
        if state.trial == Trial::Running(self.serial) {
            state.trial = Trial::Due;
        }
        drop(state);
        self.bucket.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    async fn run(rate_limiter: &Arc<RateLimiter>, calls: usize, takes: Duration) -> Vec<Instant> {
        let mut running = Vec::new();
        for _ in 0..calls {
            let rate_limiter = Arc::clone(rate_limiter);
            running.push(tokio::spawn(async move {
                let permit = rate_limiter
                    .acquire(Some("medium"), Duration::from_secs(600))
                    .await
                    .unwrap();
                tokio::time::sleep(takes).await;
                permit.ended(Ok(None), None);
                Instant::now()
            }));
        }
        let mut counted = Vec::new();
        for call in running {
            counted.push(call.await.unwrap());
        }
        counted.sort();
        counted
    }

    #[tokio::test(start_paused = true)]
    async fn rate_limiter_fills_every_window_up_to_the_limit() {
        for takes in [0, 3, 50, 900] {
            let rate_limiter = Arc::new(RateLimiter::new([("medium", RateLimit::per_second(60))]));
            let start = Instant::now();
            let counted = run(&rate_limiter, 600, Duration::from_millis(takes)).await;
            for pair in counted.windows(61) {
                assert!(
                    pair[60] - pair[0] >= Duration::from_secs(1),
                    "61 in {:?}",
                    pair[60] - pair[0]
                );
            }
            // Nine windows for 600 requests, each longer by the time a response takes at the most.
            let slack = Duration::from_millis(takes) * 10;
            assert!(
                start.elapsed() <= Duration::from_secs(9) + slack,
                "{takes}: {:?}",
                start.elapsed()
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rate_limiter_unsent_request_releases_its_permit() {
        let rate_limiter = RateLimiter::new([("medium", RateLimit::per_second(1))]);
        let start = Instant::now();
        for _ in 0..10 {
            let permit = rate_limiter
                .acquire(Some("medium"), Duration::from_secs(1))
                .await
                .unwrap();
            permit.ended(
                Err(&TransportError::not_sent(Cause::Unreachable, "refused")),
                None,
            );
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    async fn acquire(rate_limiter: &RateLimiter, seconds: u64) -> Result<Permit, TransportError> {
        rate_limiter
            .acquire(Some("medium"), Duration::from_secs(seconds))
            .await
    }

    #[tokio::test(start_paused = true)]
    async fn rate_limiter_slow_connection_keeps_the_limit() {
        for limit in [2, 20] {
            let rate_limiter = Arc::new(RateLimiter::new([("medium", RateLimit::per_second(limit))]));
            let mut calls = Vec::new();
            for call in 0..150_u64 {
                let rate_limiter = Arc::clone(&rate_limiter);
                calls.push(tokio::spawn(async move {
                    let permit = acquire(&rate_limiter, 6000).await.unwrap();
                    // At first the handshakes stall.
                    let stalls = if call < u64::from(limit) { 9000 } else { call % 7 };
                    tokio::time::sleep(Duration::from_millis(stalls)).await;
                    permit.departure().unwrap().mark();
                    let left = Instant::now();
                    // Some responses take long.
                    tokio::time::sleep(Duration::from_millis(call % 3 * 2000)).await;
                    permit.ended(Ok(Some(left)), None);
                    left
                }));
            }
            let mut left = Vec::new();
            for call in calls {
                left.push(call.await.unwrap());
            }
            left.sort();
            for pair in left.windows(limit as usize + 1) {
                let within = pair[limit as usize] - pair[0];
                assert!(within >= Duration::from_secs(1), "{} in {within:?}", limit + 1);
            }
            // A slow response holds its permit no longer than its request needs to arrive.
            let rounds = Duration::from_millis(1500) * (150 / limit + 1);
            let took = left[149] - left[0];
            assert!(took <= rounds, "{took:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rate_limiter_dropped_call_releases_its_permit_after_a_window() {
        let rate_limiter = RateLimiter::new([("medium", RateLimit::per_second(1))]);
        let start = Instant::now();
        for round in 0..3 {
            let permit = acquire(&rate_limiter, 10).await.unwrap();
            assert_eq!(start.elapsed(), Duration::from_secs(round));
            drop(permit);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rate_limiter_429_closes_the_bucket_as_long_as_the_server_says() {
        let unlimited = RateLimiter::new([]);
        for rate_limiter in [
            RateLimiter::new([("medium", RateLimit::per_second(10))]),
            unlimited,
        ] {
            let permit = acquire(&rate_limiter, 1).await.unwrap();
            let hour = Duration::from_secs(3600);
            assert_eq!(permit.ended(Ok(None), Some(Limited::Until(hour))), Some(hour));
            let start = Instant::now();
            let failure = acquire(&rate_limiter, 60).await.unwrap_err();
            assert_eq!(
                (failure.cause(), start.elapsed()),
                (Cause::RateLimited, Duration::ZERO)
            );
            assert_eq!(failure.retry_after(), Some(hour));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rate_limiter_long_closure_is_probed_by_one_request() {
        let month = Limited::Until(Duration::from_secs(31 * 86_400));
        let rate_limiter = RateLimiter::new([("medium", RateLimit::per_second(10))]);
        let start = Instant::now();
        acquire(&rate_limiter, 1)
            .await
            .unwrap()
            .ended(Ok(None), Some(month));
        let trial = acquire(&rate_limiter, 3600).await.unwrap();
        assert_eq!(start.elapsed(), RateLimiter::LONGEST_CLOSURE);
        let failure = acquire(&rate_limiter, 60).await.unwrap_err();
        assert_eq!(failure.cause(), Cause::RateLimited, "others wait for it");
        assert!(failure.retry_after() > Some(Duration::from_secs(86_400)));
        // It could not find out: the next one does.
        trial.ended(
            Err(&TransportError::not_sent(Cause::Unreachable, "refused")),
            None,
        );
        let trial = acquire(&rate_limiter, 1).await.unwrap();
        trial.ended(Ok(None), Some(month));
        let closed = Instant::now();
        let trial = acquire(&rate_limiter, 3600).await.unwrap();
        assert_eq!(closed.elapsed(), RateLimiter::LONGEST_CLOSURE);
        drop(trial);
        let trial = acquire(&rate_limiter, 1).await.unwrap();
        trial.ended(Ok(None), None);
        let opened = Instant::now();
        let all = [acquire(&rate_limiter, 1).await, acquire(&rate_limiter, 1).await];
        assert!(all.iter().all(Result::is_ok) && opened.elapsed() < Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn rate_limiter_repeated_429_is_retried_less_and_less() {
        for limited in [
            Limited::Until(Duration::ZERO),
            Limited::Until(Duration::from_secs(1)),
            Limited::ForNow,
        ] {
            let rate_limiter = Arc::new(RateLimiter::new([]));
            let start = Instant::now();
            let requests = Arc::new(Mutex::new(Vec::new()));
            let calls: Vec<_> = (0..64)
                .map(|_| {
                    let (rate_limiter, requests) = (Arc::clone(&rate_limiter), Arc::clone(&requests));
                    tokio::spawn(async move {
                        while let Ok(permit) = acquire(&rate_limiter, 30).await {
                            requests.lock().unwrap().push(start.elapsed());
                            tokio::time::sleep(Duration::from_millis(1)).await;
                            permit.ended(Ok(None), Some(limited));
                            if start.elapsed() > Duration::from_secs(600) {
                                break;
                            }
                        }
                    })
                })
                .collect();
            for call in calls {
                call.await.unwrap();
            }
            let requests = requests.lock().unwrap();
            // All at once at first; those in flight got the same response.
            let later = requests
                .iter()
                .filter(|at| **at > Duration::from_millis(500))
                .count();
            assert!(later <= 64 + 12, "{limited:?}: {later} of {}", requests.len());
            assert!(requests.len() <= 64 * 4, "{limited:?}: {}", requests.len());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rate_limiter_success_resets_the_delay() {
        let rate_limiter = RateLimiter::new([]);
        let now = Limited::Until(Duration::ZERO);
        let wait = async |limited| {
            acquire(&rate_limiter, 60)
                .await
                .unwrap()
                .ended(Ok(None), Some(limited))
        };
        assert_eq!(wait(now).await, Some(Duration::ZERO));
        assert_eq!(wait(now).await, Some(Duration::from_secs(1)));
        assert_eq!(wait(now).await, Some(Duration::from_secs(2)));
        acquire(&rate_limiter, 60).await.unwrap().ended(Ok(None), None);
        assert_eq!(wait(now).await, Some(Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn rate_limiter_full_bucket_fails_at_the_budget() {
        let rate_limiter = RateLimiter::new([(
            "medium",
            RateLimit {
                requests: 1,
                window: Duration::from_secs(300),
            },
        )]);
        let permit = rate_limiter
            .acquire(Some("medium"), Duration::from_secs(1))
            .await
            .unwrap();
        permit.ended(Ok(None), None);
        let start = Instant::now();
        let failure = rate_limiter
            .acquire(Some("medium"), Duration::from_secs(5))
            .await
            .unwrap_err();
        assert_eq!(
            (failure.cause(), start.elapsed()),
            (Cause::RateLimited, Duration::from_secs(5))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn rate_limiter_other_labels_do_not_wait() {
        let rate_limiter = RateLimiter::new([("medium", RateLimit::per_second(1))]);
        let medium = acquire(&rate_limiter, 1).await.unwrap();
        medium.ended(Ok(None), Some(Limited::Until(Duration::from_secs(60))));
        for _ in 0..3 {
            assert!(rate_limiter.acquire(Some("light"), Duration::ZERO).await.is_ok());
            assert!(rate_limiter.acquire(None, Duration::ZERO).await.is_ok());
        }
    }
}
