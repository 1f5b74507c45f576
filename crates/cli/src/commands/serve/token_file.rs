//! The clients' token, from a file that is reloaded when it changes.

use std::future::pending;
use std::path::{Path, PathBuf};

use repass_sidecar::Token;

use super::watched_files::WatchedFiles;
use crate::error::CliError;
use repass::secrets::SecretRef;

/// A token and its file. A token is often rotated because it leaked, so the old one is rejected at once.
pub(super) struct TokenFile {
    token: Token,
    path: PathBuf,
    watched: WatchedFiles,
}

impl TokenFile {
    pub(super) fn load(path: PathBuf) -> Result<Self, CliError> {
        let watched = WatchedFiles::new([path.clone()]);
        Ok(Self {
            token: read(&path)?,
            path,
            watched,
        })
    }

    pub(super) fn token(&self) -> Token {
        self.token.clone()
    }

    /// Waits for the file to change, and loads the new token. Never completes without a file.
    pub(super) async fn changed(file: Option<&Self>) -> Result<(), CliError> {
        let Some(file) = file else {
            return pending().await;
        };
        file.watched.changed().await;
        file.token.replace(&read(&file.path)?);
        Ok(())
    }
}

fn read(file: &Path) -> Result<Token, CliError> {
    let text = SecretRef::File(file.to_owned()).fetch();
    let text = text.map_err(|error| CliError::usage(format!("--token-file: {error}")))?;
    Token::new(&text).ok_or_else(|| {
        CliError::usage(format!(
            "--token-file: {} must contain at least {} characters of visible ASCII; create a token with `openssl \
             rand -hex 32`",
            file.display(),
            Token::MIN_BYTES
        ))
    })
}
