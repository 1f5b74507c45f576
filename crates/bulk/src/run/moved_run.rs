//! Moving a run from its directory to a journal that several processes share, and back.
//!
//! The copy has the whole run before the run is marked as moved at its old place, and can be opened at its new place only
//! after that. So no row is sent from both. A move that was stopped is finished by the same command: before the mark it
//! makes the copy again, and after it the copy becomes the run.

use std::fs::File;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};

use rand::TryRng as _;
use rand::rngs::SysRng;

use super::manifest::{RunManifest, SecretsPlace};
use super::now;
use super::opened_run::{CONFIRMED, Run};
use super::run_dir::{self, BEGUN, NewDirectory};
use crate::journal::{
    CopiedJournal, CopyMark, Journal, JournalReader, MOVED_TO, MovingJournal, Part, READ_WHOLE,
};
use crate::secrets::{self, Recipients, SecretsWriter};
use crate::{BulkError, PasswordSource, Tally};

// The fact of a copy by which it is known to belong to a move.
pub(super) const MOVE: &str = "move";
// The fact of a run that is about to move: the mark and the place.
const MOVING: &str = "moving";
// Lines that are copied together.
const LINES: u64 = 4096;
const PIECE: usize = 1 << 18;

impl Run {
    /// Moves the run in this directory to a journal that several processes share, under this name. `open` opens the
    /// copy there. Returns the outcomes so far.
    ///
    /// # Errors
    /// The run is being executed, has moved elsewhere, was not read completely, or has passwords of the input or a
    /// passphrase; or a journal cannot be read or written. Then the run is still where it was, or the same call finishes
    /// the move.
    pub fn import(
        folder: &Path,
        name: &str,
        open: impl FnOnce(CopyMark<'_>) -> Result<Box<dyn CopiedJournal>, BulkError>,
    ) -> Result<Tally, BulkError> {
        let (mut journal, _lock) = run_dir::open_locked(folder)?;
        let reader = journal.reader()?;
        let place = format!("the shared run {name}");
        let shown = folder.display();
        if let Some(moved) = Moved::of(&*reader)? {
            if moved.place != place {
                return Err(moved.refusal(&shown.to_string()));
            }
            open(CopyMark::Whole(&moved.mark))?.complete()?;
            return reader.tally();
        }
        journal.mark_interrupted(now())?;
        let mut manifest = movable(&*reader, &format!("repass bulk resume {shown}"))?;
        let sealed = match manifest.secrets.take() {
            Some((SecretsPlace::File(path), recipients)) => {
                if secrets::needs_passphrase(&path)? {
                    return Err(BulkError::usage(
                        "the passwords of this run are encrypted with a passphrase, and those of a shared run to age \
                         recipients only; finish the run where it is",
                    ));
                }
                manifest.secrets = Some((SecretsPlace::Journal, recipients));
                path
            }
            _ => {
                return Err(BulkError::usage(format!(
                    "the passwords of this run are those of its input, which its directory does not keep; finish it \
                     there with `repass bulk resume {shown}`"
                )));
            }
        };
        let sealed = File::open(&sealed).map_err(|error| {
            BulkError::usage(format!(
                "cannot open this run's file of secrets {}: {error}",
                sealed.display()
            ))
        })?;
        let moved = Moved::about_to(place, &mut journal)?;
        let mut target = open(CopyMark::New(&moved.mark))?;
        target.set_fact(MOVE, &moved.mark)?;
        let last_batch = copy(&mut journal, Some(Box::new(sealed)), &mut *target)?;
        set_facts(&*reader, &manifest, &mut *target)?;
        target.end(last_batch)?;
        MovingJournal::set_moved(&mut journal, &moved.fact())?;
        target.complete()?;
        reader.tally()
    }

    /// Moves a run from a journal that several processes share to a new directory. `start` keeps sessions away from the
    /// run. Its generated passwords are written to a new file, encrypted as they are; those of the input stay out. Returns
    /// the outcomes so far, and the source of the passwords.
    ///
    /// # Errors
    /// The run is being executed, has moved elsewhere or was not read completely; the directory or the file exists; the
    /// file is missing or not needed; or a journal cannot be read or written. Then the run is still where it was, or the
    /// same call finishes the move.
    pub fn export(
        name: &str,
        journal: &mut dyn Journal,
        start: impl FnOnce() -> Result<Box<dyn MovingJournal>, BulkError>,
        folder: &Path,
        secrets: Option<PathBuf>,
    ) -> Result<(Tally, PasswordSource), BulkError> {
        let reader = journal.reader()?;
        if let Some(moved) = Moved::of(&*reader)? {
            // A write, because a commit that can be read may not be at the standby yet.
            journal.set_fact(MOVED_TO, &moved.fact())?;
            finish_directory(folder, &moved).map_err(|problem| {
                BulkError::usage(format!(
                    "{}; {problem}",
                    moved.refusal(&format!("the shared run {name}"))
                ))
            })?;
            return Ok((reader.tally()?, RunManifest::load(&*reader)?.passwords));
        }
        let mut manifest = movable(&*reader, &format!("repass bulk resume {name} INPUT --shared"))?;
        manifest.secrets = exported_secrets(&manifest, secrets)?;
        // Absolute, because others read it elsewhere.
        let shown = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let moved = Moved::about_to(format!("the directory {}", shown.display()), journal)?;
        // From here on nothing changes the run, and it is still here.
        let mut source = start()?;
        remove_stopped_copy(folder, &moved.mark)?;
        let mut target = DirectoryCopy::create(folder, &manifest, &moved.mark)?;
        let sealed = match target.secrets {
            Some(_) => reader.sealed()?,
            None => None,
        };
        let last_batch = copy(&mut *source, sealed, &mut target)?;
        set_facts(&*reader, &manifest, &mut target)?;
        target.end(last_batch)?;
        // Whether it is marked may not be known from here on.
        target.keep();
        source.set_moved(&moved.fact())?;
        target.complete()?;
        Ok((reader.tally()?, manifest.passwords))
    }
}

// Where the passwords of the run go, and to whom they stay encrypted.
fn exported_secrets(
    manifest: &RunManifest,
    file: Option<PathBuf>,
) -> Result<Option<(SecretsPlace, Recipients)>, BulkError> {
    match (manifest.passwords, file, &manifest.secrets) {
        (PasswordSource::Generated, Some(path), Some((_, recipients))) => {
            let path = std::path::absolute(&path).unwrap_or(path);
            Ok(Some((SecretsPlace::File(path), recipients.clone())))
        }
        (PasswordSource::Generated, _, _) => Err(BulkError::usage(
            "the passwords of the run go to a new file, encrypted as they are; pass --secrets-out FILE",
        )),
        (PasswordSource::Input, Some(_), _) => Err(BulkError::usage(
            "the passwords of this run are those of its input, which stays as it is; omit --secrets-out",
        )),
        (PasswordSource::Input, None, _) => Ok(None),
    }
}

/// Where a run has moved, and by which mark its copy is known.
pub(super) struct Moved {
    mark: String,
    place: String,
}

impl Moved {
    /// A copy of the move of a run to this place, which may have been stopped before.
    fn about_to(place: String, journal: &mut dyn Journal) -> Result<Self, BulkError> {
        let stopped = Self::in_fact(&*journal.reader()?, MOVING)?;
        let mark = if let Some(stopped) = stopped.filter(|stopped| stopped.place == place) {
            stopped.mark
        } else {
            let mark = random()?;
            journal.set_fact(MOVING, &format!("{mark} {place}"))?;
            mark
        };
        let mark = format!("{mark}.{}", random()?);
        Ok(Self { mark, place })
    }

    pub(super) fn of(journal: &dyn JournalReader) -> Result<Option<Self>, BulkError> {
        Self::in_fact(journal, MOVED_TO)
    }

    fn in_fact(journal: &dyn JournalReader, name: &str) -> Result<Option<Self>, BulkError> {
        let fact = journal.fact(name)?;
        let moved = fact.as_deref().and_then(|fact| fact.split_once(' '));
        Ok(moved.map(|(mark, place)| Self {
            mark: mark.to_owned(),
            place: place.to_owned(),
        }))
    }

    fn fact(&self) -> String {
        format!("{} {}", self.mark, self.place)
    }

    pub(super) fn place(self) -> String {
        self.place
    }

    fn refusal(&self, run: &str) -> BulkError {
        BulkError::usage(format!("{run} has moved to {}; work on it there", self.place))
    }
}

fn random() -> Result<String, BulkError> {
    let random = SysRng.try_next_u64();
    let random = random.map_err(|error| BulkError::internal(format!("there is no randomness: {error}")))?;
    Ok(format!("{random:016x}"))
}

/// Refuses a run that has moved.
pub(super) fn check_not_moved(journal: &dyn JournalReader, run: &str) -> Result<(), BulkError> {
    Moved::of(journal)?.map_or(Ok(()), |moved| Err(moved.refusal(run)))
}

fn movable(journal: &dyn JournalReader, load: &str) -> Result<RunManifest, BulkError> {
    if journal.fact(READ_WHOLE)?.is_none() {
        return Err(BulkError::usage(format!(
            "the input of this run was not read completely; read the rest with `{load}` first"
        )));
    }
    RunManifest::load(journal)
}

// Returns the number of a batch of passwords that no later one may have.
fn copy(
    source: &mut dyn MovingJournal,
    sealed: Option<Box<dyn Read + Send>>,
    target: &mut dyn CopiedJournal,
) -> Result<u64, BulkError> {
    let last = source.last_line()?;
    for part in Part::ALL {
        if !part.is_of_lines() {
            target.add(part, &source.part(part, 0..=0)?)?;
            continue;
        }
        let mut first = 0;
        while first <= last {
            let end = first + LINES - 1;
            target.add(part, &source.part(part, first..=end)?)?;
            first = end + 1;
        }
    }
    let mut length = 0;
    if let Some(mut sealed) = sealed {
        let mut piece = vec![0; PIECE];
        loop {
            let read = sealed.read(&mut piece);
            let read =
                read.map_err(|error| BulkError::internal(format!("cannot read the passwords: {error}")))?;
            if read == 0 {
                break;
            }
            target.add_sealed(&piece[..read])?;
            length += read as u64;
        }
        // So that the next batch does not continue the last line of a truncated one.
        target.add_sealed(b"\n")?;
        length += 1;
    }
    // In a file the number of a batch is below the length of the file behind it.
    Ok(source.last_batch()?.max(length))
}

fn set_facts(
    journal: &dyn JournalReader,
    manifest: &RunManifest,
    target: &mut dyn CopiedJournal,
) -> Result<(), BulkError> {
    for (name, value) in manifest.facts()? {
        target.set_fact(name, &value)?;
    }
    match journal.fact(CONFIRMED)? {
        Some(value) => target.set_fact(CONFIRMED, &value),
        None => Ok(()),
    }
}

/// A new directory that a run moves to. It is removed with its file of secrets when dropped, unless it is kept.
#[derive(Debug)]
struct DirectoryCopy {
    directory: NewDirectory,
    secrets: Option<NewSecrets>,
}

#[derive(Debug)]
struct NewSecrets {
    file: File,
    path: PathBuf,
    length: u64,
    is_kept: bool,
}

impl DirectoryCopy {
    fn create(folder: &Path, manifest: &RunManifest, mark: &str) -> Result<Self, BulkError> {
        let secrets = match &manifest.secrets {
            Some((SecretsPlace::File(path), _)) => Some(NewSecrets {
                file: SecretsWriter::create_file(path)?,
                path: path.clone(),
                length: 0,
                is_kept: false,
            }),
            _ => None,
        };
        let mut directory = NewDirectory::create(folder)?;
        // First, so that they are found if this is stopped.
        directory.journal.set_fact(MOVE, mark)?;
        for (name, value) in manifest.facts()? {
            directory.journal.set_fact(name, &value)?;
        }
        Ok(Self { directory, secrets })
    }

    fn keep(&mut self) {
        self.directory.keep();
        if let Some(secrets) = &mut self.secrets {
            secrets.is_kept = true;
        }
    }
}

impl Drop for NewSecrets {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl CopiedJournal for DirectoryCopy {
    fn add(&mut self, part: Part, rows: &str) -> Result<(), BulkError> {
        self.directory.journal.add_part(part, rows)
    }

    fn set_fact(&mut self, name: &str, value: &str) -> Result<(), BulkError> {
        self.directory.journal.set_fact(name, value)
    }

    fn add_sealed(&mut self, piece: &[u8]) -> Result<(), BulkError> {
        let secrets = self.secrets.as_mut();
        let secrets = secrets.ok_or_else(|| BulkError::internal("there is no file for the secrets"))?;
        secrets.length += piece.len() as u64;
        secrets.file.write_all(piece).map_err(|error| unwritable(&error))
    }

    // The number of the next batch is the length of the file and one more.
    fn end(&mut self, last_batch: u64) -> Result<(), BulkError> {
        if let Some(secrets) = &mut self.secrets {
            let missing = last_batch.saturating_sub(secrets.length);
            let padded = std::io::copy(&mut std::io::repeat(b'\n').take(missing), &mut secrets.file);
            padded
                .and_then(|_| secrets.file.sync_all())
                .map_err(|error| unwritable(&error))?;
        }
        self.set_fact(READ_WHOLE, "yes")
    }

    fn complete(&mut self) -> Result<(), BulkError> {
        self.set_fact(BEGUN, "yes")
    }
}

fn unwritable(error: &std::io::Error) -> BulkError {
    BulkError::internal(format!("cannot write the file of secrets: {error}"))
}

// Completes the copy that an earlier call has made in this directory.
fn finish_directory(folder: &Path, moved: &Moved) -> Result<(), BulkError> {
    let copy = run_dir::open_copy(folder, CopyMark::Whole(&moved.mark))?;
    let (mut journal, _lock) = copy.ok_or_else(|| {
        BulkError::usage(format!(
            "the directory {} does not have its copy; name the directory that it was moved to",
            folder.display()
        ))
    })?;
    journal.set_fact(BEGUN, "yes")
}

// Removes what an earlier call, which was stopped, has written. The run is still where it was.
fn remove_stopped_copy(folder: &Path, mark: &str) -> Result<(), BulkError> {
    let Some((journal, _lock)) = run_dir::open_copy(folder, CopyMark::New(mark))? else {
        return Ok(());
    };
    let secrets = journal.reader()?.fact("secrets")?;
    let removed = secrets.map_or(Ok(()), std::fs::remove_file);
    removed
        .or_else(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })
        .and_then(|()| std::fs::remove_dir_all(folder))
        .map_err(|error| {
            BulkError::internal(format!(
                "cannot remove the copy in {} that was stopped: {error}",
                folder.display()
            ))
        })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex, PoisonError};

    use repass_domain::{PriorState, UserId};

    use super::*;
    use crate::journal::{AttemptEnd, AttemptStart, Commit, Journal, NewRow, RowPhase, SqliteJournal};
    use crate::{Recipients, ReportRow, RunReader, SecretsProtection};

    const AT: i64 = 1_700_000_000_000;

    /// A journal in memory that a run moves to.
    #[derive(Debug, Default, Clone)]
    struct Store(Arc<Mutex<Stored>>);

    #[derive(Debug, Default)]
    struct Stored {
        facts: BTreeMap<String, String>,
        rows: usize,
        sealed: Vec<u8>,
        last_batch: u64,
        /// Where the connection is lost, once.
        lost_at: Option<&'static str>,
        is_complete: bool,
    }

    impl Store {
        fn with<T>(&self, work: impl FnOnce(&mut Stored) -> T) -> T {
            work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
        }

        fn lose(&self, step: &'static str) -> Result<(), BulkError> {
            match self.with(|stored| stored.lost_at.take_if(|lost_at| *lost_at == step)) {
                Some(_) => Err(BulkError::internal("the connection is lost")),
                None => Ok(()),
            }
        }

        // A new copy takes the place of the one with its mark.
        fn open(&self, mark: CopyMark<'_>) -> Box<dyn CopiedJournal> {
            self.with(|stored| {
                let known = stored.facts.get(MOVE).map(String::as_str);
                assert!(known.is_none_or(|known| mark.is_of(known)), "the same move");
                match mark {
                    CopyMark::New(_) => {
                        *stored = Stored {
                            lost_at: stored.lost_at,
                            ..Stored::default()
                        };
                    }
                    CopyMark::Whole(_) => {
                        assert!(known.is_some());
                        assert!(stored.facts.contains_key(READ_WHOLE));
                    }
                }
            });
            Box::new(self.clone())
        }
    }

    impl CopiedJournal for Store {
        fn add(&mut self, part: Part, rows: &str) -> Result<(), BulkError> {
            let rows: Vec<serde_json::Value> = serde_json::from_str(rows).unwrap();
            let count = if part == Part::Rows { rows.len() } else { 0 };
            self.with(|stored| stored.rows += count);
            Ok(())
        }
        fn set_fact(&mut self, name: &str, value: &str) -> Result<(), BulkError> {
            self.with(|stored| stored.facts.insert(name.to_owned(), value.to_owned()));
            Ok(())
        }
        fn add_sealed(&mut self, piece: &[u8]) -> Result<(), BulkError> {
            self.with(|stored| stored.sealed.extend(piece));
            Ok(())
        }
        fn end(&mut self, last_batch: u64) -> Result<(), BulkError> {
            self.with(|stored| stored.last_batch = last_batch);
            self.set_fact(READ_WHOLE, "yes")?;
            self.lose("end")
        }
        fn complete(&mut self) -> Result<(), BulkError> {
            self.lose("complete")?;
            self.with(|stored| stored.is_complete = true);
            Ok(())
        }
    }

    fn recipients() -> Recipients {
        Recipients::new(["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"]).unwrap()
    }

    /// A run with a row in each state, and with a file of secrets.
    fn run(folder: &Path) -> PathBuf {
        let directory = folder.join("run");
        let secrets = SecretsProtection::Recipients(recipients());
        let manifest = RunManifest {
            passwords: PasswordSource::Generated,
            input: Some("users.csv".into()),
            provider: None,
            secrets: None,
        };
        let secrets = Some((folder.join("secrets.age"), secrets));
        let (mut run, _) = Run::create(&directory, manifest, secrets).unwrap();
        let journal = &mut *run.journal;
        let provider = journal.provider_id("zoom").unwrap();
        journal.set_limits(provider, Some(12.5), 30_000).unwrap();
        journal.set_identity(provider, "{\"kind\":\"zoom\"}").unwrap();
        let users: Vec<UserId> = (1..=6)
            .map(|number| UserId::new(&format!("user{number}")).unwrap())
            .collect();
        let rows: Vec<NewRow<'_>> = (2..)
            .zip(&users)
            .map(|(line, user)| NewRow {
                line,
                user: Some(user),
                provider: Some(provider),
                invalid: None,
            })
            .collect();
        journal.ingest(&rows, AT).unwrap();
        journal.set_fact(READ_WHOLE, "yes").unwrap();
        let session = journal.begin_session(AT).unwrap();
        attempt(journal, session, &[2, 3, 4, 5], 7);
        let end = |line, state, kind| AttemptEnd {
            kind,
            message: Some("a \"quoted\" reason".to_owned()),
            tracking_id: Some(format!("id-{line}")),
            ..AttemptEnd::new(line, state, AT + 1000)
        };
        let prior_state = PriorState::default().with("version", "7");
        let ended = [
            end(2, RowPhase::Applied, None),
            end(3, RowPhase::NotApplied, Some("unreachable")),
            AttemptEnd {
                prior_state,
                ..end(4, RowPhase::Unknown, Some("timed_out"))
            },
        ];
        commit(journal, session, &ended);
        // Another password was sent to row 4, and row 5 is in flight when the process is killed.
        let again = AttemptStart {
            again: true,
            ..start(4, 9)
        };
        let started = Commit {
            started: &[again],
            ..Commit::default()
        };
        journal.commit(&started, session).unwrap();
        commit(journal, session, &[end(4, RowPhase::Applied, None)]);
        directory
    }

    fn start(line: u64, batch: u64) -> AttemptStart<'static> {
        AttemptStart {
            line,
            batch,
            fresh: None,
            again: false,
            resent: false,
        }
    }

    fn attempt(journal: &mut dyn Journal, session: u64, lines: &[u64], batch: u64) {
        let started: Vec<AttemptStart<'_>> = lines.iter().map(|line| start(*line, batch)).collect();
        let started = Commit {
            started: &started,
            ..Commit::default()
        };
        journal.commit(&started, session).unwrap();
    }

    fn commit(journal: &mut dyn Journal, session: u64, ended: &[AttemptEnd]) {
        let ended = Commit {
            ended,
            ..Commit::default()
        };
        journal.commit(&ended, session).unwrap();
    }

    fn rows(directory: &Path) -> Vec<ReportRow> {
        let mut rows = Vec::new();
        let take = |row| {
            rows.push(row);
            Ok(())
        };
        RunReader::open(directory)
            .unwrap()
            .for_each_row(None, take)
            .unwrap();
        rows
    }

    fn export(directory: &Path, to: &Path, secrets: &Path) -> Result<(Tally, PasswordSource), BulkError> {
        export_by(directory, to, secrets, |journal| Ok(Box::new(journal)))
    }

    fn export_by(
        directory: &Path,
        to: &Path,
        secrets: &Path,
        start: impl FnOnce(SqliteJournal) -> Result<Box<dyn MovingJournal>, BulkError>,
    ) -> Result<(Tally, PasswordSource), BulkError> {
        let (mut journal, _lock) = run_dir::open_locked(directory)?;
        let moving = SqliteJournal::open(&directory.join("journal.sqlite"))?;
        Run::export(
            "breach",
            &mut journal,
            || start(moving),
            to,
            Some(secrets.to_owned()),
        )
    }

    #[test]
    fn moved_run_is_the_same_at_its_new_place_and_refused_at_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let old = run(folder.path());
        drop(Run::open(&old).unwrap());
        let new = folder.path().join("new");
        let secrets = folder.path().join("new.age");
        let (tally, _) = export(&old, &new, &secrets).unwrap();
        assert_eq!(
            (tally.applied, tally.not_applied, tally.unknown, tally.pending),
            (2, 1, 1, 2)
        );
        assert_eq!(rows(&new), rows(&old));
        let refused = Run::open(&old).unwrap_err().to_string();
        assert_eq!(
            refused,
            format!(
                "{} has moved to the directory {}; work on it there",
                old.display(),
                new.display()
            )
        );
        let (moved, manifest) = Run::open(&new).unwrap();
        assert_eq!(manifest.input, Some(std::path::absolute("users.csv").unwrap()));
        assert!(matches!(manifest.secrets, Some((SecretsPlace::File(path), _)) if path == secrets));
        let (before, after) = (SqliteJournal::open(&old.join("journal.sqlite")).unwrap(), moved);
        let (before, after) = (before.reader().unwrap(), after.journal.reader().unwrap());
        for reader in [&before, &after] {
            assert_eq!(reader.unknown_earlier(4).unwrap(), [7]);
            assert_eq!(
                reader.prior_state(4, 7).unwrap(),
                PriorState::default().with("version", "7")
            );
            assert_eq!(
                reader.identity(1).unwrap().as_deref(),
                Some("{\"kind\":\"zoom\"}")
            );
            assert_eq!(
                reader.summary().unwrap().allowed,
                [("zoom".to_owned(), Some(12.5))]
            );
            let sent = reader.to_send(0, 9).unwrap();
            assert_eq!(sent.iter().map(|row| row.line).collect::<Vec<_>>(), [6, 7]);
        }
        assert_eq!(
            before.summary().unwrap().sessions,
            after.summary().unwrap().sessions
        );
        // Row 5 may be in flight for as long as before.
        let difference = before.quiet_for(5).unwrap() - after.quiet_for(5).unwrap();
        assert!(difference.abs() < 1000, "{difference}");
        assert_ne!(after.quiet_for(5).unwrap(), 0);
        let version: i64 = rusqlite::Connection::open(old.join("journal.sqlite"))
            .and_then(|journal| journal.query_row("PRAGMA user_version", [], |row| row.get(0)))
            .unwrap();
        assert_eq!(version, 5, "which an earlier repass does not open");
    }

    #[test]
    fn request_of_another_machine_stays_in_flight_after_a_move() {
        let folder = tempfile::tempdir().unwrap();
        let mut copy = NewDirectory::create(&folder.path().join("new")).unwrap();
        let until = now() + 300_000;
        let rows = format!(r#"[{{"line":5,"is_probe":false,"until":{until}}}]"#);
        copy.journal.add_part(Part::InFlight, &rows).unwrap();
        copy.journal.mark_interrupted(now()).unwrap();
        let quiet = copy.journal.reader().unwrap().quiet_for(5).unwrap();
        assert!((-300_000..-290_000).contains(&quiet), "{quiet}");
        let again = copy.journal.part(Part::InFlight, 0..=9).unwrap();
        let again: serde_json::Value = serde_json::from_str(&again).unwrap();
        let difference = again[0]["until"].as_i64().unwrap() - until;
        assert!(difference.abs() < 1000, "{again}");
    }

    #[test]
    fn export_that_was_stopped_before_its_end_is_finished_by_the_same_command() {
        let folder = tempfile::tempdir().unwrap();
        let old = run(folder.path());
        drop(Run::open(&old).unwrap());
        let (new, secrets) = (folder.path().join("new"), folder.path().join("new.age"));
        export(&old, &new, &secrets).unwrap();
        let journal = rusqlite::Connection::open(new.join("journal.sqlite")).unwrap();
        journal
            .execute("DELETE FROM facts WHERE name = 'begun'", [])
            .unwrap();
        assert!(RunReader::open(&new).is_err());
        let refused = Run::open(&new).unwrap_err().to_string();
        assert!(refused.contains("repeat the command that moves"), "{refused}");
        assert_eq!(
            RunReader::open(&old).unwrap().moved_to().unwrap(),
            Some(format!("the directory {}", new.display()))
        );
        let elsewhere = folder.path().join("elsewhere");
        assert!(
            export(&old, &elsewhere, &secrets).is_err(),
            "it has moved already"
        );
        export(&old, &new, &secrets).unwrap();
        assert_eq!(rows(&new), rows(&old));
    }

    #[test]
    fn export_that_fails_leaves_nothing_and_the_run_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let old = run(folder.path());
        let (new, secrets) = (folder.path().join("new"), folder.path().join("new.age"));
        std::fs::create_dir(&new).unwrap();
        let refused = export(&old, &new, &secrets).unwrap_err().to_string();
        assert!(refused.contains("exists already"), "{refused}");
        assert!(!secrets.exists());
        drop(Run::open(&old).unwrap());
    }

    /// A journal whose mark cannot be written.
    #[derive(Debug)]
    struct FullDisk(SqliteJournal);

    impl MovingJournal for FullDisk {
        fn part(&mut self, part: Part, lines: std::ops::RangeInclusive<u64>) -> Result<String, BulkError> {
            self.0.part(part, lines)
        }
        fn last_line(&mut self) -> Result<u64, BulkError> {
            self.0.last_line()
        }
        fn last_batch(&mut self) -> Result<u64, BulkError> {
            Ok(5000)
        }
        fn set_moved(&mut self, _: &str) -> Result<(), BulkError> {
            Err(BulkError::internal("the disk is full"))
        }
    }

    #[test]
    fn export_that_was_stopped_before_the_mark_is_made_again_by_the_same_command() {
        let folder = tempfile::tempdir().unwrap();
        let old = run(folder.path());
        drop(Run::open(&old).unwrap());
        let (new, secrets) = (folder.path().join("new"), folder.path().join("new.age"));
        let full = |journal| -> Result<Box<dyn MovingJournal>, BulkError> { Ok(Box::new(FullDisk(journal))) };
        let stopped = export_by(&old, &new, &secrets, full).unwrap_err().to_string();
        assert_eq!(stopped, "the disk is full");
        assert!(RunReader::open(&new).is_err(), "it is not a run yet");
        assert!(std::fs::metadata(&secrets).unwrap().len() >= 5000);
        drop(Run::open(&old).unwrap());
        let other_folder = tempfile::tempdir().unwrap();
        let elsewhere = run(other_folder.path());
        let refused = export(&elsewhere, &new, &folder.path().join("c.age"))
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("exists already"),
            "another run's copy stays: {refused}"
        );
        export(&old, &new, &secrets).unwrap();
        assert_eq!(rows(&new), rows(&old));
        assert!(
            std::fs::metadata(&secrets).unwrap().len() < 5000,
            "it was written again"
        );
    }

    // A run that became active there would have other rows than the one that is worked on.
    #[test]
    fn older_copy_of_the_same_move_does_not_become_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let old = run(folder.path());
        drop(Run::open(&old).unwrap());
        let path = |name: &str| folder.path().join(name);
        let (new, older, newer) = (path("new"), path("older"), path("newer"));
        let full = |journal| -> Result<Box<dyn MovingJournal>, BulkError> { Ok(Box::new(FullDisk(journal))) };
        export_by(&old, &new, &path("older.age"), full).unwrap_err();
        std::fs::rename(&new, &older).unwrap();
        export(&old, &new, &path("new.age")).unwrap();
        std::fs::rename(&new, &newer).unwrap();
        std::fs::rename(&older, &new).unwrap();
        let refused = export(&old, &new, &path("new.age")).unwrap_err().to_string();
        assert!(refused.contains("does not have its copy"), "{refused}");
        assert!(RunReader::open(&new).is_err(), "it is not a run");
        assert!(RunReader::open(&newer).is_ok());
    }

    #[test]
    fn later_batches_have_higher_numbers_than_those_before_the_move() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new.age");
        let manifest = RunManifest {
            passwords: PasswordSource::Generated,
            input: None,
            provider: None,
            secrets: Some((SecretsPlace::File(path.clone()), recipients())),
        };
        let mut copy = DirectoryCopy::create(&folder.path().join("new"), &manifest, "mark").unwrap();
        copy.add_sealed(b"the first batches").unwrap();
        copy.end(5000).unwrap();
        let mut secrets = SecretsWriter::open(&path, recipients()).unwrap();
        assert!(secrets.next_batch().unwrap() > 5000);
    }

    #[test]
    fn import_that_loses_its_connection_is_finished_by_the_same_command() {
        for step in ["end", "complete"] {
            let folder = tempfile::tempdir().unwrap();
            let old = run(folder.path());
            let store = Store::default();
            store.with(|stored| stored.lost_at = Some(step));
            let open = |mark: CopyMark<'_>| Ok(store.open(mark));
            let path = folder.path().join("secrets.age");
            SecretsWriter::open(&path, recipients())
                .unwrap()
                .seal(1, &[])
                .unwrap();
            // A crash has truncated the last batch.
            let mut sealed = std::fs::read(&path).unwrap();
            sealed.extend(b"-----BEGIN AGE ENCRYPTED FILE-----\ncanary");
            std::fs::write(&path, &sealed).unwrap();
            let lost = Run::import(&old, "breach", open).unwrap_err().to_string();
            assert_eq!(lost, "the connection is lost");
            if step == "complete" {
                assert!(Run::open(&old).is_err(), "the copy may be complete");
                let refused = Run::import(&old, "other", open).unwrap_err().to_string();
                assert!(
                    refused.contains("has moved to the shared run breach"),
                    "{refused}"
                );
            } else {
                drop(Run::open(&old).expect("it is still here"));
            }
            let tally = Run::import(&old, "breach", open).unwrap();
            assert_eq!(tally.rows, 6);
            sealed.push(b'\n');
            store.with(|stored| {
                assert!(stored.is_complete);
                assert_eq!(stored.rows, 6);
                assert_eq!(
                    stored.sealed, sealed,
                    "the next batch begins on a line of its own"
                );
                assert_eq!(stored.last_batch, sealed.len() as u64);
                assert_eq!(stored.facts["passwords"], "generated");
                assert!(!stored.facts.contains_key("secrets"), "it is kept in the journal");
            });
        }
    }

    #[test]
    fn import_refuses_what_workers_could_not_go_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let never = |_: CopyMark<'_>| -> Result<Box<dyn CopiedJournal>, BulkError> { unreachable!() };
        let refusal = |passwords, secrets, is_read: bool| {
            let directory = folder.path().join("given");
            let manifest = RunManifest {
                passwords,
                input: None,
                provider: None,
                secrets: None,
            };
            let (mut run, _) = Run::create(&directory, manifest, secrets).unwrap();
            if is_read {
                run.journal.set_fact(READ_WHOLE, "yes").unwrap();
            }
            assert!(
                Run::import(&directory, "breach", never).is_err(),
                "this process has locked it"
            );
            drop(run);
            let refused = Run::import(&directory, "breach", never).unwrap_err().to_string();
            std::fs::remove_dir_all(&directory).unwrap();
            refused
        };
        let passphrase = SecretsProtection::Passphrase("correct horse battery".into());
        let passphrase = Some((folder.path().join("passphrase.age"), passphrase));
        for (passwords, secrets, is_read, why) in [
            (PasswordSource::Input, None, true, "those of its input"),
            (PasswordSource::Generated, passphrase, true, "with a passphrase"),
            (PasswordSource::Input, None, false, "was not read completely"),
        ] {
            let refused = refusal(passwords, secrets, is_read);
            assert!(refused.contains(why), "{refused}");
        }
    }
}
