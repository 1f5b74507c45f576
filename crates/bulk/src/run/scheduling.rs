//! Scheduling: which rows are sealed, recorded and started next.

use tokio::sync::oneshot;

use super::change::interrupted;
use super::journal_writer::{WriteBatch, WriteRequest, WriteResult};
use super::now;
use super::options::StopReason;
use super::row::PendingRow;
use super::send_gate::{SendIntent, SendRequest};
use super::session::{ABANDONED, SEAL_BATCH, Session};
use crate::input::DUPLICATE;
use crate::journal::{AttemptEnd, EndKind, RowPhase};
use crate::{BulkError, RowStatus};

impl Session {
    // Starts calls, and requests one write of everything that is pending. What arrives during a write shares the next.
    pub(super) fn schedule(&mut self) {
        self.release_due();
        let concurrency = self.concurrency();
        while self.state.calls.len() < concurrency && self.accepts_rows() {
            let ready = self.state.probes.pop_front();
            let Some(ready) = ready.or_else(|| self.state.sealed.pop_front()) else {
                break;
            };
            self.state.begun += 1;
            self.start_call(ready);
        }
        if self.state.written.is_some() {
            return;
        }
        let seal = self.take_to_seal(concurrency);
        let begin = self.take_send_requests();
        let state = &mut self.state;
        let batch = WriteBatch {
            bad: std::mem::take(&mut state.bad),
            ended: std::mem::take(&mut state.ended),
            begin,
            seal,
            whole: std::mem::take(&mut state.whole),
        };
        let rows = batch.bad.len() + batch.ended.len() + batch.begin.len() + batch.seal.len();
        if rows == 0 && !batch.whole {
            return;
        }
        let (done, written) = oneshot::channel();
        if self.writes.send(WriteRequest { batch, done }).is_ok() {
            state.written = Some(written);
        } else {
            self.stop(StopReason::Error(BulkError::internal(
                "the journal's thread is gone",
            )));
        }
    }

    // The calls that wait to send. In a session that is stopping only calls that have sent before continue.
    fn take_send_requests(&mut self) -> Vec<SendIntent> {
        let stopping = self.state.stopped.is_some();
        let mut begin = Vec::with_capacity(self.state.send_requests.len());
        for SendRequest { mut intent, reply } in self.state.send_requests.drain(..) {
            let in_flight = self.state.sending.contains(&intent.line);
            intent.resent = in_flight && !intent.kind.is_probe();
            if stopping && !in_flight {
                // The call may be gone.
                let _ = reply.send(false);
            } else {
                begin.push(intent.clone());
                self.state.granting.push(SendRequest { intent, reply });
            }
        }
        begin
    }

    // Rows to seal, when the sealed rows would run out while the current ones are in flight.
    fn take_to_seal(&mut self, concurrency: usize) -> Vec<PendingRow> {
        if self.state.sealed.len() >= concurrency || !self.accepts_rows() {
            return Vec::new();
        }
        let mut most = SEAL_BATCH.max(concurrency);
        if let Some(canary) = &self.options.canary {
            let left = usize::try_from(canary.rows - self.state.begun).unwrap_or(usize::MAX);
            most = most.min(left.saturating_sub(self.state.sealed.len()));
        }
        let most = most.min(self.state.queue.len());
        self.state.queue.drain(..most).collect()
    }

    // A row whose account another process changes on another line: it is not sent.
    fn reject_duplicate(&mut self, intent: &SendIntent) {
        let message = "another row of this run is for the same account; only one of them is sent";
        let end = AttemptEnd {
            kind: Some(DUPLICATE),
            message: Some(message.to_owned()),
            sent: EndKind::NotSent(None),
            ..AttemptEnd::new(intent.line, RowPhase::NotApplied, now())
        };
        self.state.ended.push(end);
        self.hooks.progress.update(intent.before, RowStatus::NotApplied);
        self.state.failures += 1;
    }

    pub(super) fn on_written(
        &mut self,
        written: Result<Result<WriteResult, BulkError>, oneshot::error::RecvError>,
    ) {
        self.state.written = None;
        let granting = std::mem::take(&mut self.state.granting);
        let gone = |_| Err(BulkError::internal("the journal's thread is gone"));
        let written = match written.unwrap_or_else(gone) {
            Ok(written) => written,
            // The waiting calls get no reply, so they do not send.
            Err(problem) => return self.stop(StopReason::Error(problem)),
        };
        for SendRequest { intent, reply } in granting {
            if self.state.stopped == Some(StopReason::Abandoned) {
                // The journal has it as sending, but its call is gone without having sent.
                if !intent.kind.is_probe() && !intent.resent {
                    let end = interrupted(intent.line, ABANDONED, EndKind::Recorded);
                    self.state.ended.push(end);
                    self.hooks.progress.update(intent.before, RowStatus::Unknown);
                }
                continue;
            }
            if written.refused.contains(&intent.line) {
                let _ = reply.send(false);
                self.reject_duplicate(&intent);
                continue;
            }
            if !intent.kind.is_probe() {
                self.state.sending.insert(intent.line);
            }
            // The call may be gone; then its end was reported.
            let _ = reply.send(true);
        }
        match written.sealed {
            Ok(sealed) => self.state.sealed.extend(sealed),
            Err(problem) => self.stop(StopReason::Error(problem)),
        }
    }
}
