//! Confirmation by the user at the terminal.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Write as _};

use repass_bulk::{Canary, Tally};

use super::progress::Screen;
use crate::context::Context;
use crate::global_options::GlobalOptions;

/// How confirmations are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Confirmation {
    /// By the user at the terminal.
    Prompt,
    /// With yes: `--yes` was given.
    Yes,
    /// With no: there is no terminal, or `--no-input` was given.
    No,
}

pub(super) fn confirmation(global: &GlobalOptions) -> Confirmation {
    if global.yes {
        Confirmation::Yes
    } else if !global.no_input && std::io::stderr().is_terminal() {
        Confirmation::Prompt
    } else {
        Confirmation::No
    }
}

/// Asks after the first rows whether to go on.
pub(super) fn canary(rows: u64, context: &Context, screen: &Screen) -> Canary {
    let confirmation = confirmation(&context.global);
    let output = context.output.clone();
    let screen = screen.clone();
    let ask = move |tally: Tally| -> std::pin::Pin<Box<dyn Future<Output = bool> + Send>> {
        Box::pin(async move {
            let tallied = format!(
                "canary: {} applied, {} not applied, {} unknown, {} to go",
                tally.applied, tally.not_applied, tally.unknown, tally.pending
            );
            let answer = tokio::task::spawn_blocking(move || {
                screen.without_bar(|| {
                    output.note(&tallied);
                    match confirmation {
                        Confirmation::Yes => true,
                        Confirmation::No => false,
                        Confirmation::Prompt => ask("Go on? [y/N] ").unwrap_or(false),
                    }
                })
            });
            answer.await.unwrap_or(false)
        })
    };
    Canary {
        rows,
        confirm: Box::new(ask),
    }
}

/// Asks a question; anything but a yes is a no.
pub(super) async fn confirm(question: &str) -> bool {
    let question = format!("{question} [y/N] ");
    let answer = tokio::task::spawn_blocking(move || ask(&question)).await;
    matches!(answer, Ok(Ok(true)))
}

fn ask(question: &str) -> std::io::Result<bool> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    terminal.write_all(question.as_bytes())?;
    let mut answer = String::new();
    BufReader::new(terminal).read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
