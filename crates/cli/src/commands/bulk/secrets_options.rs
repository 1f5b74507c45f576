//! The options for the secrets file: where generated passwords are written, and who can read them.

use std::path::PathBuf;

use repass_bulk::{BulkError, Key, PasswordSource, Recipients, RowSource, SecretsProtection};

use super::blocking;
use crate::error::CliError;
use crate::global_options::GlobalOptions;
use crate::prompts::Passphrase;
use repass::secrets::{open_private, read_at_most};

/// Where generated passwords are written.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Secrets file")]
pub(super) struct SecretsOptions {
    /// Write the generated passwords to this new, encrypted file; each is written before it is sent
    #[arg(long, value_name = "FILE", group = "SecretsPlace")]
    pub(super) secrets_out: Option<PathBuf>,
    /// Encrypt to this age public key; may be repeated
    #[arg(long, value_name = "AGE1…", requires = "SecretsPlace")]
    recipient: Vec<String>,
    /// Encrypt to the public keys in this file, one per line
    #[arg(long, value_name = "FILE", requires = "SecretsPlace")]
    recipients_file: Option<PathBuf>,
    #[command(flatten)]
    passphrase: Passphrase,
}

// Larger than any key file.
const LONGEST: usize = 1 << 20;

impl SecretsOptions {
    /// The file and its recipients; `None` without `--secrets-out`.
    pub(super) async fn target(
        &self,
        global: &GlobalOptions,
    ) -> Result<Option<(PathBuf, SecretsProtection)>, CliError> {
        let Some(path) = &self.secrets_out else {
            return Ok(None);
        };
        if path.as_os_str() == "-" {
            return Err(CliError::usage(
                "--secrets-out needs a file: each password must be on disk before it is sent, which a stream \
                 cannot guarantee",
            ));
        }
        let keys = !self.recipient.is_empty() || self.recipients_file.is_some();
        if keys && self.passphrase.is_given() {
            return Err(CliError::usage(
                "secrets are encrypted to recipients or with a passphrase, not both; pass only one",
            ));
        }
        let to = if keys {
            SecretsProtection::Recipients(self.recipients()?)
        } else if let Some(passphrase) = self.passphrase.gather(true, global).await? {
            SecretsProtection::Passphrase(passphrase)
        } else {
            return Err(CliError::usage(
                "--secrets-out needs a recipient: pass --recipient age1… (`age-keygen -o key.txt` creates such a \
                 key), --recipients-file FILE or --passphrase",
            ));
        };
        Ok(Some((path.clone(), to)))
    }

    /// The recipients of a shared run, which keeps its passwords in the database.
    pub(super) fn shared_recipients(&self) -> Result<Recipients, CliError> {
        if self.secrets_out.is_some() {
            return Err(CliError::usage(
                "a shared run keeps its encrypted passwords in the database, where every worker can write them; omit \
                 --secrets-out, and read them with `repass bulk secrets --shared`",
            ));
        }
        if self.passphrase.is_given() {
            return Err(CliError::usage(
                "the passwords of a shared run are encrypted to age recipients only; pass --recipient age1… or \
                 --recipients-file FILE in place of the passphrase",
            ));
        }
        if self.recipient.is_empty() && self.recipients_file.is_none() {
            return Err(CliError::usage(
                "--shared needs a recipient of the passwords: pass --recipient age1… (`age-keygen -o key.txt` creates \
                 such a key) or --recipients-file FILE",
            ));
        }
        self.recipients()
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

/// The key of a secrets file.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Key of the secrets file")]
pub(super) struct KeyOptions {
    #[command(flatten)]
    pub(super) identity: IdentityFile,
    #[command(flatten)]
    passphrase: Passphrase,
}

/// The key of passwords that are encrypted to age recipients.
#[derive(Debug, clap::Args)]
pub(super) struct IdentityFile {
    /// The age secret key that the passwords are encrypted to, in a file that only its owner can read
    #[arg(long, value_name = "KEYFILE")]
    identity: Option<PathBuf>,
}

impl IdentityFile {
    /// Whether the option is given.
    pub(super) fn is_given(&self) -> bool {
        self.identity.is_some()
    }

    /// The source of a shared run's pending rows. Workers need the key if the passwords are those of the input.
    pub(super) async fn shared_rows(
        &self,
        passwords: PasswordSource,
        resolve: bool,
    ) -> Result<RowSource, CliError> {
        match (passwords, self.key().await?) {
            (PasswordSource::Generated, _) => Ok(RowSource::Journal),
            (PasswordSource::Input, Some(key)) => Ok(RowSource::Given { key, resolve }),
            (PasswordSource::Input, None) => Err(CliError::usage(
                "the passwords of this run came with its input and are encrypted; pass --identity KEYFILE, the key of \
                 a recipient that the run was loaded with",
            )),
        }
    }

    /// The key; `None` without the option.
    async fn key(&self) -> Result<Option<Key>, CliError> {
        let Some(path) = self.identity.clone() else {
            return Ok(None);
        };
        let read = move || {
            let shown = path.display();
            let wrong = |why: String| BulkError::Usage(format!("the identity file {shown}: {why}"));
            let mut file = open_private(&path).map_err(wrong)?;
            let bytes = read_at_most(&mut file, LONGEST)
                .map_err(|error| wrong(format!("cannot be read: {error}")))?;
            let bytes = bytes.ok_or_else(|| wrong("is too long".to_owned()))?;
            Key::in_bytes(&bytes).map_err(|problem| wrong(problem.to_string()))
        };
        blocking(read).await.map(Some)
    }
}

impl KeyOptions {
    /// The key of a shared run's passwords, which are encrypted to age recipients; `None` if no option gives one.
    pub(super) async fn shared_key(&self, global: &GlobalOptions) -> Result<Option<Key>, CliError> {
        self.check_shared()?;
        self.key(global).await
    }

    /// Refuses a passphrase, which no shared run has.
    pub(super) fn check_shared(&self) -> Result<(), CliError> {
        if self.passphrase.is_given() {
            return Err(CliError::usage(
                "the passwords of a shared run are encrypted to age recipients only; pass --identity KEYFILE in place \
                 of the passphrase",
            ));
        }
        Ok(())
    }

    /// The key; `None` if no option gives one.
    pub(super) async fn key(&self, global: &GlobalOptions) -> Result<Option<Key>, CliError> {
        if let Some(key) = self.identity.key().await? {
            return Ok(Some(key));
        }
        let passphrase = self.passphrase.gather(false, global).await?;
        Ok(passphrase.map(Key::Passphrase))
    }
}
