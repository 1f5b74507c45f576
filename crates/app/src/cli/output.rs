//! The only place that prints: results on standard output, all else on standard error.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::args::Global;
use super::exit::Exit;
use super::stop::{Report, Stop};

const ERROR: Style = AnsiColor::Red.on_default().bold();

/// How the user wants to be told.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) json: bool,
    pub(super) quiet: bool,
}

impl Output {
    pub(super) fn new(global: &Global) -> Self {
        Self {
            json: global.json,
            quiet: global.quiet,
        }
    }

    /// Something good to know, on standard error.
    pub(super) fn note(&self, text: &str) {
        if !self.quiet {
            told(writeln!(anstream::stderr().lock(), "{text}"));
        }
    }

    /// What became of a change that did not fail.
    pub(super) fn report(&self, report: &Report) {
        if self.json {
            object(report);
        } else {
            let provider = report.provider.as_deref().unwrap_or_default();
            self.note(&format!("{provider}: {}", report.message));
        }
    }

    /// Why a command did not do what it is for.
    pub(super) fn stop(&self, stop: &Stop) -> Exit {
        if self.json {
            object(&stop.report());
        } else {
            stop.lines().iter().for_each(|line| error(line));
        }
        stop.exit()
    }
}

/// One JSON object on standard output, on one line.
pub(super) fn object(value: &impl Serialize) {
    // Nothing that is printed here has keys that are no strings.
    if let Ok(json) = serde_json::to_string(value) {
        line(&json);
    }
}

/// One line of a result, on standard output.
pub(super) fn line(line: &str) {
    told(writeln!(anstream::stdout().lock(), "{line}"));
}

/// Several lines of a result, on standard output.
pub(super) fn text(text: &str) {
    told(write!(anstream::stdout().lock(), "{text}"));
}

/// One line about what is wrong.
pub(super) fn error(line: &str) {
    told(writeln!(
        anstream::stderr().lock(),
        "{ERROR}error:{ERROR:#} {line}"
    ));
}

// A reader who has gone away is told by the exit code alone.
fn told(_: io::Result<()>) {}
