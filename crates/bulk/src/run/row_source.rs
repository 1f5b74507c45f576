//! Where the rows to send or to probe come from. Each source reads on a thread of its own.

use std::path::PathBuf;

use repass_domain::{Password, UserId};
use secrecy::SecretString;
use tokio::sync::mpsc::Sender;

use super::row::{PendingRow, SourceItem, Task};
use crate::input::{Input, Item, Row};
use crate::journal::{JournalRow, Reader, RowPhase};
use crate::secrets::{Key, SecretRecord, read_secrets};
use crate::{BulkError, RowStatus};

const FEED_BATCH: usize = 64;

/// Where the rows of a session come from.
#[derive(Debug)]
pub enum RowSource {
    /// The journal: rows that are still to be sent, for which passwords are made.
    Journal,
    /// The journal: rows that an unknown sending stands after, to be sent again with a fresh password when nothing of
    /// that can be in flight any more. Has to come before [`Journal`](Self::Journal).
    Reissue,
    /// The input, which gives passwords: rows that are still to be sent, and those that the journal does not have
    /// yet. With `settle`, unknown rows are probed with the password that it gives.
    Input {
        /// The same input as before.
        input: Box<Input>,
        /// Whether unknown rows are probed.
        settle: bool,
    },
    /// The file of secrets: unknown rows are probed with the password that was sent.
    Secrets {
        /// The file.
        path: PathBuf,
        /// What opens it.
        key: Key,
    },
}

/// A session's providers, as sources need them.
#[derive(Debug, Clone)]
pub(super) struct ProviderIndex {
    /// By place: the configured name, and the number in the journal.
    pub(super) providers: Vec<(String, u64)>,
}

pub(super) type SourceBatch = Result<Vec<SourceItem>, BulkError>;

/// Feeds all sources, one after the other, until they are exhausted or nobody takes any more.
pub(super) fn feed(
    sources: Vec<RowSource>,
    journal: &Reader,
    places: &ProviderIndex,
    sender: &Sender<SourceBatch>,
) {
    let mut out = Feeder {
        sender,
        feeds: Vec::new(),
    };
    let fed = sources.into_iter().try_for_each(|source| match source {
        RowSource::Journal => from_journal(journal, places, &mut out),
        RowSource::Reissue => reissued(journal, places, &mut out),
        RowSource::Input { input, settle } => from_input(*input, settle, journal, places, &mut out),
        RowSource::Secrets { path, key } => read_secrets(&path, &key, |opened| {
            let probe = probe(opened, journal, places)?;
            probe.map_or(Ok(()), |work| out.push(SourceItem::Row(work)))
        })
        .map(drop),
    });
    let fed = fed.and_then(|()| out.flush());
    // Nobody listens to the end of a session that has stopped.
    if let Err(problem) = fed {
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

fn from_journal(journal: &Reader, places: &ProviderIndex, out: &mut Feeder<'_>) -> Result<(), BulkError> {
    let mut after = 0;
    loop {
        let rows = journal.to_send(after, 256)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.line;
        for row in rows {
            let provider = places.of_number(row.provider)?;
            let user = user(&row.user)?;
            out.push(SourceItem::Row(work(
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

fn reissued(journal: &Reader, places: &ProviderIndex, out: &mut Feeder<'_>) -> Result<(), BulkError> {
    let mut after = 0;
    loop {
        let rows = journal.to_reissue(after, 256)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.line;
        for row in rows {
            let provider = places.of_number(row.provider)?;
            let user = user(&row.user)?;
            out.push(SourceItem::Row(PendingRow {
                quiet_for: journal.quiet_for(row.line)?,
                ..work(&row, user, provider, None, None, Task::Reissue)
            }))?;
        }
    }
}

fn from_input(
    mut input: Input,
    settle: bool,
    journal: &Reader,
    places: &ProviderIndex,
    out: &mut Feeder<'_>,
) -> Result<(), BulkError> {
    let whole = journal.fact(super::READ_WHOLE)?.is_some();
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
        let provider = places.of_name(input.names().name(row.provider))?;
        match journal.row(row.line)? {
            None if whole => return Err(not_the_same(row.line)),
            None => out.push(SourceItem::Row(fresh(row, provider)))?,
            Some(known)
                if known.user != row.user.expose() || known.provider != places.providers[provider].1 =>
            {
                return Err(not_the_same(row.line));
            }
            Some(known) => {
                let task = match known.state {
                    RowPhase::Pending if !known.unsettled => Task::Send,
                    RowPhase::Unknown if settle => Task::Probe,
                    _ => continue,
                };
                let quiet_for = match task {
                    Task::Probe => journal.quiet_for(known.line)?,
                    _ => 0,
                };
                out.push(SourceItem::Row(PendingRow {
                    quiet_for,
                    ..work(&known, row.user, provider, row.new, row.current, task)
                }))?;
            }
        }
    }
    if whole { Ok(()) } else { out.push(SourceItem::End) }
}

fn not_the_same(line: u64) -> BulkError {
    BulkError::usage(format!(
        "line {line} of the input is not what it was when the run was begun; give the same input"
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
        more_unknown: false,
        quiet_for: 0,
        due: None,
    }
}

fn work(
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
        more_unknown: false,
        quiet_for: 0,
        due: None,
    }
}

// The password that was sent last, if nobody knows whether it holds; and if it certainly does not, the one before it.
fn probe(
    opened: SecretRecord,
    journal: &Reader,
    places: &ProviderIndex,
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
    let provider = places.of_number(row.provider)?;
    let new = password(opened.new_password)?;
    Ok(Some(PendingRow {
        batch: opened.batch,
        more_unknown,
        quiet_for: journal.quiet_for(row.line)?,
        ..work(&row, user(&row.user)?, provider, Some(new), None, Task::Probe)
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
