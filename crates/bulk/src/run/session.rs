//! Going on with a run: rows are begun as fast as the providers answer, and no faster than can be kept track of.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, mpsc as std_mpsc};
use std::time::Duration;

use repass_domain::PasswordChange;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::call::{self, Done, Making, abandoned};
use super::controls::{Hooks, OnUnknown, SessionOptions, Shutdown, StopReason};
use super::gate::Ask;
use super::pump::{Order, Ready, Written};
use super::source::Fed;
use super::stuck::Stuck;
use super::watch::RowEvent;
use super::work::{Feed, Task, Work};
use crate::input::BadRow;
use crate::journal::{Ended, Sent, State};
use crate::{BulkError, PasswordSource, Provider, RowStatus};

pub(super) struct Session {
    pub(super) providers: Vec<Arc<Provider>>,
    pub(super) passwords: PasswordSource,
    pub(super) controls: SessionOptions,
    pub(super) operator: Hooks,
    pub(super) feeds: mpsc::Receiver<Fed>,
    pub(super) orders: std_mpsc::Sender<Order>,
    pub(super) asks: mpsc::UnboundedReceiver<Ask>,
    pub(super) making: Making,
    pub(super) state: Under,
}

/// What is under way.
#[derive(Default)]
pub(super) struct Under {
    pub(super) queue: VecDeque<Work>,
    pub(super) sealed: VecDeque<Ready>,
    /// Rows that are to be probed.
    pub(super) probes: VecDeque<Ready>,
    /// What is done when its time has come, by that and the line.
    pub(super) later: BTreeMap<(Instant, u64), Later>,
    /// How many of those are to be sent.
    pub(super) awaiting: usize,
    /// Calls that wait to send.
    pub(super) asked: Vec<Ask>,
    /// Calls whose intents are being written.
    pub(super) granting: Vec<Ask>,
    /// The lines of calls that may have sent.
    pub(super) sending: HashSet<u64>,
    pub(super) bad: Vec<BadRow>,
    pub(super) ended: Vec<Ended>,
    pub(super) whole: bool,
    pub(super) exhausted: bool,
    pub(super) written: Option<oneshot::Receiver<Result<Written, BulkError>>>,
    pub(super) calls: JoinSet<Done>,
    pub(super) lines: HashMap<Id, CallRow>,
    pub(super) begun: u64,
    pub(super) failures: u64,
    pub(super) unknown: u64,
    pub(super) stuck: Stuck,
    pub(super) stopped: Option<StopReason>,
}

/// The row of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallRow {
    line: u64,
    before: RowStatus,
    /// The batch of the password that it probes.
    probed: Option<u64>,
}

/// What waits until nothing of a row can be in flight any more.
pub(super) enum Later {
    Send(Work),
    /// Not waited for: it is made if the session is still there.
    Probe(Ready),
}

impl Session {
    pub(super) async fn run(mut self) -> StopReason {
        loop {
            self.order();
            self.operator.progress.flying(self.state.calls.len());
            if self.state.calls.is_empty() && self.state.written.is_none() {
                if self.canary_is_due() {
                    self.ask().await;
                    continue;
                }
                if self.state.stopped.is_some() || (self.state.exhausted && self.nothing_is_left()) {
                    return self.state.stopped.unwrap_or(StopReason::Completed);
                }
            }
            let hungry = self.hungry();
            let state = &mut self.state;
            let next = state.later.first_key_value().map(|((due, _), _)| *due);
            let next = next.filter(|_| state.stopped.is_none());
            tokio::select! {
                biased;
                Ok(()) = self.operator.shutdown.changed() => self.hurry(),
                written = answer(&mut state.written), if state.written.is_some() => self.written(written),
                Some(ask) = self.asks.recv() => {
                    state.asked.push(ask);
                    while let Ok(ask) = self.asks.try_recv() {
                        state.asked.push(ask);
                    }
                }
                Some(ended) = state.calls.join_next_with_id(), if !state.calls.is_empty() => self.call_ended(ended),
                fed = self.feeds.recv(), if hungry => self.fed(fed),
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
            }
        }
    }

    pub(super) fn concurrency(&self) -> usize {
        // Twice what a second allows: any more would only wait.
        let allowed: Option<f64> = self.providers.iter().map(|provider| provider.allowed).sum();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a bound; it saturates"
        )]
        let useful = allowed.map_or(usize::MAX, |rate| (2.0 * rate).ceil().max(2.0) as usize);
        self.controls.concurrency.clamp(1, useful)
    }

    pub(super) fn taking(&self) -> bool {
        let canary = self.controls.canary.as_ref();
        self.state.stopped.is_none() && canary.is_none_or(|canary| self.state.begun < canary.rows)
    }

    fn canary_is_due(&self) -> bool {
        let canary = self.controls.canary.as_ref();
        self.state.stopped.is_none() && canary.is_some_and(|canary| self.state.begun >= canary.rows)
    }

    async fn ask(&mut self) {
        if let Some(canary) = self.controls.canary.take()
            && !(canary.confirm)(self.operator.progress.tally()).await
        {
            self.stop(StopReason::CanaryDeclined);
        }
    }

    fn hungry(&self) -> bool {
        self.state.stopped.is_none()
            && !self.state.exhausted
            && self.state.queue.len() + self.state.probes.len() < SEALED_AT_ONCE.max(self.concurrency())
    }

    fn nothing_is_left(&self) -> bool {
        let state = &self.state;
        state.queue.is_empty() && state.sealed.is_empty() && state.probes.is_empty() && state.awaiting == 0
    }

    // What has waited long enough.
    pub(super) fn wake(&mut self) {
        let now = Instant::now();
        while let Some(first) = self
            .state
            .later
            .first_entry()
            .filter(|first| first.key().0 <= now)
        {
            match first.remove() {
                Later::Send(work) => {
                    self.state.awaiting -= 1;
                    self.state.queue.push_front(work);
                }
                Later::Probe(ready) => self.state.probes.push_back(ready),
            }
        }
        self.operator.progress.waiting(self.state.awaiting);
    }

    fn later(&mut self, due: Instant, line: u64, later: Later) {
        self.state.awaiting += usize::from(matches!(later, Later::Send(_)));
        self.state.later.insert((due, line), later);
    }

    pub(super) fn call(&mut self, ready: Ready) {
        let work = &ready.work;
        let provider = Arc::clone(&self.providers[work.provider]);
        let row = CallRow {
            line: work.line,
            before: work.before,
            probed: (work.task == Task::Probe).then_some(ready.batch),
        };
        let call = call::make(provider, ready, self.making.clone());
        let id = self.state.calls.spawn(call).id();
        self.state.lines.insert(id, row);
    }

    fn call_ended(&mut self, mut ended: Result<(Id, Done), JoinError>) {
        loop {
            match ended {
                Ok((id, done)) => {
                    self.state.lines.remove(&id);
                    self.done(done);
                }
                // A call that panics was sent, or not, if it had come so far.
                Err(error) => {
                    if let Some(row) = self.state.lines.remove(&error.id()) {
                        self.abandon(row, "the call broke inside, so its outcome is unknown");
                    }
                }
            }
            match self.state.calls.try_join_next_with_id() {
                Some(next) => ended = next,
                None => return,
            }
        }
    }

    // A call that is gone without an end. One that had not asked whether it may send has not sent.
    fn abandon(&mut self, row: CallRow, message: &str) {
        let sending = self.state.sending.remove(&row.line);
        let sent = match row.probed {
            Some(batch) => Sent::Probed { batch, set: true },
            None if sending => Sent::Begun,
            None => return,
        };
        self.state.ended.push(abandoned(row.line, message, sent));
        if row.before != RowStatus::Applied {
            self.operator.progress.moved(row.before, RowStatus::Unknown);
            self.state.unknown += 1;
        }
    }

    fn done(&mut self, done: Done) {
        let Done {
            work,
            ended,
            kind,
            untouched,
            withheld,
            probe_later,
        } = done;
        self.state.sending.remove(&work.line);
        if withheld {
            return;
        }
        let outcome = outcome(&work, ended.state);
        if !untouched {
            self.operator.progress.moved(work.before, outcome);
        }
        self.operator.progress.one_ended();
        let sent = !matches!(ended.sent, Sent::Not(_) | Sent::Probed { .. });
        let attempts = work.attempts + u64::from(sent);
        (self.operator.on_row)(&RowEvent {
            line: work.line,
            user: Some(work.user.expose()),
            provider: Some(self.providers[work.provider].name()),
            outcome,
            kind: ended.kind,
            code: ended.code.as_deref(),
            message: ended.message.as_deref(),
            attempts,
        });
        let most = 20.max(2 * self.controls.concurrency);
        if let Some(stuck) = self
            .state
            .stuck
            .after(outcome, kind, ended.message.as_deref(), most)
        {
            self.stop(stuck);
        }
        match outcome {
            RowStatus::NotApplied => self.state.failures += 1,
            RowStatus::Unknown => self.state.unknown += 1,
            RowStatus::Applied | RowStatus::Pending => {}
        }
        let again = self.controls.on_unknown == OnUnknown::Reissue
            && self.passwords == PasswordSource::Generated
            && work.task == Task::Send
            && ended.state == State::Unknown;
        if !untouched {
            self.state.ended.push(ended);
        }
        self.once_more(work, attempts, again, probe_later);
        let reached = |count: u64, most: Option<u64>| most.is_some_and(|most| count >= most);
        if reached(self.state.failures, self.controls.max_failures) {
            self.stop(StopReason::MaxFailures(self.state.failures));
        }
        if reached(self.state.unknown, self.controls.max_unknown) {
            self.stop(StopReason::MaxUnknown(self.state.unknown));
        }
    }

    // A fresh password after an unknown one, or a second probe after one that was too early.
    fn once_more(&mut self, work: Work, attempts: u64, again: bool, probe_later: Option<PasswordChange>) {
        let (line, batch) = (work.line, work.batch);
        // A probe that was too early was no sending.
        let due = work.due.filter(|_| work.task == Task::Probe);
        let due = due.unwrap_or_else(|| Instant::now() + self.controls.in_flight);
        let work = Work {
            attempts,
            before: RowStatus::Unknown,
            due: Some(due),
            ..work
        };
        if again {
            let task = Task::SendAgain;
            self.later(due, line, Later::Send(Work { task, ..work }));
        } else if let Some(change) = probe_later {
            let task = Task::Probe;
            let work = Work { task, ..work };
            self.later(due, line, Later::Probe(Ready { work, change, batch }));
        }
    }

    fn fed(&mut self, fed: Option<Fed>) {
        let Some(fed) = fed else {
            self.state.exhausted = true;
            return;
        };
        match fed {
            Err(problem) => self.stop(StopReason::Error(problem)),
            Ok(feeds) => {
                for feed in feeds {
                    match feed {
                        Feed::Work(work) => self.take(work),
                        Feed::Bad(bad) => self.refused(bad),
                        Feed::Whole => self.state.whole = true,
                    }
                }
            }
        }
    }

    fn take(&mut self, mut work: Work) {
        match work.task {
            Task::Send => self.state.queue.push_back(work),
            Task::SendFresh => {
                self.operator.progress.came();
                self.state.queue.push_back(work);
            }
            Task::SendAgain => {
                let due = self.due(work.quiet_for);
                self.later(due, work.line, Later::Send(work));
            }
            Task::Probe => {
                let user = work.user.clone();
                let Some(new) = work.new.take() else { return };
                let change = match work.current.take() {
                    Some(current) => PasswordChange::change(user, current, new),
                    None => PasswordChange::reset(user, new),
                };
                work.due = Some(self.due(work.quiet_for));
                let batch = work.batch;
                self.state.probes.push_back(Ready { work, change, batch });
            }
        }
    }

    // When nothing can be in flight any more of what has been quiet for so many milliseconds.
    fn due(&self, quiet_for: i64) -> Instant {
        let quiet = Duration::from_millis(quiet_for.unsigned_abs());
        let wait = if quiet_for < 0 {
            self.controls.in_flight + quiet
        } else {
            self.controls.in_flight.saturating_sub(quiet)
        };
        Instant::now() + wait
    }

    fn refused(&mut self, bad: BadRow) {
        self.operator.progress.came();
        self.operator
            .progress
            .moved(RowStatus::Pending, RowStatus::NotApplied);
        (self.operator.on_row)(&RowEvent::of_bad(&bad));
        self.state.bad.push(bad);
    }

    fn hurry(&mut self) {
        let shutdown = *self.operator.shutdown.borrow_and_update();
        match shutdown {
            Shutdown::None => {}
            Shutdown::Drain => self.stop(StopReason::Drained),
            Shutdown::Abandon => {
                self.state.stopped = Some(StopReason::Abandoned);
                // Dropping them ends them where they are.
                self.state.calls = JoinSet::new();
                for (_, row) in std::mem::take(&mut self.state.lines) {
                    self.abandon(row, ABANDONED);
                }
            }
        }
    }

    // The first reason is the one to tell.
    pub(super) fn stop(&mut self, why: StopReason) {
        self.state.stopped.get_or_insert(why);
    }
}

// What is known of a row now.
fn outcome(work: &Work, state: State) -> RowStatus {
    match (work.task, state) {
        // That its last password was set stays true, whatever became of it since.
        (Task::Probe, _) if work.before == RowStatus::Applied => RowStatus::Applied,
        (Task::Probe, state) => RowStatus::of(state, work.more_unknown),
        (_, state) => RowStatus::of(state, work.before == RowStatus::Unknown),
    }
}

/// So many rows are sealed at once, because one seal costs as much as hundreds of the passwords in it.
pub(super) const SEALED_AT_ONCE: usize = 1024;

pub(super) const ABANDONED: &str =
    "repass was told not to wait for the answer, so nobody knows whether the change was made";

async fn answer<T>(receiver: &mut Option<oneshot::Receiver<T>>) -> Result<T, oneshot::error::RecvError> {
    match receiver {
        Some(receiver) => receiver.await,
        None => std::future::pending().await,
    }
}
