//! Moving a run from its directory to a journal that several processes share, and back.
//!
//! The copy is complete before the run is marked as moved at its old place, and can be opened at its new place only after
//! that. So no row is sent from both. Of a move that was interrupted in between, the same command finishes the rest.

use std::fs::File;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};

use rand::TryRng as _;
use rand::rngs::SysRng;

use super::manifest::{RunManifest, SecretsPlace};
use super::now;
use super::opened_run::{CONFIRMED, Run};
use super::run_dir::{self, BEGUN, NewDirectory};
use crate::journal::{CopiedJournal, Journal as _, JournalReader, MOVED_TO, MovingJournal, Part, READ_WHOLE};
use crate::secrets::{self, SecretsWriter};
use crate::{BulkError, PasswordSource, Tally};

// The fact by which a copy and the mark at the old place are known to belong together.
pub(super) const MOVE: &str = "move";
// Lines that are copied together.
const LINES: u64 = 4096;
const PIECE: usize = 1 << 18;

impl Run {
    /// Moves the run in this directory to a journal that several processes share, under this name. `create` makes the
    /// journal that the run moves to; if it is given a mark, an earlier move was interrupted, and it opens the journal
    /// with that mark. Returns the outcomes so far.
    ///
    /// # Errors
    /// The run is being executed, has moved elsewhere, was not read completely, or has passwords of the input or a
    /// passphrase; or a journal cannot be read or written. Then the run is still where it was, or the same call finishes
    /// the move.
    pub fn import(
        folder: &Path,
        name: &str,
        create: impl FnOnce(Option<&str>) -> Result<Box<dyn CopiedJournal>, BulkError>,
    ) -> Result<Tally, BulkError> {
        let (mut journal, _lock) = run_dir::open_locked(folder)?;
        let reader = journal.reader()?;
        let place = format!("the shared run {name}");
        let shown = folder.display();
        if let Some(moved) = Moved::of(&*reader)? {
            if moved.place != place {
                return Err(moved.refusal(&shown.to_string()));
            }
            create(Some(&moved.mark))?.complete()?;
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
                     there with `repass bulk resume {shown}`, or load the rest of the input as a new shared run"
                )));
            }
        };
        let sealed = File::open(&sealed).map_err(|error| {
            BulkError::usage(format!(
                "cannot open this run's file of secrets {}: {error}",
                sealed.display()
            ))
        })?;
        let moved = Moved::new(place)?;
        let mut target = create(None)?;
        moved.set_mark(&mut *target)?;
        copy(&mut journal, Some(Box::new(sealed)), &mut *target)?;
        set_facts(&*reader, &manifest, &mut *target)?;
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
        reader: &dyn JournalReader,
        start: impl FnOnce() -> Result<Box<dyn MovingJournal>, BulkError>,
        folder: &Path,
        secrets: Option<PathBuf>,
    ) -> Result<(Tally, PasswordSource), BulkError> {
        if let Some(moved) = Moved::of(reader)? {
            finish_directory(folder, &moved).map_err(|problem| {
                BulkError::usage(format!(
                    "{}; {problem}",
                    moved.refusal(&format!("the shared run {name}"))
                ))
            })?;
            return Ok((reader.tally()?, RunManifest::load(reader)?.passwords));
        }
        let mut manifest = movable(reader, &format!("repass bulk resume {name} INPUT --shared"))?;
        manifest.secrets = match (manifest.passwords, secrets, manifest.secrets.take()) {
            (PasswordSource::Generated, Some(path), Some((_, recipients))) => {
                let path = std::path::absolute(&path).unwrap_or(path);
                Some((SecretsPlace::File(path), recipients))
            }
            (PasswordSource::Generated, None, _) => {
                return Err(BulkError::usage(
                    "the passwords of the run go to a new file, encrypted as they are; pass --secrets-out FILE",
                ));
            }
            (_, Some(_), _) => {
                return Err(BulkError::usage(
                    "the passwords of this run are those of its input, which stays as it is; omit --secrets-out",
                ));
            }
            (_, None, _) => None,
        };
        let mut source = start()?;
        let file = match &manifest.secrets {
            Some((SecretsPlace::File(path), _)) => Some(SecretsWriter::create_file(path)?),
            _ => None,
        };
        let created = NewDirectory::create(folder);
        let copied = created.and_then(|directory| {
            let mut target = DirectoryCopy {
                directory,
                secrets: file,
                length: 0,
            };
            // Absolute, because others read it elsewhere.
            let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
            let moved = Moved::new(format!("the directory {}", folder.display()))?;
            moved.set_mark(&mut target)?;
            let sealed = match target.secrets {
                Some(_) => reader.sealed()?,
                None => None,
            };
            copy(&mut *source, sealed, &mut target)?;
            set_facts(reader, &manifest, &mut target)?;
            Ok((target, moved))
        });
        let (mut target, moved) = match copied {
            Ok(copied) => copied,
            Err(problem) => {
                // It was made here. The error is reported whether it can be removed or not.
                if let Some((SecretsPlace::File(path), _)) = &manifest.secrets {
                    let _ = std::fs::remove_file(path);
                }
                return Err(problem);
            }
        };
        // From here on it is the only one that can be worked on, or may be.
        target.directory.keep();
        source.set_moved(&moved.fact())?;
        target.complete()?;
        Ok((reader.tally()?, manifest.passwords))
    }
}

/// Where a run has moved, and by which mark its copy is known.
pub(super) struct Moved {
    mark: String,
    place: String,
}

impl Moved {
    fn new(place: String) -> Result<Self, BulkError> {
        let (mut first, mut second) = (0, 0);
        for half in [&mut first, &mut second] {
            let random = SysRng.try_next_u64();
            *half =
                random.map_err(|error| BulkError::internal(format!("there is no randomness: {error}")))?;
        }
        Ok(Self {
            mark: format!("{first:016x}{second:016x}"),
            place,
        })
    }

    pub(super) fn of(journal: &dyn JournalReader) -> Result<Option<Self>, BulkError> {
        let fact = journal.fact(MOVED_TO)?;
        let moved = fact.as_deref().and_then(|fact| fact.split_once(' '));
        Ok(moved.map(|(mark, place)| Self {
            mark: mark.to_owned(),
            place: place.to_owned(),
        }))
    }

    fn fact(&self) -> String {
        format!("{} {}", self.mark, self.place)
    }

    fn set_mark(&self, target: &mut dyn CopiedJournal) -> Result<(), BulkError> {
        target.set_fact(MOVE, &self.mark)
    }

    pub(super) fn place(self) -> String {
        self.place
    }

    fn refusal(&self, run: &str) -> BulkError {
        BulkError::usage(format!("{run} has moved to {}; work on it there", self.place))
    }
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

fn copy(
    source: &mut dyn MovingJournal,
    sealed: Option<Box<dyn Read + Send>>,
    target: &mut dyn CopiedJournal,
) -> Result<(), BulkError> {
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
    }
    // In a file the number of a batch is below the length of the file behind it.
    target.end(source.last_batch()?.max(length))
}

fn set_facts(
    journal: &dyn JournalReader,
    manifest: &RunManifest,
    target: &mut dyn CopiedJournal,
) -> Result<(), BulkError> {
    for (name, value) in manifest.facts()? {
        target.set_fact(name, &value)?;
    }
    for name in [CONFIRMED, READ_WHOLE] {
        if let Some(value) = journal.fact(name)? {
            target.set_fact(name, &value)?;
        }
    }
    Ok(())
}

/// A new directory that a run moves to.
#[derive(Debug)]
struct DirectoryCopy {
    directory: NewDirectory,
    secrets: Option<File>,
    length: u64,
}

impl CopiedJournal for DirectoryCopy {
    fn add(&mut self, part: Part, rows: &str) -> Result<(), BulkError> {
        self.directory.journal.add_part(part, rows)
    }

    fn set_fact(&mut self, name: &str, value: &str) -> Result<(), BulkError> {
        self.directory.journal.set_fact(name, value)
    }

    fn add_sealed(&mut self, piece: &[u8]) -> Result<(), BulkError> {
        let file = self.secrets.as_mut();
        let file = file.ok_or_else(|| BulkError::internal("there is no file for the secrets"))?;
        self.length += piece.len() as u64;
        file.write_all(piece).map_err(|error| unwritable(&error))
    }

    // The number of the next batch is the length of the file and one more.
    fn end(&mut self, last_batch: u64) -> Result<(), BulkError> {
        let Some(file) = &mut self.secrets else {
            return Ok(());
        };
        let missing = last_batch.saturating_sub(self.length);
        let padded = std::io::copy(&mut std::io::repeat(b'\n').take(missing), file);
        padded
            .and_then(|_| file.sync_all())
            .map_err(|error| unwritable(&error))
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
    let (mut journal, _lock) = run_dir::open_incomplete(folder)?;
    let mark = journal.reader()?.fact(MOVE)?;
    if mark.as_ref() != Some(&moved.mark) {
        return Err(BulkError::usage(format!(
            "the directory {} is not its copy",
            folder.display()
        )));
    }
    journal.set_fact(BEGUN, "yes")
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
        failures: u32,
        is_complete: bool,
    }

    impl Store {
        fn with<T>(&self, work: impl FnOnce(&mut Stored) -> T) -> T {
            work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
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
            Ok(())
        }
        fn complete(&mut self) -> Result<(), BulkError> {
            self.with(|stored| {
                if let Some(left) = stored.failures.checked_sub(1) {
                    stored.failures = left;
                    return Err(BulkError::internal("the connection is lost"));
                }
                stored.is_complete = true;
                Ok(())
            })
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
        let (journal, _lock) = run_dir::open_locked(directory)?;
        let reader = journal.reader()?;
        Run::export(
            "breach",
            &*reader,
            || Ok(Box::new(journal)),
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
        assert!(refused.contains("repeat the command that moves it"), "{refused}");
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

    #[test]
    fn later_batches_have_higher_numbers_than_those_before_the_move() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = folder.path().join("new.age");
        let mut copy = DirectoryCopy {
            directory: NewDirectory::create(&folder.path().join("new")).unwrap(),
            secrets: Some(SecretsWriter::create_file(&secrets).unwrap()),
            length: 0,
        };
        copy.add_sealed(b"the first batches").unwrap();
        copy.end(5000).unwrap();
        let mut secrets = SecretsWriter::open(&secrets, recipients()).unwrap();
        assert!(secrets.next_batch().unwrap() > 5000);
    }

    #[test]
    fn import_that_loses_its_connection_at_the_end_is_finished_by_the_same_command() {
        let folder = tempfile::tempdir().unwrap();
        let old = run(folder.path());
        let store = Store::default();
        store.with(|stored| stored.failures = 1);
        let create = |mark: Option<&str>| -> Result<Box<dyn CopiedJournal>, BulkError> {
            let known = store.with(|stored| stored.facts.get(MOVE).cloned());
            assert_eq!(mark.map(str::to_owned), known, "the mark of the copy");
            Ok(Box::new(store.clone()))
        };
        let sealed = folder.path().join("secrets.age");
        let mut secrets = SecretsWriter::open(&sealed, recipients()).unwrap();
        secrets.seal(1, &[]).unwrap();
        let sealed = std::fs::read(sealed).unwrap();
        let lost = Run::import(&old, "breach", create).unwrap_err().to_string();
        assert_eq!(lost, "the connection is lost");
        assert!(Run::open(&old).is_err(), "the copy may be complete");
        let refused = Run::import(&old, "other", create).unwrap_err().to_string();
        assert!(
            refused.contains("has moved to the shared run breach"),
            "{refused}"
        );
        let tally = Run::import(&old, "breach", create).unwrap();
        assert_eq!(tally.rows, 6);
        store.with(|stored| {
            assert!(stored.is_complete);
            assert_eq!(stored.rows, 6);
            assert_eq!(stored.sealed, sealed);
            assert_eq!(stored.last_batch, sealed.len() as u64);
            assert_eq!(stored.facts["passwords"], "generated");
            assert!(!stored.facts.contains_key("secrets"), "it is kept in the journal");
        });
    }

    #[test]
    fn import_refuses_what_workers_could_not_go_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let never = |_: Option<&str>| -> Result<Box<dyn CopiedJournal>, BulkError> { unreachable!() };
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
