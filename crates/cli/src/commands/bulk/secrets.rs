//! `repass bulk secrets`: prints the new passwords to the holder of the key.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use repass_bulk::{BulkError, Key, SecretRecord, SecretStatus, SecretsPlace};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use zeroize::Zeroizing;

use super::report::note_moved;
use super::secrets_options::KeyOptions;
use super::{blocking, shared_runs};
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::private_file::PrivateFile;
use crate::output::{self, Output};

/// The passwords of a secrets file.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
CSV, or with --json one object per line. With --run each password has a state: current (it is set),
unknown (it may be set), candidate (it or another candidate of the user is set), refused (it is not
set), superseded (a later one is set), not-sent. Passwords are written verbatim, so do not open the
CSV in a spreadsheet.")]
pub(crate) struct Args {
    /// The secrets file; omitted with --shared
    #[arg(required_unless_present = "shared")]
    file: Option<PathBuf>,
    #[command(flatten)]
    key: KeyOptions,
    /// The run's directory, for the state of each password, or its name with --shared
    #[arg(long, value_name = "RUN")]
    run: Option<PathBuf>,
    /// The run and its passwords are in the database that `[shared]` of the configuration names
    #[arg(long)]
    shared: bool,
    /// Only current passwords, and candidates where it is unknown which one is set
    #[arg(long, requires = "run")]
    current: bool,
    /// Print the passwords even if standard output is a terminal
    #[arg(long)]
    print: bool,
    /// Write the passwords to a file that only its owner can read, replacing an existing one
    #[arg(long, value_name = "FILE", conflicts_with = "print")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the output key of the line number is `line`"
)]
struct Line<'a> {
    line: u64,
    user: &'a str,
    provider: &'a str,
    attempt: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    new_password: &'a str,
}

impl Args {
    /// Runs the command.
    pub(crate) async fn run(&self, context: &Context) -> Result<Exit, CliError> {
        if self.out.is_none() && io::stdout().is_terminal() && !self.print {
            return Err(CliError::usage(
                "the passwords would be printed on the terminal; pass --out FILE to write them to a file, \
                 redirect standard output, or pass --print",
            ));
        }
        if self.out.as_deref().is_some_and(|out| out.as_os_str() == "-") {
            return Err(CliError::usage(
                "--out needs a file; omit it to print the passwords",
            ));
        }
        let source = self.source()?;
        let key = self.key(context).await?;
        let run = match &self.run {
            Some(run) => Some(shared_runs::reader(run, self.shared, context).await?),
            None => None,
        };
        let name = run.as_ref().map(|run| run.name().arguments());
        let notes = context.output.clone();
        let (json, only_current) = (context.output.json, self.current);
        let out = self.out.clone();
        let summary = blocking(move || {
            if let (SecretsPlace::Journal, Some(run)) = (&source, &run)
                && !run.summary()?.generated
            {
                return Err(BulkError::Usage(format!(
                    "the passwords of the run {} are those of its input; read them there",
                    run.name()
                )));
            }
            if let Some(run) = &run {
                note_moved(run.moved_to()?.as_deref(), &notes);
            }
            let mut to = PasswordWriter::new(out)?;
            let mut summary = SecretsSummary::default();
            if !json {
                let state = if run.is_some() { "state," } else { "" };
                let header = format!("line,user,provider,attempt,{state}new_password\n");
                if let Err(problem) = to.write(header.as_bytes()) {
                    return if to.is_gone() { Ok(summary) } else { Err(problem) };
                }
            }
            let take = |opened: SecretRecord| {
                let state = run.as_ref().map(|run| run.secret_status(&opened)).transpose()?;
                summary.count(state);
                let current = matches!(state, Some(SecretStatus::Current | SecretStatus::Candidate));
                if only_current && !current {
                    return Ok(());
                }
                summary.written += 1;
                to.write(&text(&opened, state, json))
            };
            let opened = match (source, &run) {
                (SecretsPlace::File(file), _) => repass_bulk::read_secrets(&file, &key, take),
                (SecretsPlace::Journal, Some(run)) => run.read_secrets(&key, take),
                (SecretsPlace::Journal, None) => Err(BulkError::Internal("no run".to_owned())),
            };
            match opened {
                Err(_) if to.is_gone() => {}
                opened => summary.cut = opened?,
            }
            to.finish()?;
            Ok(summary)
        })
        .await?;
        summary.print(self, name.as_deref(), &context.output);
        Ok(Exit::Ok)
    }

    fn source(&self) -> Result<SecretsPlace, CliError> {
        match &self.file {
            Some(_) if self.shared => Err(CliError::usage(
                "the passwords of a shared run are in the database and not in a file; omit the file, and name the run \
                 with --run NAME",
            )),
            Some(file) => Ok(SecretsPlace::File(file.clone())),
            None if self.run.is_none() => Err(CliError::usage(
                "--shared needs the name of the run whose passwords to read; pass --run NAME",
            )),
            None => Ok(SecretsPlace::Journal),
        }
    }

    async fn key(&self, context: &Context) -> Result<Key, CliError> {
        let (key, missing) = if self.shared {
            let key = self.key.shared_key(&context.global).await?;
            (
                key,
                "no key for the passwords of the run; pass --identity KEYFILE",
            )
        } else {
            let key = self.key.key(&context.global).await?;
            let missing = "no key for the secrets file; pass --identity KEYFILE, --passphrase, --passphrase-file or \
                           --passphrase-fd";
            (key, missing)
        };
        key.ok_or_else(|| CliError::usage(missing))
    }
}

/// Counts of what was read, for the notes.
#[derive(Default)]
struct SecretsSummary {
    written: u64,
    cut: u64,
    candidates: u64,
    unknown: u64,
}

impl SecretsSummary {
    fn count(&mut self, state: Option<SecretStatus>) {
        match state {
            Some(SecretStatus::Candidate) => self.candidates += 1,
            Some(SecretStatus::Unknown) => self.unknown += 1,
            _ => {}
        }
    }

    fn print(&self, args: &Args, run: Option<&str>, output: &Output) {
        match &args.out {
            Some(file) if output.json => output::print_json(&serde_json::json!({ "file": file })),
            Some(file) => output.note(&format!(
                "wrote {} passwords to {}; only its owner can read it",
                self.written,
                file.display()
            )),
            None => {}
        }
        if self.cut > 0 {
            output.note(&format!(
                "{} batches are incomplete because repass was stopped; their passwords were not sent",
                self.cut
            ));
        }
        let run = run.unwrap_or_default();
        let resolve = format!("resolve them with `repass bulk resume {run} --resolve --identity KEYFILE`");
        if self.candidates > 0 {
            output.note(&format!(
                "{} passwords are candidates: one candidate of each user is set, and it is unknown which; {resolve}",
                self.candidates
            ));
        }
        if self.unknown > 0 {
            let left_out = if args.current {
                ", and omitted by --current"
            } else {
                ""
            };
            output.note(&format!(
                "{} passwords are unknown: they may or may not be set{left_out}; {resolve}",
                self.unknown
            ));
        }
    }
}

/// The destination of the passwords.
enum PasswordWriter {
    File(PrivateFile, PathBuf),
    Stdout {
        /// The reader has closed the pipe.
        gone: bool,
    },
}

impl PasswordWriter {
    fn new(file: Option<PathBuf>) -> Result<Self, BulkError> {
        match file {
            Some(path) => match PrivateFile::replace(&path) {
                Ok(file) => Ok(Self::File(file, path)),
                Err(error) => Err(cannot(&path, &error)),
            },
            None => Ok(Self::Stdout { gone: false }),
        }
    }

    fn write(&mut self, text: &[u8]) -> Result<(), BulkError> {
        match self {
            Self::File(file, path) => file.write_all(text).map_err(|error| cannot(path, &error)),
            Self::Stdout { gone } => output::write_unbuffered(text).map_err(|error| {
                *gone = error.kind() == io::ErrorKind::BrokenPipe;
                BulkError::Usage(format!("cannot print the passwords: {error}"))
            }),
        }
    }

    fn is_gone(&self) -> bool {
        matches!(self, Self::Stdout { gone: true })
    }

    fn finish(self) -> Result<(), BulkError> {
        match self {
            Self::File(file, path) => file.finish().map_err(|error| cannot(&path, &error)),
            Self::Stdout { .. } => Ok(()),
        }
    }
}

fn cannot(file: &Path, error: &io::Error) -> BulkError {
    BulkError::Usage(format!("cannot write {}: {error}", file.display()))
}

#[expect(clippy::disallowed_methods, reason = "the user requested it")]
fn text(opened: &SecretRecord, state: Option<SecretStatus>, json: bool) -> Zeroizing<Vec<u8>> {
    let new_password = opened.new_password.expose_secret();
    let room = 6 * (opened.user.len() + opened.provider.len() + new_password.len()) + 192;
    let mut text = Zeroizing::new(Vec::with_capacity(room));
    let state = state.map(SecretStatus::as_str);
    if json {
        let line = Line {
            line: opened.line,
            user: &opened.user,
            provider: &opened.provider,
            attempt: opened.attempt,
            state,
            new_password,
        };
        // Nothing of it has keys that are no strings.
        let _ = serde_json::to_writer(&mut *text, &line);
    } else {
        text.extend_from_slice(format!("{},", opened.line).as_bytes());
        cell(&mut text, &opened.user);
        cell(&mut text, &opened.provider);
        text.extend_from_slice(format!("{},", opened.attempt).as_bytes());
        if let Some(state) = state {
            cell(&mut text, state);
        }
        cell(&mut text, new_password);
        text.pop();
    }
    text.push(b'\n');
    text
}

fn cell(text: &mut Vec<u8>, value: &str) {
    let quoted = value.contains([',', '"', '\n', '\r', ';']) || value.trim() != value;
    if quoted {
        text.push(b'"');
    }
    for byte in value.bytes() {
        if byte == b'"' {
            text.push(b'"');
        }
        text.push(byte);
    }
    if quoted {
        text.push(b'"');
    }
    text.push(b',');
}
