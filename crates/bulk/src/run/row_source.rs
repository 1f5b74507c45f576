//! The sources of rows, which are read on a separate thread.

use repass_domain::{Password, PriorState, UserId};
use secrecy::SecretString;
use tokio::sync::mpsc::Sender;

use super::row::{PendingRow, SourceItem, Task};
use crate::input::{Input, Item, Row};
use crate::journal::{JournalReader, JournalRow, READ_WHOLE, RowPhase};
use crate::secrets::{Key, SecretRecord, read_sealed, read_secrets};
use crate::{BulkError, RowStatus, SecretsPlace};

const FEED_BATCH: usize = 64;

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

pub(super) type SourceBatch = Result<Vec<SourceItem>, BulkError>;

/// Reads all sources, one after the other, until they are exhausted or the session has ended.
pub(super) fn feed(
    sources: Vec<RowSource>,
    journal: &dyn JournalReader,
    index: &ProviderIndex,
    sender: &Sender<SourceBatch>,
) {
    let mut out = Feeder {
        sender,
        feeds: Vec::new(),
    };
    let result = sources.into_iter().try_for_each(|source| match source {
        RowSource::Journal => from_journal(journal, index, &mut out),
        RowSource::Reissue => reissued(journal, index, &mut out),
        RowSource::Input { input, resolve } => from_input(*input, resolve, journal, index, &mut out),
        RowSource::Secrets { place, key } => {
            let probe = |opened| {
                let probe = probe(opened, journal, index)?;
                probe.map_or(Ok(()), |row| out.push(SourceItem::Row(row)))
            };
            match place {
                SecretsPlace::File(path) => read_secrets(&path, &key, probe),
                SecretsPlace::Journal => read_sealed(journal, &key, probe),
            }
            .map(drop)
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
        sent.map_err(|_| BulkError::internal("the session has stopped"))
    }
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
    index: &ProviderIndex,
    out: &mut Feeder<'_>,
) -> Result<(), BulkError> {
    let mut after = 0;
    loop {
        let rows = journal.to_send(after, 256)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.line;
        for row in rows {
            let provider = index.of_number(row.provider)?;
            let user = user(&row.user)?;
            out.push(SourceItem::Row(pending_row(
                &row,
                user,
                provider,
                None,
                None,
                Task::Send,
            )))?;
        }
    }
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
            None if whole => return Err(not_the_same(row.line)),
            None => out.push(SourceItem::Row(fresh(row, provider)))?,
            Some(known)
                if known.user != row.user.expose() || known.provider != index.providers[provider].1 =>
            {
                return Err(not_the_same(row.line));
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

fn not_the_same(line: u64) -> BulkError {
    BulkError::usage(format!(
        "line {line} of the input differs from when the run was started; pass the same input"
    ))
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
) -> Result<Option<PendingRow>, BulkError> {
    let Some(row) = journal.row(opened.line)? else {
        return Ok(None);
    };
    let last = row.batch == opened.batch;
    let more_unknown = match row.state {
        RowPhase::Unknown if last => row.unsettled,
        RowPhase::Applied if last && row.unsettled => false,
        RowPhase::NotApplied | RowPhase::Pending if row.unsettled => {
            let earlier = journal.unknown_earlier(row.line)?;
            if earlier.first() != Some(&opened.batch) {
                return Ok(None);
            }
            earlier.len() > 1
        }
        _ => return Ok(None),
    };
    let provider = index.of_number(row.provider)?;
    let new = password(opened.new_password)?;
    Ok(Some(PendingRow {
        batch: opened.batch,
        prior_state: journal.prior_state(row.line, opened.batch)?,
        more_unknown,
        quiet_for: journal.quiet_for(row.line)?,
        ..pending_row(&row, user(&row.user)?, provider, Some(new), None, Task::Probe)
    }))
}

fn password(secret: SecretString) -> Result<Password, BulkError> {
    Password::new(secret).map_err(|invalid| {
        BulkError::usage(format!("a password in the file of secrets {}", invalid.reason()))
    })
}

fn user(text: &str) -> Result<UserId, BulkError> {
    UserId::new(text).map_err(|invalid| BulkError::internal(format!("the journal was changed: {invalid}")))
}
