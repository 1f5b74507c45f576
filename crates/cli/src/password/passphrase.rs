//! A passphrase, which is no password of a user's but comes the same ways.

use std::path::PathBuf;

use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};

use super::prompt;
use super::source::Source;
use crate::global::Global;
use crate::stop::Stop;
use repass::Password;

/// Where the passphrase comes from.
#[derive(Debug, Clone, Default, Args)]
#[group(multiple = false)]
pub(crate) struct Passphrase {
    /// Ask for a passphrase
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
    /// Whether a flag says where it comes from.
    pub(crate) fn is_given(&self) -> bool {
        self.ask || self.file.is_some() || self.fd.is_some()
    }

    /// The passphrase, a `new` one asked for twice; `None` without a flag.
    pub(crate) async fn gather(&self, new: bool, global: &Global) -> Result<Option<SecretString>, Stop> {
        if !self.is_given() {
            return Ok(None);
        }
        if self.ask && global.no_input {
            return Err(Stop::usage(
                "cannot prompt for the passphrase with --no-input; pass --passphrase-file or --passphrase-fd",
            ));
        }
        let source = Source::chosen(false, self.file.as_ref(), self.fd);
        let read = tokio::task::spawn_blocking(move || match source {
            Some(source) => source
                .read()
                .map_err(|why| Stop::usage(format!("the passphrase from {source} {why}"))),
            None => prompt::passphrase(new),
        });
        let passphrase = read.await.map_err(|error| Stop::internal(error.to_string()))??;
        Ok(Some(secret(&passphrase)))
    }
}

#[expect(clippy::disallowed_methods, reason = "from one wiping type to another")]
fn secret(passphrase: &Password) -> SecretString {
    passphrase.expose_secret().into()
}
