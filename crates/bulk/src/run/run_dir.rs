//! The directory of a run.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::manifest::{RunManifest, SecretsProtection};
use super::{READ_WHOLE, now};
use crate::input::{Input, Item};
use crate::journal::{Journal, Reader, ReasonCount, ReportRow, RunSummary};
use crate::{BulkError, ProviderIdentity, RowStatus, Tally};

const JOURNAL: &str = "journal.sqlite";
const LOCK: &str = "lock";
// The fact that the run and its file of secrets were created completely.
const BEGUN: &str = "begun";
// Rows per commit while ingesting.
const INGEST_BATCH: usize = 4096;

/// A run, locked by this process. Its directory is readable by its owner only, and contains user ids but no passwords.
#[derive(Debug)]
pub struct Run {
    pub(super) folder: PathBuf,
    pub(super) journal: Journal,
    // Released by the system when the process ends.
    pub(super) lock: File,
}

impl Run {
    /// Creates a run: its directory, which must not exist, and its file of secrets, if there is one. A crash before
    /// this returns leaves an incomplete run, which cannot be opened; nothing was sent for it.
    ///
    /// # Errors
    /// Either exists already or cannot be created; then the directory is removed.
    pub fn create(
        folder: &Path,
        manifest: RunManifest,
        secrets: Option<(PathBuf, SecretsProtection)>,
    ) -> Result<(Self, RunManifest), BulkError> {
        DirBuilder::new().mode(0o700).create(folder).map_err(|error| {
            let shown = folder.display();
            BulkError::usage(match error.kind() {
                io::ErrorKind::AlreadyExists => format!(
                    "{shown} exists already; resume that run with `repass bulk resume {shown}`, or name another directory"
                ),
                _ => cannot_make(folder, &error),
            })
        })?;
        Self::begin(folder, manifest, secrets)
    }

    /// Creates a run under a generated name: if the directory exists, which may be another run, a number is appended.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn create_numbered(
        folder: &Path,
        manifest: RunManifest,
        secrets: Option<(PathBuf, SecretsProtection)>,
    ) -> Result<(Self, RunManifest), BulkError> {
        let mut named = folder.to_owned();
        let mut number = 1_u32;
        loop {
            match DirBuilder::new().mode(0o700).create(&named) {
                Ok(()) => return Self::begin(&named, manifest, secrets),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 1000 => {
                    number += 1;
                    let mut name = folder.file_name().unwrap_or_default().to_owned();
                    name.push(format!("-{number}"));
                    named.set_file_name(name);
                }
                Err(error) => return Err(BulkError::usage(cannot_make(&named, &error))),
            }
        }
    }

    fn begin(
        folder: &Path,
        mut manifest: RunManifest,
        secrets: Option<(PathBuf, SecretsProtection)>,
    ) -> Result<(Self, RunManifest), BulkError> {
        let made = Self::create_files(folder, &mut manifest, secrets);
        if made.is_err() {
            // The error is reported whether the directory can be removed or not.
            let _ = fs::remove_dir_all(folder);
        }
        made.map(|run| (run, manifest))
    }

    fn create_files(
        folder: &Path,
        manifest: &mut RunManifest,
        secrets: Option<(PathBuf, SecretsProtection)>,
    ) -> Result<Self, BulkError> {
        let lock = lock_dir(folder)?;
        let path = folder.join(JOURNAL);
        // SQLite would create it readable by everyone.
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        made.map_err(|error| {
            BulkError::internal(format!("cannot write the journal {}: {error}", path.display()))
        })?;
        let journal = Journal::create(&path)?;
        if let Some((path, to)) = secrets {
            manifest.make_secrets(path, to)?;
        }
        manifest.save(&journal)?;
        journal.set_fact(BEGUN, "yes")?;
        Ok(Self {
            folder: folder.to_owned(),
            journal,
            lock,
        })
    }

    /// Opens a run to resume it. Changes that were in flight when its process ended become unknown.
    ///
    /// # Errors
    /// There is no such run, or another process has locked it.
    pub fn open(folder: &Path) -> Result<(Self, RunManifest), BulkError> {
        let manifest = RunManifest::load(&reader(folder)?)?;
        let lock = lock_dir(folder)?;
        let mut journal = Journal::open(&folder.join(JOURNAL))?;
        journal.mark_interrupted(now())?;
        let run = Self {
            folder: folder.to_owned(),
            journal,
            lock,
        };
        Ok((run, manifest))
    }

    /// Reads the summary of the run in this directory, which may be active.
    ///
    /// # Errors
    /// There is no such run, or it cannot be read.
    pub fn summary(folder: &Path) -> Result<RunSummary, BulkError> {
        reader(folder)?.summary()
    }

    /// Whether a process is working on the run and has locked it.
    pub fn is_active(folder: &Path) -> bool {
        File::open(folder.join(LOCK))
            .is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockShared).is_err())
    }

    /// Lists why rows of a run are not applied or unknown, the most frequent reason first.
    ///
    /// # Errors
    /// As [`summary`](Self::summary).
    pub fn reasons(folder: &Path) -> Result<Vec<ReasonCount>, BulkError> {
        reader(folder)?.reasons()
    }

    /// Passes each row of a run, or each of one status, to `f`, in the order of the input.
    ///
    /// # Errors
    /// As [`summary`](Self::summary), or an error of `f`.
    pub fn for_each_row(
        folder: &Path,
        only: Option<RowStatus>,
        f: impl FnMut(ReportRow) -> Result<(), BulkError>,
    ) -> Result<(), BulkError> {
        reader(folder)?.for_each_row(only, f)
    }

    /// The directory of the run.
    pub fn dir(&self) -> &Path {
        &self.folder
    }

    /// Whether the whole input was read into the journal.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn is_fully_read(&self) -> Result<bool, BulkError> {
        Ok(self.reader()?.fact(READ_WHOLE)?.is_some())
    }

    /// The number of rows per status so far, counted from the journal.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn tally(&self) -> Result<Tally, BulkError> {
        self.reader()?.tally()
    }

    /// The names of the providers that the run's rows are for.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn providers(&self) -> Result<Vec<String>, BulkError> {
        Ok(self
            .reader()?
            .providers()?
            .into_iter()
            .map(|(_, name)| name)
            .collect())
    }

    /// Reads the whole input into the journal; the input is then needed again only for passwords in it. Rows that are
    /// in the journal already stay as they are; the new ones are counted.
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
                    (row.new, row.current) = (None, None);
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
        let ids: Vec<u64> = ids.iter().map(|id| id.unwrap_or_default()).collect();
        let taken = self.journal.ingest(items, &ids, now())?;
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
        self.reader()?.unresolved_count()
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
        let reader = self.reader()?;
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
                 the same users, has moved, pass --provider-moved NAME",
                problems.join("; ")
            )));
        }
        for (number, system) in bound {
            self.journal.set_identity(number, &system.to_json())?;
        }
        Ok(fresh)
    }

    pub(super) fn reader(&self) -> Result<Reader, BulkError> {
        reader(&self.folder)
    }
}

fn cannot_make(folder: &Path, error: &io::Error) -> String {
    format!("cannot create the directory {}: {error}", folder.display())
}

pub(crate) fn reader(folder: &Path) -> Result<Reader, BulkError> {
    let path = folder.join(JOURNAL);
    if let Err(error) = fs::metadata(&path) {
        let shown = folder.display();
        return Err(BulkError::usage(format!(
            "{shown} is not the directory of a run: {JOURNAL}: {error}"
        )));
    }
    let journal = Reader::open(&path)?;
    if journal.fact(BEGUN)?.is_none() {
        return Err(BulkError::usage(format!(
            "{} was stopped before it began, so nothing was sent; remove it and its file of secrets, and start a new run",
            folder.display()
        )));
    }
    Ok(journal)
}

fn lock_dir(folder: &Path) -> Result<File, BulkError> {
    let path = folder.join(LOCK);
    let mut options = OpenOptions::new();
    let opened = options
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path);
    let lock = opened.map_err(|error| BulkError::usage(format!("cannot use {}: {error}", path.display())))?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(BulkError::usage(format!(
            "another process is working on this run; watch it with `repass bulk status {}`",
            folder.display()
        ))),
        Err(error) => Err(BulkError::usage(format!(
            "cannot lock {}: {error}",
            path.display()
        ))),
    }
}
