//! The provider's rate limit, kept on this side: as fast as it allows, and no faster.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::{Answer, Cause, Failure};

/// So many requests within any window of this length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How many requests.
    pub requests: u32,
    /// Within how long.
    pub window: Duration,
}

impl RateLimit {
    /// So many requests in any second.
    pub const fn per_second(requests: u32) -> Self {
        Self {
            requests,
            window: Duration::from_secs(1),
        }
    }
}

/// One account's rate limits at a provider, by label. Everything in the process that uses the
/// account must share one governor, because the provider counts it together.
///
/// A request goes out when the one that is `requests` places before it is certainly `window` old
/// at the provider: counted from its answer, or, where the answer takes long, from when it left
/// and a little more. So no window of the provider's ever holds too many, however the network
/// delays, and nothing else makes a request wait.
#[derive(Debug)]
pub struct Governor {
    lanes: BTreeMap<&'static str, Lane>,
}

impl Governor {
    /// A governor with a limit for each label. Requests with another label, or none, do not wait.
    pub fn new(limits: impl IntoIterator<Item = (&'static str, RateLimit)>) -> Self {
        Self {
            lanes: limits
                .into_iter()
                .map(|(label, limit)| (label, Lane::new(limit)))
                .collect(),
        }
    }

    /// Waits for a place, at most as long as `left`.
    pub(crate) async fn admit(
        &self,
        label: Option<&str>,
        left: Duration,
    ) -> Result<Option<Place<'_>>, Failure> {
        match label.and_then(|label| self.lanes.get(label)) {
            Some(lane) => lane.admit(left).await.map(Some),
            None => Ok(None),
        }
    }
}

struct Lane {
    limit: RateLimit,
    state: Mutex<State>,
    // Whoever is next waits in here for the next free place, all others for it, in order.
    turnstile: tokio::sync::Mutex<()>,
    // A request ended, so a place may be free earlier than it seemed.
    ended: Notify,
}

#[derive(Default)]
struct State {
    /// When each taken place is free again.
    taken: BTreeSet<(Instant, u64)>,
    next: u64,
    /// The server's word: nothing before this.
    closed_until: Option<Instant>,
    /// Places that are not used for a while, because somebody else uses the account too.
    withheld: f64,
    withheld_at: Option<Instant>,
    recovered_at: Option<Instant>,
}

/// What a refusal for the rate's sake means for the others.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limited {
    /// The server said when to come back.
    Until(Duration),
    /// It did not.
    ForNow,
}

impl Lane {
    // An answer that takes longer than this is counted by the provider well before it comes.
    const LONGEST_ARRIVAL: Duration = Duration::from_millis(20);
    // What a place costs while nothing is known of its request.
    const UNTIL_KNOWN: Duration = Duration::from_millis(500);

    fn new(limit: RateLimit) -> Self {
        Self {
            limit,
            state: Mutex::default(),
            turnstile: tokio::sync::Mutex::default(),
            ended: Notify::new(),
        }
    }

    async fn admit(&self, left: Duration) -> Result<Place<'_>, Failure> {
        let limited = || {
            Failure::not_sent(
                Cause::RateLimited,
                "the provider's rate limit leaves no place within the budget",
            )
        };
        let deadline = Instant::now().checked_add(left);
        if let Some(until) = self
            .state()
            .closed_until
            .filter(|until| deadline.is_some_and(|end| *until > end))
        {
            return Err(limited().with_retry_after(until.saturating_duration_since(Instant::now())));
        }
        let turn = async {
            let _turn = self.turnstile.lock().await;
            loop {
                match self.take() {
                    Ok(place) => return place,
                    Err(free_at) => {
                        // Either way it is time to look again.
                        let _ = timeout_at(free_at, self.ended.notified()).await;
                    }
                }
            }
        };
        match deadline {
            Some(deadline) => timeout_at(deadline, turn).await.map_err(|_| limited()),
            None => Ok(turn.await),
        }
    }

    fn take(&self) -> Result<Place<'_>, Instant> {
        let now = Instant::now();
        let mut state = self.state();
        if let Some(until) = state.closed_until.filter(|until| *until > now) {
            return Err(until);
        }
        state.recover(now, self.limit);
        while let Some(free) = state.taken.first().copied().filter(|(at, _)| *at <= now) {
            state.taken.remove(&free);
        }
        if state.taken.len() >= state.places(self.limit) {
            // There is a first one: at least one place is always left to be taken.
            return Err(state.taken.first().map_or(now, |(at, _)| *at));
        }
        let key = (now + Self::UNTIL_KNOWN + self.limit.window, state.next);
        state.next += 1;
        state.taken.insert(key);
        Ok(Place { lane: self, key })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn places(&self, limit: RateLimit) -> usize {
        let share = f64::from(limit.requests) * (1.0 - self.withheld);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and a u32"
        )]
        let places = share.floor().max(1.0) as usize;
        places
    }

    // Somebody else uses the account too: leave them a little more, and try for it back by and by.
    // Many requests hear the same refusal; the first one in a window has said it for all.
    fn withhold(&mut self, now: Instant, window: Duration) {
        if self.withheld_at.is_none_or(|at| now >= at + window) {
            self.withheld = (self.withheld + 0.08).min(0.9);
            self.withheld_at = Some(now);
            self.recovered_at = Some(now);
        }
    }

    fn recover(&mut self, now: Instant, limit: RateLimit) {
        let Some(since) = self.recovered_at else { return };
        let windows = now.saturating_duration_since(since).as_secs_f64() / limit.window.as_secs_f64();
        self.withheld = (self.withheld - windows * 0.02).max(0.0);
        self.recovered_at = (self.withheld > 0.0).then_some(now);
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lane").field(&self.limit).finish()
    }
}

/// A request's place within the limit. Dropped without a word, it stays taken as long as the
/// request might have counted.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    lane: &'a Lane,
    key: (Instant, u64),
}

impl Place<'_> {
    /// The request came to an end, now; `limited` if it was refused for the rate's sake.
    pub(crate) fn ended(self, result: &Result<Answer, Failure>, limited: Option<Limited>) {
        let now = Instant::now();
        let mut state = self.lane.state();
        state.taken.remove(&self.key);
        let counted_at = match result {
            Ok(answer) => {
                let arrived = answer.left_at().map(|left| left + Lane::LONGEST_ARRIVAL);
                Some(arrived.map_or(now, |arrived| arrived.min(now)))
            }
            Err(failure) if failure.acted() == crate::Acted::No => None,
            Err(_) => Some(now),
        };
        if let Some(counted_at) = counted_at {
            state
                .taken
                .insert((counted_at + self.lane.limit.window, self.key.1));
        }
        if let Some(limited) = limited {
            let window = self.lane.limit.window;
            let pause = match limited {
                Limited::Until(told) => told,
                // Somebody else took the places; they are free again before the window is over.
                Limited::ForNow => window / 10,
            };
            state.withhold(now, window);
            let until = now + pause;
            state.closed_until = Some(state.closed_until.map_or(until, |known| known.max(until)));
        }
        drop(state);
        self.lane.ended.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::StatusCode;

    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "what a place is told")]
    fn ok() -> Result<Answer, Failure> {
        Ok(Answer::new(StatusCode::NO_CONTENT))
    }

    async fn run(governor: &Arc<Governor>, calls: usize, takes: Duration) -> Vec<Instant> {
        let mut running = Vec::new();
        for _ in 0..calls {
            let governor = Arc::clone(governor);
            running.push(tokio::spawn(async move {
                let place = governor
                    .admit(Some("medium"), Duration::from_secs(600))
                    .await
                    .unwrap()
                    .unwrap();
                tokio::time::sleep(takes).await;
                place.ended(&ok(), None);
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
    async fn no_window_holds_more_than_the_limit_and_the_rate_is_used() {
        for takes in [0, 3, 50, 900] {
            let governor = Arc::new(Governor::new([("medium", RateLimit::per_second(60))]));
            let start = Instant::now();
            let counted = run(&governor, 600, Duration::from_millis(takes)).await;
            for pair in counted.windows(61) {
                assert!(
                    pair[60] - pair[0] >= Duration::from_secs(1),
                    "61 in {:?}",
                    pair[60] - pair[0]
                );
            }
            // Nine windows for 600 requests, each longer by the time an answer takes at the most.
            let slack = Duration::from_millis(takes) * 10;
            assert!(
                start.elapsed() <= Duration::from_secs(9) + slack,
                "{takes}: {:?}",
                start.elapsed()
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_sent_gives_its_place_back() {
        let governor = Governor::new([("medium", RateLimit::per_second(1))]);
        let start = Instant::now();
        for _ in 0..10 {
            let place = governor
                .admit(Some("medium"), Duration::from_secs(1))
                .await
                .unwrap()
                .unwrap();
            place.ended(&Err(Failure::not_sent(Cause::Unreachable, "refused")), None);
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn the_server_closes_the_lane_and_says_when_it_reopens() {
        let governor = Governor::new([("medium", RateLimit::per_second(10))]);
        let place = governor
            .admit(Some("medium"), Duration::from_secs(1))
            .await
            .unwrap()
            .unwrap();
        place.ended(
            &Ok(Answer::new(StatusCode::TOO_MANY_REQUESTS)),
            Some(Limited::Until(Duration::from_secs(3600))),
        );
        let start = Instant::now();
        let failure = governor
            .admit(Some("medium"), Duration::from_secs(60))
            .await
            .unwrap_err();
        assert_eq!(
            (failure.cause(), start.elapsed()),
            (Cause::RateLimited, Duration::ZERO)
        );
        assert_eq!(failure.retry_after(), Some(Duration::from_secs(3600)));
        assert!(
            governor
                .admit(Some("medium"), Duration::from_secs(3601))
                .await
                .is_ok()
        );
        assert_eq!(start.elapsed(), Duration::from_secs(3600));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_lane_gives_up_with_the_budget() {
        let governor = Governor::new([(
            "medium",
            RateLimit {
                requests: 1,
                window: Duration::from_secs(300),
            },
        )]);
        let place = governor
            .admit(Some("medium"), Duration::from_secs(1))
            .await
            .unwrap()
            .unwrap();
        place.ended(&ok(), None);
        let start = Instant::now();
        let failure = governor
            .admit(Some("medium"), Duration::from_secs(5))
            .await
            .unwrap_err();
        assert_eq!(
            (failure.cause(), start.elapsed()),
            (Cause::RateLimited, Duration::from_secs(5))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn other_labels_do_not_wait() {
        let governor = Governor::new([("medium", RateLimit::per_second(1))]);
        assert!(
            governor
                .admit(Some("light"), Duration::ZERO)
                .await
                .unwrap()
                .is_none()
        );
        assert!(governor.admit(None, Duration::ZERO).await.unwrap().is_none());
    }
}
