//! Going on with a run: rows are begun as fast as the providers answer, and no faster than can be kept track of.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, mpsc as std_mpsc};
use std::time::Duration;

use repass_domain::PasswordChange;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::change::{self, CallOptions, CallResult, abandoned};
use super::failure_streak::FailureStreak;
use super::journal_writer::{SealedRow, WriteRequest, WriteResult};
use super::options::{Hooks, OnUnknown, SessionOptions, Shutdown, StopReason};
use super::progress::RowEvent;
use super::row::{PendingRow, SourceItem, Task};
use super::row_source::SourceBatch;
use super::send_gate::SendRequest;
use crate::input::InvalidRow;
use crate::journal::{AttemptEnd, EndKind, RowPhase};
use crate::{BulkError, PasswordSource, Provider, RowStatus};

pub(super) struct Session {
    pub(super) providers: Vec<Arc<Provider>>,
    pub(super) passwords: PasswordSource,
    pub(super) options: SessionOptions,
    pub(super) hooks: Hooks,
    pub(super) feeds: mpsc::Receiver<SourceBatch>,
    pub(super) orders: std_mpsc::Sender<WriteRequest>,
    pub(super) asks: mpsc::UnboundedReceiver<SendRequest>,
    pub(super) call_options: CallOptions,
    pub(super) state: InFlight,
}

/// What is under way.
#[derive(Default)]
pub(super) struct InFlight {
    pub(super) queue: VecDeque<PendingRow>,
    pub(super) sealed: VecDeque<SealedRow>,
    /// Rows that are to be probed.
    pub(super) probes: VecDeque<SealedRow>,
    /// What is done when its time has come, by that and the line.
    pub(super) later: BTreeMap<(Instant, u64), DueRow>,
    /// How many of those are to be sent.
    pub(super) awaiting: usize,
    /// Calls that wait to send.
    pub(super) asked: Vec<SendRequest>,
    /// Calls whose intents are being written.
    pub(super) granting: Vec<SendRequest>,
    /// The lines of calls that may have sent.
    pub(super) sending: HashSet<u64>,
    pub(super) bad: Vec<InvalidRow>,
    pub(super) ended: Vec<AttemptEnd>,
    pub(super) whole: bool,
    pub(super) exhausted: bool,
    pub(super) written: Option<oneshot::Receiver<Result<WriteResult, BulkError>>>,
    pub(super) calls: JoinSet<CallResult>,
    pub(super) lines: HashMap<Id, CallRow>,
    pub(super) begun: u64,
    pub(super) failures: u64,
    pub(super) unknown: u64,
    pub(super) stuck: FailureStreak,
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
pub(super) enum DueRow {
    Send(PendingRow),
    /// Not waited for: it is made if the session is still there.
    Probe(SealedRow),
}

impl Session {
    pub(super) async fn run(mut self) -> StopReason {
        loop {
            self.order();
            self.hooks.progress.set_in_flight(self.state.calls.len());
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
                Ok(()) = self.hooks.shutdown.changed() => self.hurry(),
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
        self.options.concurrency.clamp(1, useful)
    }

    pub(super) fn taking(&self) -> bool {
        let canary = self.options.canary.as_ref();
        self.state.stopped.is_none() && canary.is_none_or(|canary| self.state.begun < canary.rows)
    }

    fn canary_is_due(&self) -> bool {
        let canary = self.options.canary.as_ref();
        self.state.stopped.is_none() && canary.is_some_and(|canary| self.state.begun >= canary.rows)
    }

    async fn ask(&mut self) {
        if let Some(canary) = self.options.canary.take()
            && !(canary.confirm)(self.hooks.progress.tally()).await
        {
            self.stop(StopReason::CanaryDeclined);
        }
    }

    fn hungry(&self) -> bool {
        self.state.stopped.is_none()
            && !self.state.exhausted
            && self.state.queue.len() + self.state.probes.len() < SEAL_BATCH.max(self.concurrency())
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
                DueRow::Send(work) => {
                    self.state.awaiting -= 1;
                    self.state.queue.push_front(work);
                }
                DueRow::Probe(ready) => self.state.probes.push_back(ready),
            }
        }
        self.hooks.progress.set_waiting(self.state.awaiting);
    }

    fn later(&mut self, due: Instant, line: u64, later: DueRow) {
        self.state.awaiting += usize::from(matches!(later, DueRow::Send(_)));
        self.state.later.insert((due, line), later);
    }

    pub(super) fn call(&mut self, ready: SealedRow) {
        let work = &ready.work;
        let provider = Arc::clone(&self.providers[work.provider]);
        let row = CallRow {
            line: work.line,
            before: work.before,
            probed: (work.task == Task::Probe).then_some(ready.batch),
        };
        let call = change::start(provider, ready, self.call_options.clone());
        let id = self.state.calls.spawn(call).id();
        self.state.lines.insert(id, row);
    }

    fn call_ended(&mut self, mut ended: Result<(Id, CallResult), JoinError>) {
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
            Some(batch) => EndKind::Probe { batch, set: true },
            None if sending => EndKind::Recorded,
            None => return,
        };
        self.state.ended.push(abandoned(row.line, message, sent));
        if row.before != RowStatus::Applied {
            self.hooks.progress.update(row.before, RowStatus::Unknown);
            self.state.unknown += 1;
        }
    }

    fn done(&mut self, done: CallResult) {
        let CallResult {
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
            self.hooks.progress.update(work.before, outcome);
        }
        self.hooks.progress.finish_one();
        let sent = !matches!(ended.sent, EndKind::NotSent(_) | EndKind::Probe { .. });
        let attempts = work.attempts + u64::from(sent);
        (self.hooks.on_row)(&RowEvent {
            line: work.line,
            user: Some(work.user.expose()),
            provider: Some(self.providers[work.provider].name()),
            outcome,
            kind: ended.kind,
            code: ended.code.as_deref(),
            message: ended.message.as_deref(),
            attempts,
        });
        let most = 20.max(2 * self.options.concurrency);
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
        let again = self.options.on_unknown == OnUnknown::Reissue
            && self.passwords == PasswordSource::Generated
            && work.task == Task::Send
            && ended.state == RowPhase::Unknown;
        if !untouched {
            self.state.ended.push(ended);
        }
        self.once_more(work, attempts, again, probe_later);
        let reached = |count: u64, most: Option<u64>| most.is_some_and(|most| count >= most);
        if reached(self.state.failures, self.options.max_failures) {
            self.stop(StopReason::MaxFailures(self.state.failures));
        }
        if reached(self.state.unknown, self.options.max_unknown) {
            self.stop(StopReason::MaxUnknown(self.state.unknown));
        }
    }

    // A fresh password after an unknown one, or a second probe after one that was too early.
    fn once_more(
        &mut self,
        work: PendingRow,
        attempts: u64,
        again: bool,
        probe_later: Option<PasswordChange>,
    ) {
        let (line, batch) = (work.line, work.batch);
        // A probe that was too early was no sending.
        let due = work.due.filter(|_| work.task == Task::Probe);
        let due = due.unwrap_or_else(|| Instant::now() + self.options.in_flight);
        let work = PendingRow {
            attempts,
            before: RowStatus::Unknown,
            due: Some(due),
            ..work
        };
        if again {
            let task = Task::Reissue;
            self.later(due, line, DueRow::Send(PendingRow { task, ..work }));
        } else if let Some(change) = probe_later {
            let task = Task::Probe;
            let work = PendingRow { task, ..work };
            self.later(due, line, DueRow::Probe(SealedRow { work, change, batch }));
        }
    }

    fn fed(&mut self, fed: Option<SourceBatch>) {
        let Some(fed) = fed else {
            self.state.exhausted = true;
            return;
        };
        match fed {
            Err(problem) => self.stop(StopReason::Error(problem)),
            Ok(feeds) => {
                for feed in feeds {
                    match feed {
                        SourceItem::Row(work) => self.take(work),
                        SourceItem::Invalid(bad) => self.refused(bad),
                        SourceItem::End => self.state.whole = true,
                    }
                }
            }
        }
    }

    fn take(&mut self, mut work: PendingRow) {
        match work.task {
            Task::Send => self.state.queue.push_back(work),
            Task::SendNew => {
                self.hooks.progress.add_row();
                self.state.queue.push_back(work);
            }
            Task::Reissue => {
                let due = self.due(work.quiet_for);
                self.later(due, work.line, DueRow::Send(work));
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
                self.state.probes.push_back(SealedRow { work, change, batch });
            }
        }
    }

    // When nothing can be in flight any more of what has been quiet for so many milliseconds.
    fn due(&self, quiet_for: i64) -> Instant {
        let quiet = Duration::from_millis(quiet_for.unsigned_abs());
        let wait = if quiet_for < 0 {
            self.options.in_flight + quiet
        } else {
            self.options.in_flight.saturating_sub(quiet)
        };
        Instant::now() + wait
    }

    fn refused(&mut self, bad: InvalidRow) {
        self.hooks.progress.add_row();
        self.hooks
            .progress
            .update(RowStatus::Pending, RowStatus::NotApplied);
        (self.hooks.on_row)(&RowEvent::of_bad(&bad));
        self.state.bad.push(bad);
    }

    fn hurry(&mut self) {
        let shutdown = *self.hooks.shutdown.borrow_and_update();
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
fn outcome(work: &PendingRow, state: RowPhase) -> RowStatus {
    match (work.task, state) {
        // That its last password was set stays true, whatever became of it since.
        (Task::Probe, _) if work.before == RowStatus::Applied => RowStatus::Applied,
        (Task::Probe, state) => RowStatus::of(state, work.more_unknown),
        (_, state) => RowStatus::of(state, work.before == RowStatus::Unknown),
    }
}

/// So many rows are sealed at once, because one seal costs as much as hundreds of the passwords in it.
pub(super) const SEAL_BATCH: usize = 1024;

pub(super) const ABANDONED: &str =
    "repass was told not to wait for the answer, so nobody knows whether the change was made";

async fn answer<T>(receiver: &mut Option<oneshot::Receiver<T>>) -> Result<T, oneshot::error::RecvError> {
    match receiver {
        Some(receiver) => receiver.await,
        None => std::future::pending().await,
    }
}
