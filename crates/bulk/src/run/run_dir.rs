//! The folder of a run.

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
// The fact that the run and its file of secrets were made whole.
const BEGUN: &str = "begun";
// So many rows are taken in with one commit.
const INGEST_BATCH: usize = 4096;

/// A run that this process, and no other, goes on with. Its folder is its owner's alone and holds users, but no
/// password.
#[derive(Debug)]
pub struct Run {
    pub(super) folder: PathBuf,
    pub(super) journal: Journal,
    // Given back by the system when the process ends, however it ends.
    pub(super) lock: File,
}

impl Run {
    /// Makes the folder, which must not be there yet, and the file of secrets, if there is to be one. The run has
    /// begun when this returns; what is left of it after an earlier crash is refused by everybody, because nothing
    /// can have been sent.
    ///
    /// # Errors
    /// Either is there already, or cannot be made; then nothing is left of the folder.
    pub fn create(
        folder: &Path,
        manifest: RunManifest,
        secrets: Option<(PathBuf, SecretsProtection)>,
    ) -> Result<(Self, RunManifest), BulkError> {
        DirBuilder::new().mode(0o700).create(folder).map_err(|error| {
            let shown = folder.display();
            BulkError::usage(match error.kind() {
                io::ErrorKind::AlreadyExists => format!(
                    "{shown} exists already; go on with that run by `repass bulk resume {shown}`, or name another folder"
                ),
                _ => cannot_make(folder, &error),
            })
        })?;
        Self::begin(folder, manifest, secrets)
    }

    /// The same for a folder that nobody has named: where it is there already, which may be somebody else's run, the
    /// name gets a number.
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
        let made = Self::made(folder, &mut manifest, secrets);
        if made.is_err() {
            // The problem is what there is to tell, whether the folder goes or not.
            let _ = fs::remove_dir_all(folder);
        }
        made.map(|run| (run, manifest))
    }

    fn made(
        folder: &Path,
        manifest: &mut RunManifest,
        secrets: Option<(PathBuf, SecretsProtection)>,
    ) -> Result<Self, BulkError> {
        let lock = locked(folder)?;
        let path = folder.join(JOURNAL);
        // SQLite would make it for all to read.
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

    /// Opens a run to go on with it. What was under way when it was killed is unknown from now on.
    ///
    /// # Errors
    /// There is none, or another process is at it.
    pub fn open(folder: &Path) -> Result<(Self, RunManifest), BulkError> {
        let manifest = RunManifest::load(&reader(folder)?)?;
        let lock = locked(folder)?;
        let mut journal = Journal::open(&folder.join(JOURNAL))?;
        journal.mark_interrupted(now())?;
        let run = Self {
            folder: folder.to_owned(),
            journal,
            lock,
        };
        Ok((run, manifest))
    }

    /// What the journal says of a run, which may be under way.
    ///
    /// # Errors
    /// There is no such run, or it cannot be read.
    pub fn summary(folder: &Path) -> Result<RunSummary, BulkError> {
        reader(folder)?.summary()
    }

    /// Whether a process is at it.
    pub fn is_active(folder: &Path) -> bool {
        File::open(folder.join(LOCK))
            .is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockShared).is_err())
    }

    /// Why rows of a run are not applied or unknown, the most frequent reason first.
    ///
    /// # Errors
    /// As [`summary`](Self::summary).
    pub fn reasons(folder: &Path) -> Result<Vec<ReasonCount>, BulkError> {
        reader(folder)?.reasons()
    }

    /// Hands over the rows of a run in the order of the input: all, or those of one outcome.
    ///
    /// # Errors
    /// As [`summary`](Self::summary), or what `take` fails with.
    pub fn for_each_row(
        folder: &Path,
        only: Option<RowStatus>,
        f: impl FnMut(ReportRow) -> Result<(), BulkError>,
    ) -> Result<(), BulkError> {
        reader(folder)?.for_each_row(only, f)
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.folder
    }

    /// Whether the whole input is in the journal.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn is_fully_read(&self) -> Result<bool, BulkError> {
        Ok(self.reader()?.fact(READ_WHOLE)?.is_some())
    }

    /// The outcomes until now, counted anew in every row.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn tally(&self) -> Result<Tally, BulkError> {
        self.reader()?.tally()
    }

    /// The names of the providers that its rows are for.
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

    /// Takes in the whole input, so that it is not needed again but for passwords that it gives. Rows that are
    /// there already stay as they are; those that came in are counted.
    ///
    /// # Errors
    /// The input cannot be read to its end, or the journal not written. What was read until then is kept.
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

    /// Rows that were not applied for a reason that has nothing to do with them, such as a provider that was not
    /// there, are to be sent again. How many.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn retry_transient(&mut self) -> Result<usize, BulkError> {
        self.journal.mark_interrupted(now())?;
        self.journal.retry_transient()
    }

    /// Of how many rows it is not known which password holds: those whose outcome is unknown, and those of which one
    /// was applied after another that is unknown.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn unresolved_count(&self) -> Result<u64, BulkError> {
        self.reader()?.unresolved_count()
    }

    /// Binds the run to these systems, each under the name of its provider, and says which names were not bound
    /// before. A name stays bound to the system of its first use, because a probe at another system, or a change
    /// there, would say nothing about rows that were sent to the first. `moved` names those that are the same
    /// system at another place.
    ///
    /// # Errors
    /// A name is bound to another system and not moved; or the journal cannot be written.
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
                        "the provider {name} is not the one that this run was begun with: {}",
                        differences.join(", ")
                    ));
                }
                bound.push((number, system.after(&known)));
            } else {
                fresh.push((*name).to_owned());
                bound.push((number, (*system).clone()));
            }
        }
        if !problems.is_empty() {
            return Err(BulkError::usage(format!(
                "{}; nothing was sent. Use the configuration that the run was begun with; only if it is the same system at \
                 another place, with the same users, give --provider-moved NAME",
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
    format!("cannot make the folder {}: {error}", folder.display())
}

pub(crate) fn reader(folder: &Path) -> Result<Reader, BulkError> {
    let path = folder.join(JOURNAL);
    if let Err(error) = fs::metadata(&path) {
        let shown = folder.display();
        return Err(BulkError::usage(format!(
            "{shown} is not the folder of a run: {JOURNAL}: {error}"
        )));
    }
    let journal = Reader::open(&path)?;
    if journal.fact(BEGUN)?.is_none() {
        return Err(BulkError::usage(format!(
            "{} was stopped before it began, so nothing was sent; remove it and its file of secrets, and begin anew",
            folder.display()
        )));
    }
    Ok(journal)
}

fn locked(folder: &Path) -> Result<File, BulkError> {
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
            "another process is at this run; watch it by `repass bulk status {}`",
            folder.display()
        ))),
        Err(error) => Err(BulkError::usage(format!(
            "cannot lock {}: {error}",
            path.display()
        ))),
    }
}
