//! Reads a file of secrets.

use std::fmt;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;

use age::armor::ArmoredReader;
use age::x25519;
use age::{DecryptError, Decryptor, Identity};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::key::{self, Key};
use crate::BulkError;
use crate::journal::{JournalReader, LOST_BATCH, RowPhase};

/// A generated password of one attempt, with its row.
#[derive(Deserialize)]
pub struct SecretRecord {
    /// The line in the input where the row starts, counted from 1.
    pub line: u64,
    /// The user whose password was to be set.
    pub user: String,
    /// The configured name of the provider.
    pub provider: String,
    /// The attempt for which the password was generated, counted from 1.
    pub attempt: u64,
    pub(crate) batch: u64,
    /// The generated password.
    pub new_password: SecretString,
}

/// Whether a password in the file of secrets is the user's current one, by the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretStatus {
    /// The provider confirmed the password.
    Current,
    /// The password was sent, and may have been set.
    Unknown,
    /// The password is one of several candidates: the last one was confirmed, and an earlier one is unknown. A probe
    /// of the last one shows which works.
    Candidate,
    /// The password was sent, and certainly not set.
    Refused,
    /// The password may have been set, and another one was set after it.
    Superseded,
    /// The password was never sent.
    NotSent,
}

impl SecretStatus {
    /// The stable code of the status, as in all output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Unknown => "unknown",
            Self::Candidate => "candidate",
            Self::Refused => "refused",
            Self::Superseded => "superseded",
            Self::NotSent => "not-sent",
        }
    }
}

/// Passes every password of a file of secrets to `take`, in the order in which they were sealed. Returns how many
/// batches were cut off by a crash; nothing of those was sent.
///
/// # Errors
/// The file cannot be read, the key does not open it, or it was changed; or `take` fails.
pub fn read_secrets(
    path: &Path,
    key: &Key,
    take: impl FnMut(SecretRecord) -> Result<(), BulkError>,
) -> Result<u64, BulkError> {
    let shown = path.display().to_string();
    let file = File::open(path).map_err(|error| BulkError::usage(format!("cannot open {shown}: {error}")))?;
    read(Box::new(file), shown, key, take)
}

/// Whether the file of secrets is encrypted with a passphrase.
pub(crate) fn needs_passphrase(path: &Path) -> Result<bool, BulkError> {
    let shown = path.display();
    let wrong = |error: String| BulkError::usage(format!("cannot open {shown}: {error}"));
    let mut file = BufReader::new(File::open(path).map_err(|error| wrong(error.to_string()))?);
    // Nothing was sent yet, or it would have a first batch.
    if file
        .fill_buf()
        .map_err(|error| wrong(error.to_string()))?
        .is_empty()
    {
        return Ok(false);
    }
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(file));
    decryptor
        .map(|decryptor| decryptor.is_scrypt())
        .map_err(|error| wrong(error.to_string().trim().replace('\n', " ")))
}

/// The same with the passwords that a journal keeps.
pub(crate) fn read_sealed(
    journal: &dyn JournalReader,
    key: &Key,
    take: impl FnMut(SecretRecord) -> Result<(), BulkError>,
) -> Result<u64, BulkError> {
    let sealed = journal.sealed()?;
    let sealed =
        sealed.ok_or_else(|| BulkError::usage("the run has no generated passwords in its journal"))?;
    read(sealed, "the passwords of the run".to_owned(), key, take)
}

fn read(
    source: Box<dyn Read + Send>,
    shown: String,
    key: &Key,
    mut take: impl FnMut(SecretRecord) -> Result<(), BulkError>,
) -> Result<u64, BulkError> {
    let mut segments = Segments::new(source, shown, key);
    while let Some(text) = segments.next()? {
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            // serde's message may quote a password.
            let opened = serde_json::from_slice(line).map_err(|_| {
                BulkError::usage(format!(
                    "{}: contains a line that repass did not write",
                    segments.shown
                ))
            })?;
            take(opened)?;
        }
    }
    Ok(segments.cut)
}

impl SecretRecord {
    pub(crate) fn status(&self, journal: &dyn JournalReader) -> Result<SecretStatus, BulkError> {
        let Some(row) = journal.row(self.line)? else {
            return Ok(SecretStatus::NotSent);
        };
        let applied = row.state == RowPhase::Applied;
        let last = row.batch == self.batch;
        let sent = if last {
            Some(row.state)
        } else {
            let earlier = journal.earlier(self.line, self.batch)?;
            match earlier {
                // It may have been this one.
                None if row.is_of_lost_attempt() => Some(RowPhase::Unknown),
                None => journal
                    .earlier(self.line, LOST_BATCH)?
                    .filter(|lost| *lost == RowPhase::Unknown),
                earlier => earlier,
            }
        };
        Ok(match sent {
            None => SecretStatus::NotSent,
            Some(RowPhase::Applied) if applied && !last => SecretStatus::Superseded,
            Some(RowPhase::Applied) if row.unsettled => SecretStatus::Candidate,
            Some(RowPhase::Applied) => SecretStatus::Current,
            Some(RowPhase::Sending | RowPhase::Unknown) if applied && !last && row.unsettled => {
                SecretStatus::Candidate
            }
            Some(RowPhase::Sending | RowPhase::Unknown) if applied && !last => SecretStatus::Superseded,
            Some(RowPhase::Sending | RowPhase::Unknown) => SecretStatus::Unknown,
            // The row is pending again, so this attempt is among the earlier ones.
            Some(RowPhase::Pending) => match journal.earlier(self.line, self.batch)? {
                Some(RowPhase::Unknown) => SecretStatus::Unknown,
                _ => SecretStatus::Refused,
            },
            Some(RowPhase::NotApplied | RowPhase::Invalid) => SecretStatus::Refused,
        })
    }
}

/// Decrypts the age files of a file of secrets, one after the other.
pub(super) struct Segments<'a> {
    lines: BufReader<Box<dyn Read + Send>>,
    key: &'a Key,
    /// The key that the passphrase opened.
    inner: Option<x25519::Identity>,
    shown: String,
    /// The first line of the next age file was read already.
    begun: bool,
    cut: u64,
}

const BEGIN: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
const END: &[u8] = b"-----END AGE ENCRYPTED FILE-----";

impl<'a> Segments<'a> {
    pub(super) fn new(source: Box<dyn Read + Send>, shown: String, key: &'a Key) -> Self {
        Self {
            lines: BufReader::new(source),
            key,
            inner: None,
            shown,
            begun: false,
            cut: 0,
        }
    }

    /// The text of the next age file; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, BulkError> {
        while let Some(armored) = self.armored()? {
            if let Some(text) = self.decrypted(&armored)? {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    // The next complete one. Truncated ones, and anything between them, are skipped.
    fn armored(&mut self) -> Result<Option<Vec<u8>>, BulkError> {
        let mut armored = Vec::new();
        let mut line = Vec::new();
        if std::mem::take(&mut self.begun) {
            armored.extend_from_slice(BEGIN);
            armored.push(b'\n');
        }
        loop {
            line.clear();
            let read = self.lines.read_until(b'\n', &mut line);
            let read =
                read.map_err(|error| BulkError::usage(format!("cannot read {}: {error}", self.shown)))?;
            if read == 0 {
                self.cut += u64::from(!armored.is_empty());
                return Ok(None);
            }
            let bare = line.trim_ascii();
            if bare == BEGIN && !armored.is_empty() {
                self.cut += 1;
                self.begun = true;
                return self.armored();
            }
            if bare == BEGIN || !armored.is_empty() {
                armored.extend_from_slice(bare);
                armored.push(b'\n');
            }
            if bare == END && !armored.is_empty() {
                return Ok(Some(armored));
            }
        }
    }

    // `None` for the one that contains the file's key.
    fn decrypted(&mut self, armored: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, BulkError> {
        let decryptor =
            Decryptor::new_buffered(ArmoredReader::new(armored)).map_err(|error| self.not_opened(&error))?;
        let scrypt = decryptor.is_scrypt();
        let passphrase;
        let identities: Vec<&dyn Identity> = match (self.key, &self.inner) {
            (Key::Identities(keys), _) => keys.0.iter().map(|key| key as &dyn Identity).collect(),
            (Key::Passphrase(_), Some(inner)) if !scrypt => vec![inner],
            (Key::Passphrase(text), _) => {
                passphrase = age::scrypt::Identity::new(text.clone());
                vec![&passphrase]
            }
        };
        let mut reader = decryptor
            .decrypt(identities.into_iter())
            .map_err(|error| self.not_opened(&error))?;
        let mut text = Zeroizing::new(Vec::with_capacity(armored.len()));
        reader
            .read_to_end(&mut text)
            .map_err(|error| BulkError::usage(format!("{}: a batch was modified: {error}", self.shown)))?;
        if !scrypt {
            return Ok(Some(text));
        }
        let inner = std::str::from_utf8(&text)
            .ok()
            .and_then(|text| key::read(&text.into()));
        let inner =
            inner.ok_or_else(|| BulkError::usage(format!("{}: was not written by repass", self.shown)))?;
        self.inner = Some(inner);
        Ok(None)
    }

    fn not_opened(&self, error: &DecryptError) -> BulkError {
        let why = match (error, self.key) {
            (DecryptError::NoMatchingKeys, Key::Identities(_)) => "it is encrypted to another key".to_owned(),
            (DecryptError::NoMatchingKeys, Key::Passphrase(_)) => {
                "it is encrypted to a key and not with a passphrase; pass --identity".to_owned()
            }
            (DecryptError::KeyDecryptionFailed | DecryptError::DecryptionFailed, Key::Passphrase(_)) => {
                "the passphrase is wrong".to_owned()
            }
            (error, _) => error.to_string().trim().replace('\n', " "),
        };
        BulkError::usage(format!("cannot open {}: {why}", self.shown))
    }
}

impl fmt::Debug for SecretRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretRecord")
            .field("line", &self.line)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use repass_domain::UserId;

    use super::*;
    use crate::journal::{Journal as _, NewRow, SqliteJournal};

    // After a failover the database knows that a row may have been sent, and not with which of its passwords.
    #[test]
    fn password_of_a_lost_attempt_may_have_been_set() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.sqlite");
        let mut journal = SqliteJournal::create(&path).unwrap();
        let provider = journal.provider_id("zoom").unwrap();
        let user = UserId::new("alice").unwrap();
        let row = NewRow {
            line: 2,
            user: Some(&user),
            provider: Some(provider),
            invalid: None,
        };
        journal.ingest(&[row], 1).unwrap();
        let reader = journal.reader().unwrap();
        let secret = |batch| SecretRecord {
            line: 2,
            user: "alice".to_owned(),
            provider: "zoom".to_owned(),
            attempt: 1,
            batch,
            new_password: SecretString::from("Generated-1"),
        };
        let status = |batch| secret(batch).status(&*reader).unwrap();
        assert_eq!(status(7), SecretStatus::NotSent);

        let database = rusqlite::Connection::open(&path).unwrap();
        let change = |sql: &str| database.execute(sql, []).unwrap();
        change("INSERT INTO outcomes VALUES (2, 4, 0, 0, 1, 0, 0, 1, 'interrupted', NULL, NULL, NULL)");
        assert_eq!(status(7), SecretStatus::Unknown);

        // It was sent again, with a later password.
        change("INSERT INTO earlier VALUES (2, 0, 4)");
        for (update, of_lost, of_later) in [
            (
                "state = 1, unsettled = 1, batch = 9",
                SecretStatus::Unknown,
                SecretStatus::Unknown,
            ),
            ("state = 4", SecretStatus::Unknown, SecretStatus::Unknown),
            ("state = 2", SecretStatus::Candidate, SecretStatus::Candidate),
            ("unsettled = 0", SecretStatus::Superseded, SecretStatus::Current),
        ] {
            change(&format!("UPDATE outcomes SET {update}"));
            assert_eq!((status(7), status(9)), (of_lost, of_later), "{update}");
        }
    }
}
