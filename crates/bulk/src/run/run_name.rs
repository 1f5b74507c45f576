//! What people call a run.

use std::fmt;
use std::path::Path;

use crate::PasswordSource;

/// The name of a run: the path of its directory, or its name in a journal that several processes share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunName {
    text: String,
    is_shared: bool,
}

impl RunName {
    pub(crate) fn of_directory(folder: &Path) -> Self {
        Self {
            text: folder.display().to_string(),
            is_shared: false,
        }
    }

    pub(super) fn shared(name: String) -> Self {
        Self {
            text: name,
            is_shared: true,
        }
    }

    /// The same without the directories above the run's own.
    pub(crate) fn without_parents(&self) -> Self {
        if self.is_shared {
            return self.clone();
        }
        let path = Path::new(&self.text);
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        Self {
            text: name.unwrap_or_default(),
            is_shared: false,
        }
    }

    /// The name alone, without what commands need beside it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether several processes share the journal of the run.
    pub fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// The arguments that name the run in commands such as `repass bulk report`: `breach`, or `breach --shared`.
    pub fn arguments(&self) -> String {
        let option = if self.is_shared { " --shared" } else { "" };
        format!("{}{option}", self.text)
    }

    /// The command that sends the pending rows. Those of a shared run need a key if their passwords came with the input.
    pub fn continue_command(&self, passwords: PasswordSource) -> String {
        let command = if self.is_shared { "work" } else { "resume" };
        let key = match passwords {
            PasswordSource::Input if self.is_shared => " --identity KEYFILE",
            _ => "",
        };
        format!("repass bulk {command} {}{key}", self.text)
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_name_a_shared_run_as_shared() {
        let local = RunName::of_directory(Path::new("runs/breach"));
        assert_eq!(local.arguments(), "runs/breach");
        let (given, generated) = (PasswordSource::Input, PasswordSource::Generated);
        assert_eq!(local.continue_command(given), "repass bulk resume runs/breach");
        assert_eq!(local.without_parents().arguments(), "breach");
        let shared = RunName::shared("breach".to_owned());
        assert_eq!(shared.arguments(), "breach --shared");
        assert_eq!(shared.continue_command(generated), "repass bulk work breach");
        assert_eq!(
            shared.continue_command(given),
            "repass bulk work breach --identity KEYFILE"
        );
        assert_eq!(shared.without_parents(), shared);
        assert_eq!(shared.to_string(), "breach");
    }
}
