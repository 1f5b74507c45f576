//! Going on with a run: rows are begun as fast as the providers answer, and no faster than can be kept track of.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, mpsc as std_mpsc};

use repass_domain::CallContext;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinError, JoinSet};

use super::call::{self, Done};
use super::controls::{Controls, Haste, OnUnknown, Operator, Stopped};
use super::pump::{Order, Ready, Written};
use super::source::Fed;
use super::stuck::Stuck;
use super::watch::Event;
use super::work::{Feed, Task, Work};
use crate::input::BadRow;
use crate::journal::{Ended, State};
use crate::{Outcome, Passwords, Problem, Provider};

pub(super) struct Session {
    pub(super) providers: Vec<Arc<Provider>>,
    pub(super) passwords: Passwords,
    pub(super) controls: Controls,
    pub(super) operator: Operator,
    pub(super) feeds: mpsc::Receiver<Fed>,
    pub(super) orders: std_mpsc::Sender<Order>,
    pub(super) state: Under,
}

/// What is under way.
#[derive(Default)]
pub(super) struct Under {
    pub(super) queue: VecDeque<Work>,
    pub(super) sealed: VecDeque<Ready>,
    pub(super) bad: Vec<BadRow>,
    pub(super) ended: Vec<Ended>,
    pub(super) whole: bool,
    pub(super) exhausted: bool,
    pub(super) written: Option<oneshot::Receiver<Result<Written, Problem>>>,
    pub(super) calls: JoinSet<Done>,
    pub(super) lines: HashMap<Id, (u64, Outcome)>,
    pub(super) begun: u64,
    pub(super) failures: u64,
    pub(super) unknown: u64,
    pub(super) stuck: Stuck,
    pub(super) stopped: Option<Stopped>,
}

impl Session {
    pub(super) async fn run(mut self) -> Stopped {
        loop {
            self.order();
            self.operator.progress.flying(self.state.calls.len());
            if self.state.calls.is_empty() && self.state.written.is_none() {
                if self.canary_is_due() {
                    self.ask().await;
                    continue;
                }
                if self.state.stopped.is_some()
                    || (self.state.exhausted && self.state.queue.is_empty() && self.state.sealed.is_empty())
                {
                    return self.state.stopped.unwrap_or(Stopped::Done);
                }
            }
            let hungry = self.hungry();
            let state = &mut self.state;
            tokio::select! {
                biased;
                Ok(()) = self.operator.haste.changed() => self.hurry(),
                written = answer(&mut state.written), if state.written.is_some() => self.written(written),
                Some(ended) = state.calls.join_next_with_id(), if !state.calls.is_empty() => self.call_ended(ended),
                fed = self.feeds.recv(), if hungry => self.fed(fed),
            }
        }
    }

    pub(super) fn concurrency(&self) -> usize {
        // Twice what a second allows: any more would only wait, and be unknown if it were killed waiting.
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
            && !(canary.ask)(self.operator.progress.tally()).await
        {
            self.stop(Stopped::Canary);
        }
    }

    fn hungry(&self) -> bool {
        self.state.stopped.is_none()
            && !self.state.exhausted
            && self.state.queue.len() < SEALED_AT_ONCE.max(self.concurrency())
    }

    pub(super) fn probe(&mut self, mut work: Work) {
        let user = work.user.clone();
        let Some(new) = work.new.take() else { return };
        let change = match work.current.take() {
            Some(current) => repass_domain::PasswordChange::change(user, current, new),
            None => repass_domain::PasswordChange::reset(user, new),
        };
        self.call(Ready {
            work,
            change,
            batch: 0,
        });
    }

    pub(super) fn call(&mut self, Ready { work, change, .. }: Ready) {
        let provider = Arc::clone(&self.providers[work.provider]);
        let cx = CallContext::with_budget(self.controls.budget);
        let row = (work.line, work.before);
        let call = call::make(provider, work, change, self.controls.on_unknown, cx);
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
                // A call that panics was sent, or not.
                Err(error) => {
                    if let Some((line, before)) = self.state.lines.remove(&error.id()) {
                        self.state.ended.push(Done::abandoned(
                            line,
                            "the call broke inside, so its outcome is unknown",
                        ));
                        self.operator.progress.moved(before, Outcome::Unknown);
                        self.state.unknown += 1;
                    }
                }
            }
            match self.state.calls.try_join_next_with_id() {
                Some(next) => ended = next,
                None => return,
            }
        }
    }

    fn done(&mut self, done: Done) {
        let Done { work, ended, kind } = done;
        let unsettled = work.before == Outcome::Unknown && work.task != Task::Probe;
        let outcome = Outcome::of(ended.state, unsettled);
        self.operator.progress.moved(work.before, outcome);
        self.operator.progress.one_ended();
        (self.operator.observe)(&Event {
            line: work.line,
            user: Some(work.user.expose()),
            provider: Some(self.providers[work.provider].name()),
            outcome,
            kind: ended.kind,
            code: ended.code.as_deref(),
            message: ended.message.as_deref(),
            attempts: work.attempts + u64::from(work.task != Task::Probe),
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
            Outcome::NotApplied => self.state.failures += 1,
            Outcome::Unknown => self.state.unknown += 1,
            Outcome::Applied | Outcome::Pending => {}
        }
        let again = self.controls.on_unknown == OnUnknown::Reissue
            && self.passwords == Passwords::Generated
            && work.task == Task::Send
            && ended.state == State::Unknown;
        self.state.ended.push(ended);
        if again {
            self.state.queue.push_front(Work {
                attempts: work.attempts + 1,
                before: Outcome::Unknown,
                task: Task::SendAgain,
                ..work
            });
        }
        let reached = |count: u64, most: Option<u64>| most.is_some_and(|most| count >= most);
        if reached(self.state.failures, self.controls.max_failures) {
            self.stop(Stopped::Failures(self.state.failures));
        }
        if reached(self.state.unknown, self.controls.max_unknown) {
            self.stop(Stopped::Unknown(self.state.unknown));
        }
    }

    fn fed(&mut self, fed: Option<Fed>) {
        let Some(fed) = fed else {
            self.state.exhausted = true;
            return;
        };
        match fed {
            Err(problem) => self.stop(Stopped::Problem(problem)),
            Ok(feeds) => {
                for feed in feeds {
                    match feed {
                        Feed::Work(work) => {
                            if work.task == Task::SendFresh {
                                self.operator.progress.came();
                            }
                            self.state.queue.push_back(work);
                        }
                        Feed::Bad(bad) => self.refused(bad),
                        Feed::Whole => self.state.whole = true,
                    }
                }
            }
        }
    }

    fn refused(&mut self, bad: BadRow) {
        self.operator.progress.came();
        self.operator
            .progress
            .moved(Outcome::Pending, Outcome::NotApplied);
        (self.operator.observe)(&Event::of_bad(&bad));
        self.state.bad.push(bad);
    }

    fn hurry(&mut self) {
        let haste = *self.operator.haste.borrow_and_update();
        match haste {
            Haste::None => {}
            Haste::Drain => self.stop(Stopped::Drained),
            Haste::Stop => {
                self.state.stopped = Some(Stopped::Abandoned);
                // Dropping them ends them where they are.
                self.state.calls = JoinSet::new();
                for (_, (line, before)) in self.state.lines.drain() {
                    self.state.ended.push(Done::abandoned(line, ABANDONED));
                    self.operator.progress.moved(before, Outcome::Unknown);
                }
            }
        }
    }

    // The first reason is the one to tell.
    pub(super) fn stop(&mut self, why: Stopped) {
        self.state.stopped.get_or_insert(why);
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
