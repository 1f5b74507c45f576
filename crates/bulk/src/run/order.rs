//! From the queue to the provider: what is sealed, written, and then sent.

use tokio::sync::oneshot;

use super::call::Done;
use super::controls::Stopped;
use super::pump::{Batch, Order, Written};
use super::session::{ABANDONED, SEALED_AT_ONCE, Session};
use super::work::{Task, Work};
use crate::{Outcome, Problem};

impl Session {
    // Has everything written that waits for it, one order at a time, so that what comes meanwhile shares the next.
    pub(super) fn order(&mut self) {
        if self.state.written.is_some() {
            return;
        }
        let concurrency = self.concurrency();
        let seal = self.take_to_seal(concurrency);
        let room = concurrency.saturating_sub(self.state.calls.len());
        let mut begin = Vec::with_capacity(room.min(self.state.sealed.len()));
        while begin.len() < room && self.taking() {
            let Some(ready) = self.state.sealed.pop_front() else {
                break;
            };
            self.state.begun += 1;
            begin.push(ready);
        }
        let state = &mut self.state;
        let batch = Batch {
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
        if self.orders.send(Order { batch, done }).is_ok() {
            state.written = Some(written);
        } else {
            self.stop(Stopped::Problem(Problem::machine("the journal's thread is gone")));
        }
    }

    // Rows for which sealed ones would run out while those are under way. Probes are made at once.
    fn take_to_seal(&mut self, concurrency: usize) -> Vec<Work> {
        if self.state.sealed.len() >= concurrency || !self.taking() {
            return Vec::new();
        }
        let mut most = SEALED_AT_ONCE.max(concurrency);
        if let Some(canary) = &self.controls.canary {
            let left = usize::try_from(canary.rows - self.state.begun).unwrap_or(usize::MAX);
            most = most.min(left.saturating_sub(self.state.sealed.len()));
        }
        let mut seal = Vec::with_capacity(most.min(self.state.queue.len()));
        while seal.len() < most {
            let probes = self
                .state
                .queue
                .front()
                .is_some_and(|work| work.task == Task::Probe);
            if probes && (self.state.calls.len() >= concurrency || !self.taking()) {
                break;
            }
            match self.state.queue.pop_front() {
                Some(work) if probes => {
                    self.state.begun += 1;
                    self.probe(work);
                }
                Some(work) => seal.push(work),
                None => break,
            }
        }
        seal
    }

    pub(super) fn written(&mut self, written: Result<Result<Written, Problem>, oneshot::error::RecvError>) {
        self.state.written = None;
        let gone = |_| Err(Problem::machine("the journal's thread is gone"));
        let written = match written.unwrap_or_else(gone) {
            Ok(written) => written,
            Err(problem) => return self.stop(Stopped::Problem(problem)),
        };
        let abandoned = self.state.stopped == Some(Stopped::Abandoned);
        for row in written.begun {
            if abandoned {
                // In the journal it is being sent, but nobody waits any more: it was not sent.
                self.state.ended.push(Done::abandoned(row.work.line, ABANDONED));
                self.operator.progress.moved(row.work.before, Outcome::Unknown);
            } else {
                self.call(row);
            }
        }
        match written.sealed {
            Ok(sealed) => self.state.sealed.extend(sealed),
            Err(problem) => self.stop(Stopped::Problem(problem)),
        }
    }
}
