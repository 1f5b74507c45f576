//! What a person is asked at the terminal.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Write as _};

use repass_bulk::{Canary, Tally};

use super::watching::Screen;
use crate::global::Global;
use crate::output::Output;

/// How much is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answers {
    /// The person at the terminal answers.
    Person,
    /// It was said beforehand that every answer is yes.
    Yes,
    /// NonexistentUser can.
    NonexistentUser,
}

pub(super) fn answers(global: &Global) -> Answers {
    if global.yes {
        Answers::Yes
    } else if !global.no_input && std::io::stderr().is_terminal() {
        Answers::Person
    } else {
        Answers::NonexistentUser
    }
}

/// A question after the first rows.
pub(super) fn canary(rows: u64, global: &Global, output: &Output, screen: &Screen) -> Canary {
    let answers = answers(global);
    let output = Output {
        json: output.json,
        quiet: output.quiet,
    };
    let screen = screen.clone();
    let ask = move |tally: Tally| -> std::pin::Pin<Box<dyn Future<Output = bool> + Send>> {
        Box::pin(async move {
            let told = format!(
                "canary: {} applied, {} not applied, {} unknown, {} to go",
                tally.applied, tally.not_applied, tally.unknown, tally.pending
            );
            let asked = tokio::task::spawn_blocking(move || {
                screen.without_bar(|| {
                    output.note(&told);
                    match answers {
                        Answers::Yes => true,
                        Answers::NonexistentUser => false,
                        Answers::Person => ask("Go on? [y/N] ").unwrap_or(false),
                    }
                })
            });
            asked.await.unwrap_or(false)
        })
    };
    Canary {
        rows,
        confirm: Box::new(ask),
    }
}

/// Asks, and takes nothing but a yes for one.
pub(super) async fn yes(question: &str) -> bool {
    let question = format!("{question} [y/N] ");
    let asked = tokio::task::spawn_blocking(move || ask(&question)).await;
    matches!(asked, Ok(Ok(true)))
}

fn ask(question: &str) -> std::io::Result<bool> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    terminal.write_all(question.as_bytes())?;
    let mut answer = String::new();
    BufReader::new(terminal).read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
