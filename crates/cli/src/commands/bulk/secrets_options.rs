//! Where made passwords go, and for whom.

use std::path::PathBuf;

use repass_bulk::{BulkError, Key, Recipients, SecretsProtection};

use super::blocking;
use crate::error::CliError;
use crate::global_options::GlobalOptions;
use crate::prompts::Passphrase;
use repass::secrets::{open_private, read_at_most};

/// Where made passwords go.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Where the new passwords go")]
pub(super) struct SecretsOptions {
    /// A new file for them, encrypted; each is in it before it is sent
    #[arg(long, value_name = "FILE")]
    pub(super) secrets_out: Option<PathBuf>,
    /// Encrypt to this public key of age; may be given several times
    #[arg(long, value_name = "AGE1…", requires = "secrets_out")]
    recipient: Vec<String>,
    /// Encrypt to the public keys in this file, one a line
    #[arg(long, value_name = "FILE", requires = "secrets_out")]
    recipients_file: Option<PathBuf>,
    #[command(flatten)]
    passphrase: Passphrase,
}

// More than a file of keys ever is.
const LONGEST: usize = 1 << 20;

impl SecretsOptions {
    /// The file and for whom it is; `None` if none is named.
    pub(super) async fn target(
        &self,
        global: &GlobalOptions,
    ) -> Result<Option<(PathBuf, SecretsProtection)>, CliError> {
        let Some(path) = &self.secrets_out else {
            return Ok(None);
        };
        if path.as_os_str() == "-" {
            return Err(CliError::usage(
                "--secrets-out needs a file: each password is on the disk before it is sent, which a stream cannot promise",
            ));
        }
        let keys = !self.recipient.is_empty() || self.recipients_file.is_some();
        if keys && self.passphrase.is_given() {
            return Err(CliError::usage(
                "secrets are encrypted to recipients or by a passphrase, not both",
            ));
        }
        let to = if keys {
            SecretsProtection::Recipients(self.recipients()?)
        } else if let Some(passphrase) = self.passphrase.gather(true, global).await? {
            SecretsProtection::Passphrase(passphrase)
        } else {
            return Err(CliError::usage(
                "--secrets-out needs to know who may read it: give --recipient age1… (`age-keygen -o key.txt` makes such a \
                 key), --recipients-file FILE or --passphrase",
            ));
        };
        Ok(Some((path.clone(), to)))
    }

    fn recipients(&self) -> Result<Recipients, CliError> {
        let named = match &self.recipient[..] {
            [] => None,
            named => Some(Recipients::new(named)?),
        };
        let Some(file) = &self.recipients_file else {
            return named.ok_or_else(|| CliError::internal("no recipient"));
        };
        let shown = file.display();
        let text = std::fs::read_to_string(file)
            .map_err(|error| CliError::usage(format!("cannot read the recipients file {shown}: {error}")))?;
        let listed =
            Recipients::in_file(&text).map_err(|problem| CliError::usage(format!("{shown}: {problem}")))?;
        Ok(match named {
            Some(named) => named.and(listed),
            None => listed,
        })
    }
}

/// What opens a file of secrets.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What opens the file of secrets")]
pub(super) struct KeyOptions {
    /// The secret key of age that it is encrypted to, in a file that only its owner can read
    #[arg(long, value_name = "KEYFILE")]
    identity: Option<PathBuf>,
    #[command(flatten)]
    passphrase: Passphrase,
}

impl KeyOptions {
    /// The key; `None` if none is given.
    pub(super) async fn key(&self, global: &GlobalOptions) -> Result<Option<Key>, CliError> {
        let Some(path) = self.identity.clone() else {
            let passphrase = self.passphrase.gather(false, global).await?;
            return Ok(passphrase.map(Key::Passphrase));
        };
        let read = move || {
            let shown = path.display();
            let wrong = |why: String| BulkError::Usage(format!("the identity file {shown}: {why}"));
            let mut file = open_private(&path).map_err(wrong)?;
            let bytes = read_at_most(&mut file, LONGEST)
                .map_err(|error| wrong(format!("cannot be read: {error}")))?;
            let bytes = bytes.ok_or_else(|| wrong("is too long to be one".to_owned()))?;
            Key::in_bytes(&bytes).map_err(|problem| wrong(problem.to_string()))
        };
        blocking(read).await.map(Some)
    }
}
