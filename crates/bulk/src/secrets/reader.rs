//! Opening.

use std::fmt;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use age::armor::ArmoredReader;
use age::x25519;
use age::{DecryptError, Decryptor, Identity};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::key::{self, Key};
use crate::BulkError;
use crate::journal::{Reader, RowPhase};
use crate::run::reader;

/// What is in a batch about one row.
#[derive(Deserialize)]
pub struct SecretRecord {
    /// The row's line in the input.
    pub line: u64,
    /// Whose password.
    pub user: String,
    /// Where.
    pub provider: String,
    /// Which sending of the row it was made for, counted from 1.
    pub attempt: u64,
    pub(crate) batch: u64,
    /// The password.
    pub new_password: SecretString,
}

/// What a password in the file is worth, by the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretStatus {
    /// The provider said that it is set.
    Current,
    /// It was sent, and nobody knows whether it is set.
    Unknown,
    /// It is one of several of which one is set: the last one was set for certain, and of one that was sent before it
    /// nobody knows. A later probe of the last one shows which holds.
    Candidate,
    /// It was sent and not set, for certain.
    Refused,
    /// It may have been set, and another one was set after it.
    Superseded,
    /// It was never sent: repass was stopped before.
    NotSent,
}

impl SecretStatus {
    /// As it is printed.
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

/// Hands over every password of a file, in the order in which they were sealed. How many batches were cut off by
/// a crash; nothing of those was sent.
///
/// # Errors
/// The file cannot be read, the key does not open it, or it was changed; or `take` fails.
pub fn read_secrets(
    path: &Path,
    key: &Key,
    mut take: impl FnMut(SecretRecord) -> Result<(), BulkError>,
) -> Result<u64, BulkError> {
    let mut segments = Segments::new(path, key)?;
    while let Some(text) = segments.next()? {
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            // What serde says may quote what it found.
            let opened = serde_json::from_slice(line).map_err(|_| {
                BulkError::usage(format!(
                    "{}: holds a line that repass did not write",
                    path.display()
                ))
            })?;
            take(opened)?;
        }
    }
    Ok(segments.cut)
}

/// What the passwords of a file are worth, by the journal of their run.
#[derive(Debug)]
pub struct SecretStatuses(Reader);

impl SecretStatuses {
    /// Of the run in this folder, which may be under way.
    ///
    /// # Errors
    /// There is no such run, or it cannot be read.
    pub fn of(run: &Path) -> Result<Self, BulkError> {
        reader(run).map(Self)
    }

    /// What one of them is worth now.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn state(&self, opened: &SecretRecord) -> Result<SecretStatus, BulkError> {
        opened.state(&self.0)
    }
}

impl SecretRecord {
    fn state(&self, journal: &Reader) -> Result<SecretStatus, BulkError> {
        let Some(row) = journal.row(self.line)? else {
            return Ok(SecretStatus::NotSent);
        };
        let applied = row.state == RowPhase::Applied;
        let sent = if row.batch == self.batch {
            Some(row.state)
        } else {
            journal.earlier(self.line, self.batch)?
        };
        let last = row.batch == self.batch;
        Ok(match sent {
            None => SecretStatus::NotSent,
            Some(RowPhase::Applied) if row.unsettled => SecretStatus::Candidate,
            Some(RowPhase::Applied) => SecretStatus::Current,
            Some(RowPhase::Sending | RowPhase::Unknown) if applied && !last && row.unsettled => {
                SecretStatus::Candidate
            }
            Some(RowPhase::Sending | RowPhase::Unknown) if applied && !last => SecretStatus::Superseded,
            Some(RowPhase::Sending | RowPhase::Unknown) => SecretStatus::Unknown,
            // It is to be sent again, so this sending is among the earlier ones too.
            Some(RowPhase::Pending) => match journal.earlier(self.line, self.batch)? {
                Some(RowPhase::Unknown) => SecretStatus::Unknown,
                _ => SecretStatus::Refused,
            },
            Some(RowPhase::NotApplied | RowPhase::Invalid) => SecretStatus::Refused,
        })
    }
}

/// The age files of a file of secrets, opened one after the other.
pub(super) struct Segments<'a> {
    lines: BufReader<File>,
    key: &'a Key,
    /// What the passphrase has opened.
    inner: Option<x25519::Identity>,
    shown: String,
    /// A first line that was read already.
    begun: bool,
    cut: u64,
}

const BEGIN: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
const END: &[u8] = b"-----END AGE ENCRYPTED FILE-----";

impl<'a> Segments<'a> {
    pub(crate) fn new(path: &Path, key: &'a Key) -> Result<Self, BulkError> {
        let shown = path.display().to_string();
        let file =
            File::open(path).map_err(|error| BulkError::usage(format!("cannot open {shown}: {error}")))?;
        Ok(Self {
            lines: BufReader::new(file),
            key,
            inner: None,
            shown,
            begun: false,
            cut: 0,
        })
    }

    /// The text of the next one; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, BulkError> {
        while let Some(armored) = self.armored()? {
            if let Some(text) = self.decrypted(&armored)? {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    // The next whole one. What is cut, and what stands between them, is left out.
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

    // `None` for the one that holds the file's own key.
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
            .map_err(|error| BulkError::usage(format!("{}: a batch was changed: {error}", self.shown)))?;
        if !scrypt {
            return Ok(Some(text));
        }
        let inner = std::str::from_utf8(&text)
            .ok()
            .and_then(|text| key::read(&text.into()));
        let inner =
            inner.ok_or_else(|| BulkError::usage(format!("{}: is none that repass wrote", self.shown)))?;
        self.inner = Some(inner);
        Ok(None)
    }

    fn not_opened(&self, error: &DecryptError) -> BulkError {
        let why = match (error, self.key) {
            (DecryptError::NoMatchingKeys, Key::Identities(_)) => "it is sealed to another key".to_owned(),
            (DecryptError::NoMatchingKeys, Key::Passphrase(_)) => {
                "it is sealed to a key and not to a passphrase; give --identity".to_owned()
            }
            (DecryptError::KeyDecryptionFailed | DecryptError::DecryptionFailed, Key::Passphrase(_)) => {
                "the passphrase is not the one it was made with".to_owned()
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
