//! From the queue to the provider: what is sealed, written, and then sent.

use tokio::sync::oneshot;

use super::change::abandoned;
use super::journal_writer::{WriteBatch, WriteRequest, WriteResult};
use super::options::StopReason;
use super::row::PendingRow;
use super::send_gate::{SendIntent, SendRequest};
use super::session::{ABANDONED, SEAL_BATCH, Session};
use crate::journal::EndKind;
use crate::{BulkError, RowStatus};

impl Session {
    // Begins calls, and has everything written that waits for it, one order at a time, so that what comes meanwhile
    // shares the next.
    pub(super) fn order(&mut self) {
        self.wake();
        let concurrency = self.concurrency();
        while self.state.calls.len() < concurrency && self.taking() {
            let ready = self.state.probes.pop_front();
            let Some(ready) = ready.or_else(|| self.state.sealed.pop_front()) else {
                break;
            };
            self.state.begun += 1;
            self.call(ready);
        }
        if self.state.written.is_some() {
            return;
        }
        let seal = self.take_to_seal(concurrency);
        let begin = self.take_asked();
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
        if self.orders.send(WriteRequest { batch, done }).is_ok() {
            state.written = Some(written);
        } else {
            self.stop(StopReason::Error(BulkError::internal(
                "the journal's thread is gone",
            )));
        }
    }

    // Calls that wait to send. In a session that stops only those go on that have sent before: what is under way ends.
    fn take_asked(&mut self) -> Vec<SendIntent> {
        let stops = self.state.stopped.is_some();
        let mut begin = Vec::with_capacity(self.state.asked.len());
        for SendRequest { mut intent, answer } in self.state.asked.drain(..) {
            let under_way = self.state.sending.contains(&intent.line);
            intent.resent = under_way && !intent.act.is_probe();
            if stops && !under_way {
                // A call that is gone needs no answer.
                let _ = answer.send(false);
            } else {
                begin.push(intent.clone());
                self.state.granting.push(SendRequest { intent, answer });
            }
        }
        begin
    }

    // Rows for which sealed ones would run out while those are under way.
    fn take_to_seal(&mut self, concurrency: usize) -> Vec<PendingRow> {
        if self.state.sealed.len() >= concurrency || !self.taking() {
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

    pub(super) fn written(
        &mut self,
        written: Result<Result<WriteResult, BulkError>, oneshot::error::RecvError>,
    ) {
        self.state.written = None;
        let granting = std::mem::take(&mut self.state.granting);
        let gone = |_| Err(BulkError::internal("the journal's thread is gone"));
        let written = match written.unwrap_or_else(gone) {
            Ok(written) => written,
            // Those that ask are not answered, so they do not send.
            Err(problem) => return self.stop(StopReason::Error(problem)),
        };
        for SendRequest { intent, answer } in granting {
            if self.state.stopped == Some(StopReason::Abandoned) {
                // In the journal it is being sent, but its call is gone: it was not sent.
                if !intent.act.is_probe() && !intent.resent {
                    let ended = abandoned(intent.line, ABANDONED, EndKind::Recorded);
                    self.state.ended.push(ended);
                    self.hooks.progress.update(intent.before, RowStatus::Unknown);
                }
                continue;
            }
            if !intent.act.is_probe() {
                self.state.sending.insert(intent.line);
            }
            // A call that is gone needs no answer; its end says what it was.
            let _ = answer.send(true);
        }
        match written.sealed {
            Ok(sealed) => self.state.sealed.extend(sealed),
            Err(problem) => self.stop(StopReason::Error(problem)),
        }
    }
}
