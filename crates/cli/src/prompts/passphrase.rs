//! Passphrase input.

use std::path::PathBuf;

use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};

use super::password_source::PasswordSource;
use super::terminal;
use crate::error::CliError;
use crate::global_options::GlobalOptions;
use repass::Password;

/// The source of the passphrase.
#[derive(Debug, Clone, Default, Args)]
#[group(multiple = false)]
pub(crate) struct Passphrase {
    /// Prompt for a passphrase
    #[arg(long = "passphrase")]
    ask: bool,
    /// Read the passphrase from a file that only its owner can read
    #[arg(id = "passphrase_file", long = "passphrase-file", value_name = "FILE")]
    file: Option<PathBuf>,
    /// Read the passphrase from an open descriptor
    #[arg(id = "passphrase_fd", long = "passphrase-fd", value_name = "N")]
    fd: Option<u32>,
}

impl Passphrase {
    /// Whether an option gives the source.
    pub(crate) fn is_given(&self) -> bool {
        self.ask || self.file.is_some() || self.fd.is_some()
    }

    /// The passphrase; a `new` one is prompted for twice. `None` if no option asks for one.
    pub(crate) async fn gather(
        &self,
        new: bool,
        global: &GlobalOptions,
    ) -> Result<Option<SecretString>, CliError> {
        if !self.is_given() {
            return Ok(None);
        }
        if self.ask && global.no_input {
            return Err(CliError::usage(
                "cannot prompt for the passphrase with --no-input; pass --passphrase-file or --passphrase-fd",
            ));
        }
        let source = PasswordSource::chosen(false, self.file.as_ref(), self.fd);
        let read = tokio::task::spawn_blocking(move || match source {
            Some(source) => source
                .read()
                .map_err(|why| CliError::usage(format!("the passphrase from {source} {why}"))),
            None => terminal::passphrase(new),
        });
        let passphrase = read
            .await
            .map_err(|error| CliError::internal(error.to_string()))??;
        Ok(Some(secret(&passphrase)))
    }
}

#[expect(clippy::disallowed_methods, reason = "from one wiping type to another")]
fn secret(passphrase: &Password) -> SecretString {
    passphrase.expose_secret().into()
}
