//! Password input: a prompt, standard input, a file or a descriptor; never the command line or the environment,
//! which other users can read.
//!
//! One newline at the end, be it LF or CR LF, is not part of the password, and neither are a byte order mark at the
//! start and the marks that a terminal puts around pasted text. A new password is one line. When both passwords
//! come from the same stream, its first line is the current one and the second the new one.

mod passphrase;
mod password_source;
mod terminal;

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::Args;

pub(super) use passphrase::Passphrase;
use password_source::PasswordSource;
pub(super) use password_source::stdin_unbuffered;
pub(super) use terminal::restore_terminal;

use crate::error::CliError;
use crate::output;
use repass::Password;

/// The source of the new password.
#[derive(Debug, Clone, Default, Args)]
#[group(multiple = false)]
pub(super) struct NewPassword {
    /// Read the new password from standard input
    #[arg(id = "new_password_stdin", long = "new-password-stdin")]
    stdin: bool,
    /// Read the new password from a file that only its owner can read
    #[arg(id = "new_password_file", long = "new-password-file", value_name = "FILE")]
    file: Option<PathBuf>,
    /// Read the new password from an open descriptor
    #[arg(id = "new_password_fd", long = "new-password-fd", value_name = "N")]
    fd: Option<u32>,
}

/// The source of the current password.
#[derive(Debug, Clone, Default, Args)]
#[group(multiple = false)]
pub(super) struct CurrentPassword {
    /// Read the current password from standard input; if both passwords come from there, it is the first line
    #[arg(id = "current_password_stdin", long = "current-password-stdin")]
    stdin: bool,
    /// Read the current password from a file that only its owner can read
    #[arg(
        id = "current_password_file",
        long = "current-password-file",
        value_name = "FILE"
    )]
    file: Option<PathBuf>,
    /// Read the current password from an open descriptor
    #[arg(id = "current_password_fd", long = "current-password-fd", value_name = "N")]
    fd: Option<u32>,
}

/// The source of the new password, or `--generate`.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct ChosenPassword {
    #[command(flatten)]
    given: NewPassword,
    /// Generate a new password that meets the provider's rules and your own. Without --print it is not shown, which
    /// locks the user out until the password is reset again; that needs --yes
    #[arg(long, group = "NewPassword")]
    generate: bool,
    /// Print the generated password on standard output before it is sent: on its own line, or with --json as
    /// `password` of the object. The exit code says whether it was set
    #[arg(long, requires = "generate")]
    pub(super) print: bool,
}

impl ChosenPassword {
    /// The source of the password; `None` if it is generated.
    ///
    /// # Errors
    /// The generated password would be lost, and `--yes` was not given.
    pub(super) fn given(&self, yes: bool) -> Result<Option<&NewPassword>, CliError> {
        if self.generate && !self.print && !yes {
            return Err(CliError::usage(
                "the generated password would be lost, which locks the user out; pass --print to print it, or \
                 --yes to lose it",
            ));
        }
        if self.print && !yes && output::is_discarded() {
            return Err(CliError::usage(
                "the generated password would be lost: standard output is closed or the null device; redirect it, \
                 or pass --yes to lose the password",
            ));
        }
        Ok((!self.generate).then_some(&self.given))
    }
}

impl NewPassword {
    fn source(&self) -> Option<PasswordSource> {
        PasswordSource::chosen(self.stdin, self.file.as_ref(), self.fd)
    }
}

impl CurrentPassword {
    fn source(&self) -> Option<PasswordSource> {
        PasswordSource::chosen(self.stdin, self.file.as_ref(), self.fd)
    }

    /// Whether an option gives the source.
    pub(super) fn is_given(&self) -> bool {
        self.source().is_some()
    }
}

/// What to do about a password that no option gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PromptMode {
    /// Prompt for it, if standard input is a terminal.
    Prompt,
    /// Report it as missing.
    Never,
    /// Leave it out: something else is already wrong.
    Skip,
}

/// The passwords of one change.
#[derive(Debug)]
pub(super) struct Passwords {
    pub(super) current: Option<Password>,
    pub(super) new: Option<Password>,
}

/// Gathers those of the new and the current password that are not `None`. All problems with either are reported
/// together, and nothing is prompted for while there is one. A prompt shows `whose` they are, such as ` for alice
/// at zoom`.
pub(super) async fn gather(
    new: Option<&NewPassword>,
    current: Option<&CurrentPassword>,
    mode: PromptMode,
    whose: String,
) -> Result<Passwords, CliError> {
    let request = PasswordRequest {
        whose,
        new: new.and_then(NewPassword::source),
        new_is_needed: new.is_some(),
        current: current.and_then(CurrentPassword::source),
        current_is_needed: current.is_some(),
    };
    let gathered = tokio::task::spawn_blocking(move || request.gather(mode)).await;
    gathered.map_err(|error| CliError::internal(error.to_string()))?
}

// The sources that the options give.
struct PasswordRequest {
    whose: String,
    new: Option<PasswordSource>,
    new_is_needed: bool,
    current: Option<PasswordSource>,
    current_is_needed: bool,
}

impl PasswordRequest {
    fn gather(self, mode: PromptMode) -> Result<Passwords, CliError> {
        let mut problems = Vec::new();
        let (mut current, mut new) = self.read(&mut problems);
        let ask_current = self.current_is_needed && self.current.is_none();
        let ask_new = self.new_is_needed && self.new.is_none();
        let may_prompt =
            || mode == PromptMode::Prompt && problems.is_empty() && std::io::stdin().is_terminal();
        if (ask_current || ask_new) && may_prompt() {
            if ask_current {
                current = Some(terminal::current(&self.whose)?);
            }
            if ask_new {
                new = Some(terminal::new(&self.whose)?);
            }
        } else if mode != PromptMode::Skip {
            let missing = [(ask_current, "current"), (ask_new, "new")];
            problems.extend(
                missing
                    .into_iter()
                    .filter(|(missing, _)| *missing)
                    .map(|(_, which)| {
                        format!(
                            "cannot prompt for the {which} password: standard input is not a terminal, or --no-input \
                     is given; pass --{which}-password-stdin, --{which}-password-file or --{which}-password-fd"
                        )
                    }),
            );
        }
        let gathered = (current.is_some(), new.is_some()) == (self.current_is_needed, self.new_is_needed);
        if gathered && problems.is_empty() {
            return Ok(Passwords { current, new });
        }
        Err(CliError::Invalid {
            kind: "usage",
            problems,
        })
    }

    // The current and the new password, as far as options give their sources.
    fn read(&self, problems: &mut Vec<String>) -> (Option<Password>, Option<Password>) {
        let mut keep = |which: &str, source: &PasswordSource, read: Result<Password, String>| {
            read.map_err(|why| problems.push(format!("the {which} password from {source} {why}")))
                .ok()
        };
        match (&self.current, &self.new) {
            (Some(one), Some(other)) if one == other && one.is_stream() => {
                let (first, rest) = one.read_two();
                (keep("current", one, first), keep("new", one, rest))
            }
            (current, new) => (
                current
                    .as_ref()
                    .and_then(|source| keep("current", source, source.read())),
                new.as_ref()
                    .and_then(|source| keep("new", source, source.read_new())),
            ),
        }
    }
}
