//! `repass bulk secrets`: the new passwords, for whoever has the key.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use repass_bulk::{Opened, Problem, SecretState, States};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use zeroize::Zeroizing;

use super::blocking;
use super::sealing::Opening;
use crate::cli::exit::Exit;
use crate::cli::global::Global;
use crate::cli::output::{self, Output};
use crate::cli::private_file::PrivateFile;
use crate::cli::stop::Stop;

/// The passwords of a file of secrets.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
CSV, or with --json one object a line. With --run each password has a state: current (it is set),
unknown (it may be), refused (it is not), superseded (a later one is set), not-sent. A cell is the
password as it is, so do not open the CSV in a spreadsheet.")]
pub(in crate::cli) struct Args {
    /// The file of secrets
    file: PathBuf,
    #[command(flatten)]
    opening: Opening,
    /// The run's folder, which tells what each password is worth
    #[arg(long = "run", value_name = "DIR")]
    run: Option<PathBuf>,
    /// Only those that are current
    #[arg(long, requires = "run")]
    current: bool,
    /// Print them even if standard output is a terminal
    #[arg(long)]
    print: bool,
    /// Write them to a file that only its owner can read, in place of one that exists
    #[arg(long, value_name = "FILE", conflicts_with = "print")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the row's line is called so everywhere")]
struct Line<'a> {
    line: u64,
    user: &'a str,
    provider: &'a str,
    attempt: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    new_password: &'a str,
}

pub(super) async fn run(args: &Args, global: &Global, output: &Output) -> Result<Exit, Stop> {
    if args.out.is_none() && io::stdout().is_terminal() && !args.print {
        return Err(Stop::usage(
            "the passwords would be shown on the terminal; give --out FILE to write them to a file, send them to a \
             program, or give --print to see them",
        ));
    }
    let key = args.opening.key(global).await?.ok_or_else(|| {
        Stop::usage("say what opens the file: --identity KEYFILE, or --passphrase, --passphrase-file, --passphrase-fd")
    })?;
    let states = args.run.as_deref().map(States::of).transpose()?;
    let (file, json, only_current) = (args.file.clone(), output.json, args.current);
    let out = args.out.clone();
    let cut = blocking(move || {
        let mut out = out.map(Out::create).transpose()?;
        let mut print = |text: &[u8]| match &mut out {
            Some(out) => out.write(text),
            None => print(text),
        };
        if !json {
            let state = if states.is_some() { "state," } else { "" };
            print(format!("line,user,provider,attempt,{state}new_password\n").as_bytes())?;
        }
        let cut = repass_bulk::open(&file, &key, |opened| {
            let state = states.as_ref().map(|states| states.state(&opened)).transpose()?;
            if only_current && state != Some(SecretState::Current) {
                return Ok(());
            }
            print(&text(&opened, state, json))
        })?;
        out.map_or(Ok(cut), |out| out.finish().map(|()| cut))
    })
    .await?;
    if cut > 0 {
        output.note(&format!(
            "{cut} batches were cut off when repass was stopped; nothing of them was sent"
        ));
    }
    match &args.out {
        Some(file) if output.json => output::object(&serde_json::json!({ "file": file })),
        Some(file) => output.note(&format!("wrote {}; only its owner can read it", file.display())),
        None => {}
    }
    Ok(Exit::Ok)
}

/// The file that is written instead of standard output. Until it is whole, nothing has its name.
struct Out {
    path: PathBuf,
    file: PrivateFile,
}

impl Out {
    fn create(path: PathBuf) -> Result<Self, Problem> {
        match PrivateFile::replace(&path) {
            Ok(file) => Ok(Self { path, file }),
            Err(error) => Err(unwritten(&path, &error)),
        }
    }

    fn write(&mut self, text: &[u8]) -> Result<(), Problem> {
        let written = self.file.write_all(text);
        written.map_err(|error| unwritten(&self.path, &error))
    }

    fn finish(self) -> Result<(), Problem> {
        let finished = self.file.finish();
        finished.map_err(|error| unwritten(&self.path, &error))
    }
}

fn unwritten(path: &Path, error: &io::Error) -> Problem {
    Problem::Usage(format!("cannot write {}: {error}", path.display()))
}

#[expect(clippy::disallowed_methods, reason = "the user has asked to see it")]
fn text(opened: &Opened, state: Option<SecretState>, json: bool) -> Zeroizing<Vec<u8>> {
    let new_password = opened.new_password.expose_secret();
    let room = 6 * (opened.user.len() + opened.provider.len() + new_password.len()) + 192;
    let mut text = Zeroizing::new(Vec::with_capacity(room));
    let state = state.map(SecretState::as_str);
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

fn print(text: &[u8]) -> Result<(), Problem> {
    let printed = output::unbuffered(text);
    printed.map_err(|error| Problem::Usage(format!("cannot print the passwords: {error}")))
}
