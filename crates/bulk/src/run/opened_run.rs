//! A run that this process may execute.

use std::fs::File;

use super::manifest::{RunManifest, SecretsPlace};
use super::moved_run::check_not_moved;
use super::now;
use super::run_name::RunName;
use super::run_reader::RunReader;
use crate::input::{Input, Item};
use crate::journal::{Journal, NewRow, READ_WHOLE};
use crate::secrets::seal_given;
use crate::{BulkError, ProviderIdentity, Recipients, Tally};

// Rows per commit while ingesting.
const INGEST_BATCH: usize = 4096;
// The fact that a person has confirmed the run.
pub(super) const CONFIRMED: &str = "confirmed";

/// A run, open for this process: to ingest its input and to execute it. A run in a directory is locked by this process.
#[derive(Debug)]
pub struct Run {
    pub(super) name: RunName,
    pub(super) journal: Box<dyn Journal>,
    // Of its directory. Released by the system when the process ends.
    pub(super) lock: Option<File>,
    // To whom the passwords of the input are encrypted, if the journal keeps them.
    pub(super) given_to: Option<Recipients>,
}

impl Run {
    /// A new run in a journal that several processes share, which also keeps its passwords, generated or of the input,
    /// encrypted to these recipients. `name` is what people call it.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn create_in(
        name: String,
        mut journal: Box<dyn Journal>,
        mut manifest: RunManifest,
        recipients: Option<Recipients>,
    ) -> Result<(Self, RunManifest), BulkError> {
        manifest.secrets = recipients.map(|recipients| (SecretsPlace::Journal, recipients));
        manifest.save(&mut *journal)?;
        Ok((Self::shared(name, journal, &manifest), manifest))
    }

    /// Opens a run in a journal that several processes share. Changes that processes which are gone had in flight become
    /// unknown.
    ///
    /// # Errors
    /// The journal cannot be read or written.
    pub fn open_in(name: String, mut journal: Box<dyn Journal>) -> Result<(Self, RunManifest), BulkError> {
        let reader = journal.reader()?;
        let manifest = RunManifest::load(&*reader)?;
        check_not_moved(&*reader, &format!("the shared run {name}"))?;
        journal.mark_interrupted(now())?;
        Ok((Self::shared(name, journal, &manifest), manifest))
    }

    fn shared(name: String, journal: Box<dyn Journal>, manifest: &RunManifest) -> Self {
        Self {
            name: RunName::shared(name),
            journal,
            lock: None,
            given_to: manifest.given_to(),
        }
    }

    /// What people call the run.
    pub fn name(&self) -> &RunName {
        &self.name
    }

    /// Whether the whole input was read into the journal.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn is_fully_read(&self) -> Result<bool, BulkError> {
        Ok(self.journal.reader()?.fact(READ_WHOLE)?.is_some())
    }

    /// Records that a person has confirmed the run, so that no other session asks.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn confirm(&mut self) -> Result<(), BulkError> {
        self.journal.set_fact(CONFIRMED, "yes")
    }

    /// Whether the run was confirmed, or a session has begun.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn is_confirmed(&self) -> Result<bool, BulkError> {
        let reader = self.journal.reader()?;
        Ok(reader.fact(CONFIRMED)?.is_some() || !reader.summary()?.sessions.is_empty())
    }

    /// The number of rows per status so far, counted from the journal.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn tally(&self) -> Result<Tally, BulkError> {
        self.journal.reader()?.tally()
    }

    /// The names of the providers that the run's rows are for.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn providers(&self) -> Result<Vec<String>, BulkError> {
        Ok(self
            .journal
            .reader()?
            .providers()?
            .into_iter()
            .map(|(_, name)| name)
            .collect())
    }

    /// Reads the whole input into the journal. A shared run keeps the passwords in it, encrypted; for another run the input
    /// is needed again for them. Rows that are in the journal already stay as they are; the new ones are counted.
    ///
    /// # Errors
    /// The input cannot be read to its end, or the journal cannot be written. What was read until then is kept.
    pub fn ingest(&mut self, mut input: Input) -> Result<Tally, BulkError> {
        let mut taken = Tally::default();
        let mut ids: Vec<Option<u64>> = Vec::new();
        let mut items = Vec::with_capacity(INGEST_BATCH);
        loop {
            let read = input.next();
            let ended = matches!(read, Ok(None));
            match read {
                Ok(Some(Item::Row(mut row))) => {
                    if self.given_to.is_none() {
                        (row.new, row.current) = (None, None);
                    }
                    ids.resize(ids.len().max(row.provider + 1), None);
                    if ids[row.provider].is_none() {
                        ids[row.provider] = Some(self.journal.provider_id(input.names().name(row.provider))?);
                    }
                    items.push(Item::Row(row));
                }
                Ok(Some(bad)) => items.push(bad),
                Ok(None) => {}
                Err(problem) => {
                    self.take(&mut items, &ids)?;
                    return Err(problem);
                }
            }
            if ended || items.len() == INGEST_BATCH {
                taken += self.take(&mut items, &ids)?;
            }
            if ended {
                self.journal.set_fact(READ_WHOLE, "yes")?;
                return Ok(taken);
            }
        }
    }

    fn take(&mut self, items: &mut Vec<Item>, ids: &[Option<u64>]) -> Result<Tally, BulkError> {
        let rows: Vec<NewRow<'_>> = items
            .iter()
            .map(|item| match item {
                Item::Row(row) => NewRow {
                    line: row.line,
                    user: Some(&row.user),
                    provider: ids.get(row.provider).copied().flatten(),
                    invalid: None,
                },
                Item::Invalid(bad) => bad.as_new_row(),
            })
            .collect();
        let taken = match &self.given_to {
            Some(recipients) => {
                let valid = items.iter().filter_map(|item| match item {
                    Item::Row(row) => Some(row),
                    Item::Invalid(_) => None,
                });
                let sealed = seal_given(valid, recipients)?;
                self.journal.ingest_sealed(&rows, &sealed, now())?
            }
            None => self.journal.ingest(&rows, now())?,
        };
        items.clear();
        Ok(taken)
    }

    /// Makes rows pending again that failed for a reason independent of the row, such as a provider that was down.
    /// Returns how many.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn requeue(&mut self) -> Result<usize, BulkError> {
        self.journal.mark_interrupted(now())?;
        self.journal.requeue()
    }

    /// The number of rows of which it is unknown which password works. These are the rows with an unknown outcome,
    /// and those with a password that was applied after an unknown one.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn unresolved_count(&self) -> Result<u64, BulkError> {
        self.journal.reader()?.unresolved_count()
    }

    /// Binds each provider name to a system, and returns the names that were not bound before. A name stays bound to the
    /// system of its first use, because a probe or change at another system would say nothing about rows that were sent
    /// to the first. `moved` lists names whose system has moved to another address.
    ///
    /// # Errors
    /// A name is bound to another system and is not in `moved`; or the journal cannot be written.
    pub fn bind(
        &mut self,
        systems: &[(&str, &ProviderIdentity)],
        moved: &[String],
    ) -> Result<Vec<String>, BulkError> {
        let reader = self.journal.reader()?;
        let mut bound = Vec::new();
        let mut problems = Vec::new();
        let mut fresh = Vec::new();
        for (name, system) in systems {
            let number = self.journal.provider_id(name)?;
            let known = reader
                .identity(number)?
                .map(|text| ProviderIdentity::from_json(&text))
                .transpose()?;
            if let Some(known) = known {
                let differences = known.differences(system);
                if !differences.is_empty() && moved.iter().all(|moved| moved != name) {
                    problems.push(format!(
                        "the provider {name} is not the one that this run was started with: {}",
                        differences.join(", ")
                    ));
                }
                bound.push((number, system.with_account_of(&known)));
            } else {
                fresh.push((*name).to_owned());
                bound.push((number, (*system).clone()));
            }
        }
        if !problems.is_empty() {
            return Err(BulkError::usage(format!(
                "{}; nothing was sent. Use the configuration that the run was started with; only if the same system, with \
                 the same users, has moved, pass --provider-moved NAME to `repass bulk resume`",
                problems.join("; ")
            )));
        }
        for (number, system) in bound {
            self.journal.set_identity(number, &system.to_json())?;
        }
        Ok(fresh)
    }

    /// A view of the run, which may be used while it is executed.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn reader(&self) -> Result<RunReader, BulkError> {
        Ok(RunReader {
            name: self.name.clone(),
            journal: self.journal.reader()?,
        })
    }
}
