//! Scheduling: which rows are sealed, started and recorded next.

use tokio::sync::oneshot;

use super::change::interrupted;
use super::journal_writer::{WriteBatch, WriteRequest, WriteResult};
use super::now;
use super::options::StopReason;
use super::password_sealer::{SealRequest, SealResult};
use super::send_gate::{SendIntent, SendRequest};
use super::session::{ABANDONED, SEAL_BATCH, Session, sealed_ahead};
use crate::input::DUPLICATE;
use crate::journal::{AttemptEnd, EndKind, RowPhase};
use crate::{BulkError, RowStatus};

impl Session {
    // Starts calls, and seals the passwords of the next.
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
        self.seal(concurrency);
    }

    /// Requests one write of everything that is pending.
    pub(super) fn write(&mut self) {
        if self.state.unwritten() == 0 && !self.state.whole {
            return;
        }
        let begin = self.take_send_requests();
        let state = &mut self.state;
        let batch = WriteBatch {
            bad: std::mem::take(&mut state.bad),
            ended: std::mem::take(&mut state.ended),
            begin,
            whole: std::mem::take(&mut state.whole),
        };
        let (done, written) = oneshot::channel();
        if self.writes.send(WriteRequest { batch, done }).is_ok() {
            state.written = Some(written);
        } else {
            self.stop(StopReason::Error(writer_is_gone()));
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

    // Seals more rows, well before the sealed ones run out.
    fn seal(&mut self, concurrency: usize) {
        let has_enough = self.state.sealed.len() >= sealed_ahead(concurrency);
        if self.state.sealing.is_some() || has_enough || !self.accepts_rows() {
            return;
        }
        let mut most = SEAL_BATCH.max(concurrency);
        if let Some(canary) = &self.options.canary {
            let left = usize::try_from(canary.rows - self.state.begun).unwrap_or(usize::MAX);
            most = most.min(left.saturating_sub(self.state.sealed.len()));
        }
        let most = most.min(self.state.queue.len());
        if most == 0 {
            return;
        }
        let rows = self.state.queue.drain(..most).collect();
        let (done, sealing) = oneshot::channel();
        if self.seals.send(SealRequest { rows, done }).is_ok() {
            self.state.sealing = Some(sealing);
        } else {
            self.stop(StopReason::Error(sealer_is_gone()));
        }
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

    pub(super) fn on_sealed(&mut self, sealed: Result<SealResult, oneshot::error::RecvError>) {
        self.state.sealing = None;
        match sealed.unwrap_or_else(|_| Err(sealer_is_gone())) {
            Ok(sealed) => self.state.sealed.extend(sealed),
            Err(problem) => self.stop(StopReason::Error(problem)),
        }
    }

    pub(super) fn on_written(&mut self, written: Result<WriteResult, oneshot::error::RecvError>) {
        self.state.written = None;
        let granting = std::mem::take(&mut self.state.granting);
        let refused = match written.unwrap_or_else(|_| Err(writer_is_gone())) {
            Ok(refused) => refused,
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
            if refused.contains(&intent.line) {
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
    }
}

fn writer_is_gone() -> BulkError {
    BulkError::internal("the journal's thread is gone")
}

fn sealer_is_gone() -> BulkError {
    BulkError::internal("the thread that seals passwords is gone")
}
