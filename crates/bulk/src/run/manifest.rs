//! The manifest of a run: what it was started with, kept in its journal so that it can be resumed.

use std::path::PathBuf;

use secrecy::SecretString;

use crate::journal::{Journal, JournalReader};
use crate::secrets::{Recipients, SecretsWriter};
use crate::{BulkError, PasswordSource};

/// What a run is started with: input, source of the passwords, default provider, recipients.
#[derive(Debug, Clone)]
pub struct RunManifest {
    /// The source of the new passwords: the input, or a generator.
    pub passwords: PasswordSource,
    /// The input file; `None` for standard input.
    pub input: Option<PathBuf>,
    /// The provider of rows that name none, if one was given.
    pub provider: Option<String>,
    /// Where the passwords are kept, and to whom they are encrypted: generated ones, and in a shared run those of the
    /// input.
    pub secrets: Option<(SecretsPlace, Recipients)>,
}

/// Where the passwords of a run are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretsPlace {
    /// In this file.
    File(PathBuf),
    /// In the journal.
    Journal,
}

/// How a new file of generated passwords is encrypted.
#[derive(Debug)]
pub enum SecretsProtection {
    /// Encrypted to these recipients: any of their secret keys opens the file.
    Recipients(Recipients),
    /// Encrypted with this passphrase.
    Passphrase(SecretString),
}

impl RunManifest {
    /// To whom the passwords of the input are encrypted, if the journal keeps them.
    pub(super) fn given_to(&self) -> Option<Recipients> {
        match (self.passwords, &self.secrets) {
            (PasswordSource::Input, Some((SecretsPlace::Journal, recipients))) => Some(recipients.clone()),
            _ => None,
        }
    }

    pub(super) fn make_secrets(&mut self, path: PathBuf, to: SecretsProtection) -> Result<(), BulkError> {
        // Absolute, so that it is found from any directory.
        let path = std::path::absolute(&path).unwrap_or(path);
        let recipients = match to {
            SecretsProtection::Recipients(recipients) => {
                SecretsWriter::create(&path, recipients.clone())?;
                recipients
            }
            SecretsProtection::Passphrase(passphrase) => {
                SecretsWriter::create_with_passphrase(&path, &passphrase)?.1
            }
        };
        self.secrets = Some((SecretsPlace::File(path), recipients));
        Ok(())
    }

    pub(super) fn save(&self, journal: &mut dyn Journal) -> Result<(), BulkError> {
        let facts = self.facts()?;
        facts
            .iter()
            .try_for_each(|(name, value)| journal.set_fact(name, value))
    }

    /// The names and values by which a journal keeps it.
    pub(super) fn facts(&self) -> Result<Vec<(&'static str, String)>, BulkError> {
        let passwords = match self.passwords {
            PasswordSource::Input => "given",
            PasswordSource::Generated => "generated",
        };
        let mut facts = vec![("passwords", passwords.to_owned())];
        if let Some(input) = &self.input {
            let input = std::path::absolute(input).unwrap_or_else(|_| input.clone());
            facts.push(("input", utf8(&input)?));
        }
        if let Some(provider) = &self.provider {
            facts.push(("provider", provider.clone()));
        }
        if let Some((place, recipients)) = &self.secrets {
            if let SecretsPlace::File(path) = place {
                facts.push(("secrets", utf8(path)?));
            }
            facts.push(("recipients", recipients.texts().join(" ")));
        }
        Ok(facts)
    }

    pub(super) fn load(journal: &dyn JournalReader) -> Result<Self, BulkError> {
        let place = match journal.fact("secrets")? {
            Some(path) => SecretsPlace::File(path.into()),
            None => SecretsPlace::Journal,
        };
        let recipients = journal.fact("recipients")?;
        let recipients = recipients.map(|texts| Recipients::new(texts.split(' ')));
        let secrets = recipients.transpose()?.map(|recipients| (place, recipients));
        let generated = journal.fact("passwords")?.as_deref() == Some("generated");
        Ok(Self {
            passwords: if generated {
                PasswordSource::Generated
            } else {
                PasswordSource::Input
            },
            input: journal.fact("input")?.map(PathBuf::from),
            provider: journal.fact("provider")?,
            secrets,
        })
    }
}

fn utf8(path: &std::path::Path) -> Result<String, BulkError> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| BulkError::usage(format!("{} is not valid UTF-8; use another name", path.display())))
}
