//! The event loop of a session: rows are started as fast as the providers respond and the journal can record them.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, mpsc as std_mpsc};
use std::time::Duration;

use repass_domain::PasswordChange;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinError, JoinSet, yield_now};
use tokio::time::{Instant, sleep_until};

use super::change::{self, CallOptions, CallResult, interrupted};
use super::failure_streak::FailureStreak;
use super::journal_writer::{WriteRequest, WriteResult};
use super::options::{Hooks, OnUnknown, SessionOptions, Shutdown, StopReason};
use super::password_sealer::{SealRequest, SealResult, SealedRow};
use super::progress::RowEvent;
use super::row::{PendingRow, SourceItem, Task};
use super::row_source::SourceBatch;
use super::send_gate::SendRequest;
use crate::input::InvalidRow;
use crate::journal::{AttemptEnd, EndKind, RowPhase};
use crate::{PasswordSource, Provider, RowStatus};

pub(super) struct Session {
    pub(super) providers: Vec<Arc<Provider>>,
    pub(super) passwords: PasswordSource,
    pub(super) options: SessionOptions,
    pub(super) hooks: Hooks,
    pub(super) source: mpsc::Receiver<SourceBatch>,
    pub(super) writes: std_mpsc::Sender<WriteRequest>,
    pub(super) seals: std_mpsc::Sender<SealRequest>,
    pub(super) send_requests: mpsc::UnboundedReceiver<SendRequest>,
    pub(super) call_options: CallOptions,
    /// Other processes work on the run too.
    pub(super) is_shared: bool,
    pub(super) state: InFlight,
}

/// The rows of a session and their progress.
#[derive(Default)]
pub(super) struct InFlight {
    pub(super) queue: VecDeque<PendingRow>,
    pub(super) sealed: VecDeque<SealedRow>,
    /// Rows to probe.
    pub(super) probes: VecDeque<SealedRow>,
    /// Rows that wait for a time, by that time and their line.
    pub(super) delayed: BTreeMap<(Instant, u64), DueRow>,
    /// How many of those will be sent.
    pub(super) awaiting: usize,
    /// Calls that wait to send.
    pub(super) send_requests: Vec<SendRequest>,
    /// Calls whose intents are being written.
    pub(super) granting: Vec<SendRequest>,
    /// The lines of calls that may have sent.
    pub(super) sending: HashSet<u64>,
    pub(super) bad: Vec<InvalidRow>,
    pub(super) ended: Vec<AttemptEnd>,
    pub(super) whole: bool,
    pub(super) exhausted: bool,
    pub(super) written: Option<oneshot::Receiver<WriteResult>>,
    pub(super) sealing: Option<oneshot::Receiver<SealResult>>,
    pub(super) calls: JoinSet<CallResult>,
    pub(super) lines: HashMap<Id, CallRow>,
    pub(super) begun: u64,
    pub(super) failures: u64,
    pub(super) unknown: u64,
    pub(super) streak: FailureStreak,
    pub(super) stopped: Option<StopReason>,
}

/// The row of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallRow {
    line: u64,
    before: RowStatus,
    /// The batch of the password that it probes.
    probe: Option<u64>,
}

/// A row that waits until nothing of it can be in flight any more.
pub(super) enum DueRow {
    Send(PendingRow),
    /// A session does not wait for it: the probe is made if the session is still running.
    Probe(SealedRow),
}

impl InFlight {
    // How many rows the next write has.
    pub(super) fn unwritten(&self) -> usize {
        self.bad.len() + self.ended.len() + self.send_requests.len()
    }
}

impl Session {
    pub(super) async fn run(mut self) -> StopReason {
        loop {
            self.schedule();
            if self.state.written.is_none() {
                self.await_neighbours().await;
                self.write();
            }
            self.hooks.progress.set_in_flight(self.state.calls.len());
            if self.state.calls.is_empty() && self.state.written.is_none() && self.state.sealing.is_none() {
                if self.canary_is_due() {
                    self.confirm_canary().await;
                    continue;
                }
                if self.state.stopped.is_some() || (self.state.exhausted && self.is_idle()) {
                    return self.state.stopped.unwrap_or(StopReason::Completed);
                }
            }
            let wants_rows = self.wants_rows();
            let state = &mut self.state;
            let next = state.delayed.first_key_value().map(|((due, _), _)| *due);
            let next = next.filter(|_| state.stopped.is_none());
            tokio::select! {
                biased;
                Ok(()) = self.hooks.shutdown.changed() => self.on_shutdown(),
                written = reply(&mut state.written), if state.written.is_some() => self.on_written(written),
                sealed = reply(&mut state.sealing), if state.sealing.is_some() => self.on_sealed(sealed),
                Some(request) = self.send_requests.recv() => {
                    state.send_requests.push(request);
                    self.take_requests();
                }
                Some(ended) = state.calls.join_next_with_id(), if !state.calls.is_empty() => self.on_call_end(ended),
                batch = self.source.recv(), if wants_rows => self.on_source(batch),
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
            }
        }
    }

    // Lets calls go on that can, as long as they add to the next write. A sync costs as much as hundreds of rows, and without this
    // every other write would have one row, which the others just miss.
    async fn await_neighbours(&mut self) {
        let most = 2 * self.concurrency();
        let mut rows = 0;
        while self.state.unwritten() > rows && self.state.unwritten() < most {
            rows = self.state.unwritten();
            yield_now().await;
            self.take_requests();
            if let Some(ended) = self.state.calls.try_join_next_with_id() {
                self.on_call_end(ended);
            }
            self.schedule();
        }
    }

    fn take_requests(&mut self) {
        while let Ok(request) = self.send_requests.try_recv() {
            self.state.send_requests.push(request);
        }
    }

    pub(super) fn concurrency(&self) -> usize {
        // Twice what one second allows: more would only wait for the rate limit.
        let allowed: Option<f64> = self.providers.iter().map(|provider| provider.allowed).sum();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a bound; it saturates"
        )]
        let useful = allowed.map_or(usize::MAX, |rate| (2.0 * rate).ceil().max(2.0) as usize);
        self.options.concurrency.clamp(1, useful)
    }

    pub(super) fn accepts_rows(&self) -> bool {
        let canary = self.options.canary.as_ref();
        self.state.stopped.is_none() && canary.is_none_or(|canary| self.state.begun < canary.rows)
    }

    fn canary_is_due(&self) -> bool {
        let canary = self.options.canary.as_ref();
        self.state.stopped.is_none() && canary.is_some_and(|canary| self.state.begun >= canary.rows)
    }

    async fn confirm_canary(&mut self) {
        if let Some(canary) = self.options.canary.take()
            && !(canary.confirm)(self.hooks.progress.tally()).await
        {
            self.stop(StopReason::CanaryDeclined);
        }
    }

    fn wants_rows(&self) -> bool {
        self.state.stopped.is_none()
            && !self.state.exhausted
            && self.state.queue.len() + self.state.sealed.len() + self.state.probes.len()
                < read_ahead(self.is_shared, self.concurrency())
    }

    fn is_idle(&self) -> bool {
        let state = &self.state;
        state.queue.is_empty() && state.sealed.is_empty() && state.probes.is_empty() && state.awaiting == 0
    }

    // Queues the rows whose time has come.
    pub(super) fn release_due(&mut self) {
        let now = Instant::now();
        while let Some(first) = self
            .state
            .delayed
            .first_entry()
            .filter(|first| first.key().0 <= now)
        {
            match first.remove() {
                DueRow::Send(row) => {
                    self.state.awaiting -= 1;
                    self.state.queue.push_front(row);
                }
                DueRow::Probe(ready) => self.state.probes.push_back(ready),
            }
        }
        self.hooks.progress.set_waiting(self.state.awaiting);
    }

    fn delay(&mut self, due: Instant, line: u64, row: DueRow) {
        self.state.awaiting += usize::from(matches!(row, DueRow::Send(_)));
        self.state.delayed.insert((due, line), row);
    }

    pub(super) fn start_call(&mut self, ready: SealedRow) {
        let row = &ready.row;
        let provider = Arc::clone(&self.providers[row.provider]);
        let call_row = CallRow {
            line: row.line,
            before: row.before,
            probe: (row.task == Task::Probe).then_some(ready.batch),
        };
        let call = change::start(provider, ready, self.call_options.clone());
        let id = self.state.calls.spawn(call).id();
        self.state.lines.insert(id, call_row);
    }

    fn on_call_end(&mut self, mut ended: Result<(Id, CallResult), JoinError>) {
        loop {
            match ended {
                Ok((id, result)) => {
                    self.state.lines.remove(&id);
                    self.on_result(result);
                }
                // A call that panicked may have sent.
                Err(error) => {
                    if let Some(row) = self.state.lines.remove(&error.id()) {
                        self.interrupt(row, "repass failed during the change, so its outcome is unknown");
                    }
                }
            }
            match self.state.calls.try_join_next_with_id() {
                Some(next) => ended = next,
                None => return,
            }
        }
    }

    // Records a call that is gone without an end. A call that did not pass its gate has not sent.
    fn interrupt(&mut self, row: CallRow, message: &str) {
        let sending = self.state.sending.remove(&row.line);
        let sent = match row.probe {
            Some(batch) => EndKind::Probe { batch, set: true },
            None if sending => EndKind::Recorded,
            None => return,
        };
        self.state.ended.push(interrupted(row.line, message, sent));
        if row.before != RowStatus::Applied {
            self.hooks.progress.update(row.before, RowStatus::Unknown);
            self.state.unknown += 1;
        }
    }

    fn on_result(&mut self, result: CallResult) {
        let CallResult {
            row,
            end,
            kind,
            untouched,
            withheld,
            probe_later,
        } = result;
        self.state.sending.remove(&row.line);
        if withheld {
            return;
        }
        let outcome = row_status(&row, end.state);
        if !untouched {
            self.hooks.progress.update(row.before, outcome);
        }
        self.hooks.progress.finish_one();
        let sent = !matches!(end.sent, EndKind::NotSent(_) | EndKind::Probe { .. });
        let attempts = row.attempts + u64::from(sent);
        (self.hooks.on_row)(&RowEvent {
            line: row.line,
            user: Some(row.user.expose()),
            provider: Some(self.providers[row.provider].name()),
            outcome,
            kind: end.kind,
            code: end.code.as_deref(),
            message: end.message.as_deref(),
            attempts,
        });
        let limit = 20.max(2 * self.options.concurrency);
        if let Some(reason) = self
            .state
            .streak
            .record(outcome, kind, end.message.as_deref(), limit)
        {
            self.stop(reason);
        }
        match outcome {
            RowStatus::NotApplied => self.state.failures += 1,
            RowStatus::Unknown => self.state.unknown += 1,
            RowStatus::Applied | RowStatus::Pending => {}
        }
        let again = self.options.on_unknown == OnUnknown::Reissue
            && self.passwords == PasswordSource::Generated
            && row.task == Task::Send
            && end.state == RowPhase::Unknown;
        if !untouched {
            self.state.ended.push(end);
        }
        self.delay_follow_up(row, attempts, again, probe_later);
        let reached = |count: u64, most: Option<u64>| most.is_some_and(|most| count >= most);
        if reached(self.state.failures, self.options.max_failures) {
            self.stop(StopReason::MaxFailures(self.state.failures));
        }
        if reached(self.state.unknown, self.options.max_unknown) {
            self.stop(StopReason::MaxUnknown(self.state.unknown));
        }
    }

    // Delays a fresh password after an unknown attempt, or a second probe after one that was too early.
    fn delay_follow_up(
        &mut self,
        row: PendingRow,
        attempts: u64,
        again: bool,
        probe_later: Option<PasswordChange>,
    ) {
        let (line, batch) = (row.line, row.batch);
        // A probe does not restart the in-flight window.
        let due = row.due.filter(|_| row.task == Task::Probe);
        let due = due.unwrap_or_else(|| Instant::now() + self.options.in_flight_window);
        let row = PendingRow {
            attempts,
            before: RowStatus::Unknown,
            due: Some(due),
            ..row
        };
        if again {
            let task = Task::Reissue;
            self.delay(due, line, DueRow::Send(PendingRow { task, ..row }));
        } else if let Some(change) = probe_later {
            let task = Task::Probe;
            let row = PendingRow { task, ..row };
            self.delay(due, line, DueRow::Probe(SealedRow { row, change, batch }));
        }
    }

    fn on_source(&mut self, batch: Option<SourceBatch>) {
        let Some(batch) = batch else {
            self.state.exhausted = true;
            return;
        };
        match batch {
            Err(error) => self.stop(StopReason::Error(error)),
            Ok(items) => {
                for item in items {
                    match item {
                        SourceItem::Row(row) => self.enqueue(row),
                        SourceItem::Invalid(bad) => self.reject(bad),
                        SourceItem::End => self.state.whole = true,
                    }
                }
            }
        }
    }

    fn enqueue(&mut self, mut row: PendingRow) {
        match row.task {
            Task::Send => self.state.queue.push_back(row),
            Task::SendNew => {
                self.hooks.progress.add_row();
                self.state.queue.push_back(row);
            }
            Task::Reissue => {
                let due = self.due(row.quiet_for);
                self.delay(due, row.line, DueRow::Send(row));
            }
            Task::Probe => {
                let user = row.user.clone();
                let Some(new) = row.new.take() else { return };
                let change = match row.current.take() {
                    Some(current) => PasswordChange::change(user, current, new),
                    None => PasswordChange::reset(user, new),
                };
                row.due = Some(self.due(row.quiet_for));
                let batch = row.batch;
                self.state.probes.push_back(SealedRow { row, change, batch });
            }
        }
    }

    // When a row that has been quiet for this many milliseconds can no longer be in flight.
    fn due(&self, quiet_for: i64) -> Instant {
        let quiet = Duration::from_millis(quiet_for.unsigned_abs());
        let wait = if quiet_for < 0 {
            self.options.in_flight_window + quiet
        } else {
            self.options.in_flight_window.saturating_sub(quiet)
        };
        Instant::now() + wait
    }

    fn reject(&mut self, bad: InvalidRow) {
        self.hooks.progress.add_row();
        self.hooks
            .progress
            .update(RowStatus::Pending, RowStatus::NotApplied);
        (self.hooks.on_row)(&RowEvent::of_bad(&bad));
        self.state.bad.push(bad);
    }

    fn on_shutdown(&mut self) {
        let shutdown = *self.hooks.shutdown.borrow_and_update();
        match shutdown {
            Shutdown::None => {}
            Shutdown::Drain => self.stop(StopReason::Drained),
            Shutdown::Abandon => {
                self.state.stopped = Some(StopReason::Abandoned);
                // Dropping the set aborts the calls.
                self.state.calls = JoinSet::new();
                for (_, row) in std::mem::take(&mut self.state.lines) {
                    self.interrupt(row, ABANDONED);
                }
            }
        }
    }

    // The first reason is kept.
    pub(super) fn stop(&mut self, why: StopReason) {
        self.state.stopped.get_or_insert(why);
    }
}

// The status of a row after an attempt or probe.
fn row_status(row: &PendingRow, state: RowPhase) -> RowStatus {
    match (row.task, state) {
        // The provider confirmed the last password, which stays true.
        (Task::Probe, _) if row.before == RowStatus::Applied => RowStatus::Applied,
        (Task::Probe, state) => RowStatus::of(state, row.more_unknown),
        (_, state) => RowStatus::of(state, row.before == RowStatus::Unknown),
    }
}

/// How many rows are kept sealed: as many as are sent while the next ones are sealed.
pub(super) fn sealed_ahead(concurrency: usize) -> usize {
    SEAL_BATCH.min(4 * concurrency).max(concurrency)
}

/// How many rows are read ahead of those in flight, sealed or not, besides those that are being sealed. What a worker of a
/// shared run has read, no other one sends.
fn read_ahead(is_shared: bool, concurrency: usize) -> usize {
    if is_shared {
        2 * sealed_ahead(concurrency)
    } else {
        2 * SEAL_BATCH.max(concurrency)
    }
}

/// How many rows are sealed at once. A seal costs as much as hundreds of the passwords in it.
pub(super) const SEAL_BATCH: usize = 1024;

pub(super) const ABANDONED: &str =
    "repass was interrupted before the response; the change may have been applied";

async fn reply<T>(receiver: &mut Option<oneshot::Receiver<T>>) -> Result<T, oneshot::error::RecvError> {
    match receiver {
        Some(receiver) => receiver.await,
        None => std::future::pending().await,
    }
}
