//! The state of a run on which processes may be at work.

use std::time::{Duration, Instant};

use repass_bulk::{BulkError, Run, RunReader, Tally};

/// The state of a run on which processes may be at work. Their rows in flight do not count as unknown.
pub(super) struct LiveState {
    pub(super) tally: Tally,
    pub(super) in_flight: u64,
    /// Whether a process is at work.
    pub(super) is_active: bool,
    pub(super) is_fully_read: bool,
}

impl LiveState {
    pub(super) fn of(run: &RunReader) -> Result<Self, BulkError> {
        // In this order: a run that ends in between has recorded its outcomes by then.
        let is_active = run.is_active()?;
        let facts = run.summary()?;
        let in_flight = if is_active { facts.in_flight } else { 0 };
        let mut tally = facts.tally;
        // Other processes may have ended some in between.
        tally.unknown = tally.unknown.saturating_sub(in_flight);
        Ok(Self {
            tally,
            in_flight,
            is_active,
            is_fully_read: facts.read_whole,
        })
    }
}

/// The outcomes so far, before a session of this process.
pub(super) fn tally(run: &Run) -> Result<Tally, BulkError> {
    if run.name().is_shared() {
        LiveState::of(&run.reader()?).map(|state| state.tally)
    } else {
        run.tally()
    }
}

/// The outcomes of all workers of a shared run, read now and then.
pub(super) struct SharedTally {
    run: RunReader,
    tally: Tally,
    next: Instant,
}

impl SharedTally {
    // Counting takes time in large runs, and the worker claims rows by the same connection.
    const PERIOD: Duration = Duration::from_secs(5);
    const PERIODS_PER_READ: u32 = 50;

    pub(super) fn new(run: RunReader, tally: Tally) -> Self {
        Self {
            run,
            tally,
            next: Instant::now() + Self::PERIOD,
        }
    }

    /// The last tally that was read. If the database cannot be read, the session reports that.
    pub(super) fn get(&mut self) -> Tally {
        let start = Instant::now();
        if start >= self.next {
            if let Ok(state) = LiveState::of(&self.run) {
                self.tally = state.tally;
            }
            self.next = Instant::now() + Self::PERIOD.max(Self::PERIODS_PER_READ * start.elapsed());
        }
        self.tally
    }
}
