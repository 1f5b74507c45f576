//! Writes a file of secrets.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use age::Encryptor;
use age::armor::{ArmoredWriter, Format};
use repass_domain::Password;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use zeroize::Zeroizing;

use super::key::{self, Recipients};
use crate::BulkError;
use crate::journal::SealedStore;

/// Seals passwords and keeps them, in a file of secrets or in a journal.
#[derive(Debug)]
pub(crate) struct SecretsWriter {
    store: Box<dyn SealedStore>,
    recipients: Recipients,
    // Reused for every batch, because allocating it again costs more than keeping it.
    sealed: Vec<u8>,
}

/// A file of secrets, open for appending. A batch is known by the length of the file before it.
#[derive(Debug)]
struct SecretsFile {
    file: File,
    length: u64,
}

impl SealedStore for SecretsFile {
    fn next_batch(&mut self) -> Result<u64, BulkError> {
        Ok(self.length + 1)
    }

    fn append(&mut self, _: u64, sealed: &[u8]) -> Result<(), BulkError> {
        // Counted first: a skipped number does no harm.
        self.length += u64::try_from(sealed.len()).unwrap_or_default();
        let written = self.file.write_all(sealed).and_then(|()| self.file.sync_data());
        written.map_err(|error| BulkError::internal(format!("cannot write the file of secrets: {error}")))
    }
}

/// One password of a batch.
pub(crate) struct Entry<'a> {
    pub(crate) line: u64,
    pub(crate) user: &'a str,
    pub(crate) provider: &'a str,
    pub(crate) attempt: u64,
    pub(crate) new: &'a Password,
}

// In the documented order of keys.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the row's line is called so everywhere")]
struct Line<'a> {
    line: u64,
    user: &'a str,
    provider: &'a str,
    attempt: u64,
    batch: u64,
    new_password: &'a str,
}

// More than a line without its texts.
const FRAME: usize = 192;

impl SecretsWriter {
    /// Creates the empty file.
    pub(crate) fn create_file(path: &Path) -> Result<File, BulkError> {
        let mut options = OpenOptions::new();
        let made = options.append(true).create_new(true).mode(0o600).open(path);
        let synced = made.and_then(|file| sync_folder(path).map(|()| file));
        synced.map_err(|error| {
            let shown = path.display();
            BulkError::usage(match error.kind() {
                io::ErrorKind::AlreadyExists => {
                    format!(
                        "{shown} exists already and is not overwritten; name another file for the secrets"
                    )
                }
                _ => format!("cannot create {shown} for the secrets: {error}"),
            })
        })
    }

    /// Creates a new file for these recipients.
    pub(crate) fn create(path: &Path, recipients: Recipients) -> Result<Self, BulkError> {
        let file = Self::create_file(path)?;
        let mut secrets = Self::new(Box::new(SecretsFile { file, length: 0 }), recipients);
        // An invalid recipient fails now, not when a password is about to be sent.
        let tried = secrets.sealed(0, &[]);
        tried.map_err(|error| BulkError::usage(format!("cannot use {}: {error}", path.display())))?;
        Ok(secrets)
    }

    /// The same with a passphrase. Also returns the recipient for all batches.
    pub(crate) fn create_with_passphrase(
        path: &Path,
        passphrase: &SecretString,
    ) -> Result<(Self, Recipients), BulkError> {
        let (text, recipients) = key::generate_file_key();
        let mut secrets = Self::create(path, recipients.clone())?;
        let first = key::scrypt(passphrase).next();
        let outer = first.iter().map(|recipient| recipient as &dyn age::Recipient);
        #[expect(clippy::disallowed_methods, reason = "the file's own key, into its seal")]
        let sealed = armored(outer, &mut secrets.sealed, |seal| {
            seal.write_all(text.expose_secret().as_bytes())
        });
        sealed.map_err(|error| BulkError::internal(format!("cannot write {}: {error}", path.display())))?;
        secrets.append(0)?;
        Ok((secrets, recipients))
    }

    /// Opens an existing file to append to it.
    pub(crate) fn open(path: &Path, recipients: Recipients) -> Result<Self, BulkError> {
        let opened = OpenOptions::new().append(true).open(path);
        let opened = opened.and_then(|file| Ok((file.metadata()?.len(), file)));
        let (length, file) = opened.map_err(|error| {
            BulkError::usage(format!(
                "cannot open this run's file of secrets {}: {error}",
                path.display()
            ))
        })?;
        let mut file = SecretsFile { file, length };
        // So that the next batch does not continue the last line of a truncated one.
        if length > 0 {
            file.append(0, b"\n")?;
        }
        Ok(Self::new(Box::new(file), recipients))
    }

    /// Writes to this store.
    pub(crate) fn new(store: Box<dyn SealedStore>, recipients: Recipients) -> Self {
        let sealed = Vec::new();
        Self {
            store,
            recipients,
            sealed,
        }
    }

    /// A number that no other batch of the run has.
    pub(crate) fn next_batch(&mut self) -> Result<u64, BulkError> {
        self.store.next_batch()
    }

    /// Encrypts and keeps a batch, which is durable when this returns.
    pub(crate) fn seal(&mut self, batch: u64, entries: &[Entry<'_>]) -> Result<(), BulkError> {
        let sealed = self.sealed(batch, entries);
        sealed.map_err(|error| BulkError::internal(format!("cannot encrypt the passwords: {error}")))?;
        self.append(batch)
    }

    fn sealed(&mut self, batch: u64, entries: &[Entry<'_>]) -> io::Result<()> {
        // One line at a time, in a buffer that never grows and so leaves no copies.
        let capacity = entries.iter().map(Entry::max_bytes).max().unwrap_or_default();
        let mut line = Zeroizing::new(Vec::with_capacity(capacity));
        armored(self.recipients.dynamic(), &mut self.sealed, |seal| {
            for entry in entries {
                line.clear();
                serde_json::to_writer(&mut *line, &entry.line(batch))?;
                line.push(b'\n');
                seal.write_all(&line)?;
            }
            Ok(())
        })
    }

    fn append(&mut self, batch: u64) -> Result<(), BulkError> {
        self.store.append(batch, &self.sealed)
    }
}

impl<'a> Entry<'a> {
    #[expect(
        clippy::disallowed_methods,
        reason = "into a buffer that is wiped, on its way to be sealed"
    )]
    fn line(&self, batch: u64) -> Line<'a> {
        Line {
            line: self.line,
            user: self.user,
            provider: self.provider,
            attempt: self.attempt,
            batch,
            new_password: self.new.expose_secret(),
        }
    }

    // JSON escapes a byte as at most six bytes, `\u0000`.
    fn max_bytes(&self) -> usize {
        let new_password = self.line(0).new_password;
        6 * (self.user.len() + self.provider.len() + new_password.len()) + FRAME
    }
}

// Replaces the content of `out` with what `write` writes, encrypted.
pub(super) fn armored<'a>(
    recipients: impl Iterator<Item = &'a dyn age::Recipient>,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    out.clear();
    let encryptor = Encryptor::with_recipients(recipients).map_err(io::Error::other)?;
    let mut seal = encryptor.wrap_output(ArmoredWriter::wrap_output(out, Format::AsciiArmor)?)?;
    write(&mut seal)?;
    seal.finish()?.finish().map(drop)
}

// A new file survives a crash only after its directory is synced.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}
