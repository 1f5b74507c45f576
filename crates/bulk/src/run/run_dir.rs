//! The directory of a run.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::manifest::{RunManifest, SecretsProtection};
use super::moved_run::{MOVE, check_not_moved};
use super::now;
use super::opened_run::Run;
use super::run_name::RunName;
use super::run_reader::RunReader;
use crate::BulkError;
use crate::journal::{CopyMark, Journal as _, JournalReader as _, LOCK, SqliteJournal, SqliteReader};

const JOURNAL: &str = "journal.sqlite";
// The fact that the run and its file of secrets were created completely.
pub(super) const BEGUN: &str = "begun";

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
        create_folder(folder)?;
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
        let (mut journal, lock) = create_journal(folder)?;
        if let Some((path, to)) = secrets {
            manifest.make_secrets(path, to)?;
        }
        manifest.save(&mut journal)?;
        journal.set_fact(BEGUN, "yes")?;
        Ok(Self::locked(folder, journal, lock))
    }

    /// Opens a run to resume it. Changes that were in flight when its process ended become unknown.
    ///
    /// # Errors
    /// There is no such run, or another process has locked it.
    pub fn open(folder: &Path) -> Result<(Self, RunManifest), BulkError> {
        let journal = reader(folder)?;
        let manifest = RunManifest::load(&journal)?;
        check_not_moved(&journal, &folder.display().to_string())?;
        let (mut journal, lock) = open_locked(folder)?;
        check_not_moved(&*journal.reader()?, &folder.display().to_string())?;
        journal.mark_interrupted(now())?;
        Ok((Self::locked(folder, journal, lock), manifest))
    }

    fn locked(folder: &Path, journal: SqliteJournal, lock: File) -> Self {
        Self {
            name: RunName::of_directory(folder),
            journal: Box::new(journal),
            lock: Some(lock),
            given_to: None,
        }
    }
}

impl RunReader {
    /// Opens the run in this directory, which may be active.
    ///
    /// # Errors
    /// There is no such run, or it cannot be read.
    pub fn open(folder: &Path) -> Result<Self, BulkError> {
        Ok(Self {
            name: RunName::of_directory(folder),
            journal: Box::new(reader(folder)?),
        })
    }
}

/// A directory with a journal that cannot be opened as a run yet. It is removed when dropped, unless it is kept.
#[derive(Debug)]
pub(super) struct NewDirectory {
    folder: PathBuf,
    pub(super) journal: SqliteJournal,
    _lock: File,
    is_kept: bool,
}

impl NewDirectory {
    /// Creates the directory, which must not exist.
    pub(super) fn create(folder: &Path) -> Result<Self, BulkError> {
        create_folder(folder)?;
        let created = create_journal(folder).inspect_err(|_| {
            // The error is reported whether the directory can be removed or not.
            let _ = fs::remove_dir_all(folder);
        });
        let (journal, lock) = created?;
        Ok(Self {
            folder: folder.to_owned(),
            journal,
            _lock: lock,
            is_kept: false,
        })
    }

    /// Keeps the directory.
    pub(super) fn keep(&mut self) {
        self.is_kept = true;
    }
}

impl Drop for NewDirectory {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Opens the journal of a run for this process alone.
pub(super) fn open_locked(folder: &Path) -> Result<(SqliteJournal, File), BulkError> {
    reader(folder)?;
    let lock = lock_dir(folder)?;
    Ok((SqliteJournal::open(&folder.join(JOURNAL))?, lock))
}

/// Opens the journal of a copy that is not a run yet, for this process alone; `None` if the directory has no such copy.
pub(super) fn open_copy(
    folder: &Path,
    mark: CopyMark<'_>,
) -> Result<Option<(SqliteJournal, File)>, BulkError> {
    let path = folder.join(JOURNAL);
    if !path.exists() {
        return Ok(None);
    }
    let journal = SqliteReader::open(&path)?;
    if journal.fact(BEGUN)?.is_some() || !journal.fact(MOVE)?.is_some_and(|known| mark.is_of(&known)) {
        return Ok(None);
    }
    let lock = lock_dir(folder)?;
    Ok(Some((SqliteJournal::open(&path)?, lock)))
}

fn create_folder(folder: &Path) -> Result<(), BulkError> {
    DirBuilder::new().mode(0o700).create(folder).map_err(|error| {
        let shown = folder.display();
        BulkError::usage(match error.kind() {
            io::ErrorKind::AlreadyExists => format!(
                "{shown} exists already; resume that run with `repass bulk resume {shown}`, or name another directory"
            ),
            _ => cannot_make(folder, &error),
        })
    })
}

// In a new directory, which this process has locked.
fn create_journal(folder: &Path) -> Result<(SqliteJournal, File), BulkError> {
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
    Ok((SqliteJournal::create(&path)?, lock))
}

fn cannot_make(folder: &Path, error: &io::Error) -> String {
    format!("cannot create the directory {}: {error}", folder.display())
}

fn reader(folder: &Path) -> Result<SqliteReader, BulkError> {
    let path = folder.join(JOURNAL);
    if let Err(error) = fs::metadata(&path) {
        let shown = folder.display();
        return Err(BulkError::usage(format!(
            "{shown} is not the directory of a run: {JOURNAL}: {error}"
        )));
    }
    let journal = SqliteReader::open(&path)?;
    if journal.fact(BEGUN)?.is_none() && journal.fact(MOVE)?.is_some() {
        return Err(BulkError::usage(format!(
            "{} is the copy of a run that is not complete; repeat the command that moves the run there",
            folder.display()
        )));
    }
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
