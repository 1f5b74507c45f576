//! The sources of rows, which are read on a separate thread.

use std::collections::{BTreeMap, HashMap};

use repass_domain::{Password, PriorState, UserId};
use secrecy::SecretString;
use tokio::runtime::Handle;
use tokio::sync::mpsc::Sender;

use super::row::{PendingRow, SourceItem, Task};
use crate::input::{Input, Item, Row};
use crate::journal::{JournalReader, JournalRow, LOST_BATCH, READ_WHOLE, RowPhase, different_input};
use crate::secrets::{GivenPasswords, Key, SecretRecord, open_given, read_sealed, read_secrets};
use crate::{BulkError, RowStatus, SecretsPlace};

const FEED_BATCH: usize = 256;

/// Where a session's rows come from.
#[derive(Debug)]
pub enum RowSource {
    /// The journal: pending rows, for which passwords are generated.
    Journal,
    /// The journal: rows with an unknown attempt, to be sent again with a fresh password when that attempt can no longer
    /// be in flight. Must precede [`Journal`](Self::Journal).
    Reissue,
    /// An input with passwords: pending rows, and rows that the journal does not have yet. With `resolve`, unknown rows
    /// are probed with the password from the input.
    Input {
        /// The same input with which the run was started.
        input: Box<Input>,
        /// Whether unknown rows are probed with the password from the input.
        resolve: bool,
    },
    /// The journal of a shared run that keeps the passwords of the input: pending rows. With `resolve`, unknown rows are
    /// probed with their passwords first.
    Given {
        /// The key that opens the passwords.
        key: Key,
        /// Whether unknown rows are probed.
        resolve: bool,
    },
    /// The generated passwords: unknown rows are probed with the passwords that were sent.
    Secrets {
        /// Where the passwords are kept.
        place: SecretsPlace,
        /// The key that opens them.
        key: Key,
    },
}

/// The providers of a session, for the sources.
#[derive(Debug, Clone)]
pub(super) struct ProviderIndex {
    /// The configured name and the id in the journal, by index.
    pub(super) providers: Vec<(String, u64)>,
}

/// How far rows are read ahead of the session.
#[derive(Debug)]
pub(super) enum ReadAhead {
    /// As far as there is room.
    Free,
    /// About this many rows, when the session has taken most of those before: others cannot have what is read.
    Few(u32, Handle),
}

pub(super) type SourceBatch = Result<Vec<SourceItem>, BulkError>;

/// Reads all sources, one after the other, until they are exhausted or the session has ended.
pub(super) fn feed(
    sources: Vec<RowSource>,
    journal: &dyn JournalReader,
    index: &ProviderIndex,
    sender: &Sender<SourceBatch>,
    ahead: &ReadAhead,
) {
    let mut out = Feeder {
        sender,
        feeds: Vec::new(),
    };
    let result = sources.into_iter().try_for_each(|source| match source {
        RowSource::Journal => from_journal(journal, None, index, ahead, &mut out),
        RowSource::Given { key, resolve } => {
            let mut given = Given::new(journal, key);
            if resolve {
                unknown(&mut given, index, &mut out)?;
            }
            from_journal(journal, Some(&mut given), index, ahead, &mut out)
        }
        RowSource::Reissue => reissued(journal, index, &mut out),
        RowSource::Input { input, resolve } => from_input(*input, resolve, journal, index, &mut out),
        RowSource::Secrets { place, key } => {
            // Of rows whose attempt is lost the last password that was sealed.
            let mut of_lost = BTreeMap::new();
            let probe = |opened| match probe(opened, journal, index)? {
                Some(row) if row.is_of_lost_attempt => {
                    of_lost.insert(row.pending.line, row);
                    Ok(())
                }
                Some(row) => out.push(SourceItem::Row(row.pending)),
                None => Ok(()),
            };
            match place {
                SecretsPlace::File(path) => read_secrets(&path, &key, probe),
                SecretsPlace::Journal => read_sealed(journal, &key, probe),
            }?;
            of_lost.into_values().try_for_each(|row| {
                // Another process may have settled it since.
                let standing = journal.row(row.pending.line)?.map(|row| standing(&row));
                if standing == Some(row.standing) {
                    out.push(SourceItem::Row(row.pending))
                } else {
                    Ok(())
                }
            })
        }
    });
    let result = result.and_then(|()| out.flush());
    // The session may have ended.
    if let Err(problem) = result {
        let _ = sender.blocking_send(Err(problem));
    }
}

struct Feeder<'a> {
    sender: &'a Sender<SourceBatch>,
    feeds: Vec<SourceItem>,
}

impl Feeder<'_> {
    fn push(&mut self, feed: SourceItem) -> Result<(), BulkError> {
        self.feeds.push(feed);
        if self.feeds.len() == FEED_BATCH {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> Result<(), BulkError> {
        if self.feeds.is_empty() {
            return Ok(());
        }
        let sent = self.sender.blocking_send(Ok(std::mem::replace(
            &mut self.feeds,
            Vec::with_capacity(FEED_BATCH),
        )));
        sent.map_err(|_| session_has_stopped())
    }

    fn wait_for_room(&self, runtime: &Handle) -> Result<(), BulkError> {
        // Not for the last batch: the session would run out of rows.
        let all_but_one = self.sender.reserve_many(self.sender.max_capacity() - 1);
        runtime
            .block_on(all_but_one)
            .map(drop)
            .map_err(|_| session_has_stopped())
    }
}

fn session_has_stopped() -> BulkError {
    BulkError::internal("the session has stopped")
}

impl ProviderIndex {
    fn of_number(&self, number: u64) -> Result<usize, BulkError> {
        let place = self.providers.iter().position(|(_, known)| *known == number);
        place.ok_or_else(|| {
            BulkError::usage("the journal has rows for a provider that is no longer configured")
        })
    }

    fn of_name(&self, name: &str) -> Result<usize, BulkError> {
        let place = self.providers.iter().position(|(known, _)| known == name);
        place.ok_or_else(|| BulkError::usage(format!("the provider {name} is not configured")))
    }
}

fn from_journal(
    journal: &dyn JournalReader,
    mut given: Option<&mut Given<'_>>,
    index: &ProviderIndex,
    ahead: &ReadAhead,
    out: &mut Feeder<'_>,
) -> Result<(), BulkError> {
    let mut after = 0;
    loop {
        let most = match ahead {
            ReadAhead::Free => 256,
            ReadAhead::Few(most, runtime) => {
                out.wait_for_room(runtime)?;
                *most
            }
        };
        let rows = journal.to_send(after, most)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.line;
        for row in rows {
            let provider = index.of_number(row.provider)?;
            let user = user(&row.user)?;
            let (new, current) = match &mut given {
                Some(given) => given.take(row.line)?,
                None => (None, None),
            };
            let row = pending_row(&row, user, provider, new, current, Task::Send);
            out.push(SourceItem::Row(row))?;
        }
        // Other workers may wait for them while this one waits for theirs.
        out.flush()?;
    }
}

/// The passwords of the input, which the journal keeps for many rows together.
struct Given<'a> {
    journal: &'a dyn JournalReader,
    key: Key,
    /// Those that were opened last, by line, and not taken.
    opened: HashMap<u64, GivenPasswords>,
}

impl<'a> Given<'a> {
    fn new(journal: &'a dyn JournalReader, key: Key) -> Self {
        Self {
            journal,
            key,
            opened: HashMap::new(),
        }
    }

    /// The new and the current password of a row.
    fn take(&mut self, line: u64) -> Result<(Option<Password>, Option<Password>), BulkError> {
        let missing = || BulkError::internal(format!("the journal was changed: line {line} has no password"));
        if !self.opened.contains_key(&line) {
            let sealed = self.journal.given(line)?.ok_or_else(missing)?;
            self.opened = open_given(sealed, &self.key)?;
        }
        let GivenPasswords { new, current } = self.opened.remove(&line).ok_or_else(missing)?;
        Ok((Some(new), current))
    }
}

// The rows with an unknown outcome, to be probed.
fn unknown(given: &mut Given<'_>, index: &ProviderIndex, out: &mut Feeder<'_>) -> Result<(), BulkError> {
    let mut lines = Vec::new();
    given.journal.for_each_row(Some(RowStatus::Unknown), &mut |row| {
        lines.push(row.line);
        Ok(())
    })?;
    for line in lines {
        let Some(known) = given.journal.row(line)? else {
            continue;
        };
        // Another process may have settled it, or be sending it.
        if known.state != RowPhase::Unknown {
            continue;
        }
        let (new, current) = given.take(line)?;
        let provider = index.of_number(known.provider)?;
        out.push(SourceItem::Row(PendingRow {
            prior_state: given.journal.prior_state(line, known.batch)?,
            quiet_for: given.journal.quiet_for(line)?,
            ..pending_row(&known, user(&known.user)?, provider, new, current, Task::Probe)
        }))?;
    }
    // The rows to send may have to wait for other workers.
    out.flush()
}

fn reissued(
    journal: &dyn JournalReader,
    index: &ProviderIndex,
    out: &mut Feeder<'_>,
) -> Result<(), BulkError> {
    let mut after = 0;
    loop {
        let rows = journal.to_reissue(after, 256)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.line;
        for row in rows {
            let provider = index.of_number(row.provider)?;
            let user = user(&row.user)?;
            out.push(SourceItem::Row(PendingRow {
                quiet_for: journal.quiet_for(row.line)?,
                ..pending_row(&row, user, provider, None, None, Task::Reissue)
            }))?;
        }
    }
}

fn from_input(
    mut input: Input,
    resolve: bool,
    journal: &dyn JournalReader,
    index: &ProviderIndex,
    out: &mut Feeder<'_>,
) -> Result<(), BulkError> {
    let whole = journal.fact(READ_WHOLE)?.is_some();
    while let Some(item) = input.next()? {
        let row = match item {
            Item::Row(row) => row,
            Item::Invalid(bad) => {
                if journal.row(bad.line)?.is_none() {
                    out.push(SourceItem::Invalid(bad))?;
                }
                continue;
            }
        };
        let provider = index.of_name(input.names().name(row.provider))?;
        match journal.row(row.line)? {
            None if whole => return Err(different_input(row.line)),
            None => out.push(SourceItem::Row(fresh(row, provider)))?,
            Some(known)
                if known.user != row.user.expose() || known.provider != index.providers[provider].1 =>
            {
                return Err(different_input(row.line));
            }
            Some(known) => {
                let task = match known.state {
                    RowPhase::Pending if !known.unsettled => Task::Send,
                    RowPhase::Unknown if resolve => Task::Probe,
                    _ => continue,
                };
                let (quiet_for, prior_state) = match task {
                    Task::Probe => (
                        journal.quiet_for(known.line)?,
                        journal.prior_state(known.line, known.batch)?,
                    ),
                    _ => (0, PriorState::default()),
                };
                out.push(SourceItem::Row(PendingRow {
                    prior_state,
                    quiet_for,
                    ..pending_row(&known, row.user, provider, row.new, row.current, task)
                }))?;
            }
        }
    }
    if whole { Ok(()) } else { out.push(SourceItem::End) }
}

fn fresh(row: Row, provider: usize) -> PendingRow {
    PendingRow {
        line: row.line,
        user: row.user,
        provider,
        new: row.new,
        current: row.current,
        attempts: 0,
        before: RowStatus::Pending,
        task: Task::SendNew,
        batch: 0,
        prior_state: PriorState::default(),
        more_unknown: false,
        quiet_for: 0,
        due: None,
    }
}

fn pending_row(
    row: &JournalRow,
    user: UserId,
    provider: usize,
    new: Option<Password>,
    current: Option<Password>,
    task: Task,
) -> PendingRow {
    PendingRow {
        line: row.line,
        user,
        provider,
        new,
        current,
        attempts: row.attempts,
        before: RowStatus::of(row.state, row.unsettled),
        task,
        batch: row.batch,
        prior_state: PriorState::default(),
        more_unknown: false,
        quiet_for: 0,
        due: None,
    }
}

// The last password that was sent, if it is unknown; if it was certainly not set, the one before it.
fn probe(
    opened: SecretRecord,
    journal: &dyn JournalReader,
    index: &ProviderIndex,
) -> Result<Option<Probe>, BulkError> {
    let Some(row) = journal.row(opened.line)? else {
        return Ok(None);
    };
    let last = row.batch == opened.batch;
    let earlier = if row.unsettled {
        journal.unknown_earlier(row.line)?
    } else {
        Vec::new()
    };
    let is_of_lost_attempt = row.is_of_lost_attempt()
        || matches!(row.state, RowPhase::NotApplied | RowPhase::Pending)
            && !last
            && earlier.first() == Some(&LOST_BATCH);
    let more_unknown = match row.state {
        // Which of its passwords was sent is not known, so that this one is not in place proves nothing.
        _ if is_of_lost_attempt => true,
        RowPhase::Unknown if last => row.unsettled,
        RowPhase::Applied if last && row.unsettled => false,
        RowPhase::NotApplied | RowPhase::Pending if row.unsettled => {
            if earlier.first() != Some(&opened.batch) {
                return Ok(None);
            }
            earlier.len() > 1
        }
        _ => return Ok(None),
    };
    let provider = index.of_number(row.provider)?;
    let new = password(opened.new_password)?;
    let pending = PendingRow {
        batch: opened.batch,
        prior_state: journal.prior_state(row.line, opened.batch)?,
        more_unknown,
        quiet_for: journal.quiet_for(row.line)?,
        ..pending_row(&row, user(&row.user)?, provider, Some(new), None, Task::Probe)
    };
    Ok(Some(Probe {
        is_of_lost_attempt,
        standing: standing(&row),
        pending,
    }))
}

/// A row to probe.
struct Probe {
    pending: PendingRow,
    /// Another password of the row may be the one that was sent.
    is_of_lost_attempt: bool,
    standing: (RowPhase, u64, bool),
}

// What a probe, or another attempt, changes.
fn standing(row: &JournalRow) -> (RowPhase, u64, bool) {
    (row.state, row.batch, row.unsettled)
}

fn password(secret: SecretString) -> Result<Password, BulkError> {
    Password::new(secret).map_err(|invalid| {
        BulkError::usage(format!("a password in the file of secrets {}", invalid.reason()))
    })
}

fn user(text: &str) -> Result<UserId, BulkError> {
    UserId::new(text).map_err(|invalid| BulkError::internal(format!("the journal was changed: {invalid}")))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc as std_mpsc;
    use std::sync::{Mutex, PoisonError};
    use std::thread;
    use std::time::Duration;

    use tokio::sync::mpsc;

    use super::*;
    use crate::journal::{ReasonCount, ReportRow, RunSummary, Tally};

    /// The journal of a worker that is given one row, and then waits for others until the row is in the session.
    #[derive(Debug)]
    struct WaitingReader(Mutex<(u64, std_mpsc::Receiver<()>)>);

    impl JournalReader for WaitingReader {
        fn to_send(&self, _: u64, _: u32) -> Result<Vec<JournalRow>, BulkError> {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.0 += 1;
            if state.0 > 1 {
                let received = state.1.recv_timeout(Duration::from_secs(5));
                return received
                    .map(|()| Vec::new())
                    .map_err(|_| BulkError::internal("the row is held back"));
            }
            Ok(vec![JournalRow {
                line: 2,
                user: "alice@example.com".to_owned(),
                provider: 1,
                state: RowPhase::Pending,
                unsettled: false,
                batch: 0,
                attempts: 0,
            }])
        }

        fn fact(&self, _: &str) -> Result<Option<String>, BulkError> {
            unreachable!()
        }
        fn is_active(&self) -> Result<bool, BulkError> {
            unreachable!()
        }
        fn providers(&self) -> Result<Vec<(u64, String)>, BulkError> {
            unreachable!()
        }
        fn identity(&self, _: u64) -> Result<Option<String>, BulkError> {
            unreachable!()
        }
        fn quiet_for(&self, _: u64) -> Result<i64, BulkError> {
            unreachable!()
        }
        fn prior_state(&self, _: u64, _: u64) -> Result<PriorState, BulkError> {
            unreachable!()
        }
        fn to_reissue(&self, _: u64, _: u32) -> Result<Vec<JournalRow>, BulkError> {
            unreachable!()
        }
        fn unresolved_count(&self) -> Result<u64, BulkError> {
            unreachable!()
        }
        fn unknown_earlier(&self, _: u64) -> Result<Vec<u64>, BulkError> {
            unreachable!()
        }
        fn row(&self, _: u64) -> Result<Option<JournalRow>, BulkError> {
            unreachable!()
        }
        fn earlier(&self, _: u64, _: u64) -> Result<Option<RowPhase>, BulkError> {
            unreachable!()
        }
        fn tally(&self) -> Result<Tally, BulkError> {
            unreachable!()
        }
        fn summary(&self) -> Result<RunSummary, BulkError> {
            unreachable!()
        }
        fn reasons(&self) -> Result<Vec<ReasonCount>, BulkError> {
            unreachable!()
        }
        fn finish_times(&self, _: &mut dyn FnMut(u64, i64)) -> Result<(), BulkError> {
            unreachable!()
        }
        fn for_each_row(
            &self,
            _: Option<RowStatus>,
            _: &mut dyn FnMut(ReportRow) -> Result<(), BulkError>,
        ) -> Result<(), BulkError> {
            unreachable!()
        }
    }

    // Two workers that each held rows back would wait for each other forever.
    #[test]
    fn claimed_rows_reach_the_session_before_more_are_claimed() {
        let (received, receipts) = std_mpsc::channel();
        let reader = WaitingReader(Mutex::new((0, receipts)));
        let index = ProviderIndex {
            providers: vec![("zoom".to_owned(), 1)],
        };
        let (sender, mut batches) = mpsc::channel(4);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let ahead = ReadAhead::Few(32, runtime.handle().clone());
        let source = thread::spawn(move || feed(vec![RowSource::Journal], &reader, &index, &sender, &ahead));
        let mut rows = 0;
        while let Some(batch) = batches.blocking_recv() {
            rows += batch.unwrap().len();
            received.send(()).unwrap();
        }
        source.join().unwrap();
        assert_eq!(rows, 1);
    }
}
