//! Going on with a run until it ends, and telling how it ended.

use std::path::Path;
use std::sync::Arc;

use repass_bulk::{
    Controls, Haste, Input, Operator, Passwords, Problem, Provider, Run, Source, Stopped, Tally, Terms,
};
use serde::Serialize;
use tokio::sync::watch;

use super::watching::{Screen, Watching};
use super::{blocking, exit};
use crate::exit::Exit;
use crate::output::{self, Output};
use crate::password;
use crate::setup::Setup;
use crate::signals::Signals;
use crate::stop::Stop;
use repass::secret::open_private;

/// What one session needs besides its run.
pub(super) struct Session<'a> {
    pub(super) terms: Terms,
    /// The outcomes before it.
    pub(super) before: Tally,
    pub(super) providers: Vec<Provider>,
    pub(super) sources: Vec<Source>,
    pub(super) controls: Controls,
    // The sandbox behind the services lives in it.
    pub(super) setup: Setup,
    pub(super) output: &'a Output,
    pub(super) signals: &'a Signals,
    pub(super) screen: Screen,
}

/// Opens the input that is named, `-` standing for standard input.
pub(super) async fn input(
    path: &Path,
    names: repass_bulk::Names,
    passwords: Passwords,
) -> Result<Input, Stop> {
    let path = path.to_owned();
    blocking(move || {
        if path.as_os_str() == "-" {
            let stdin = password::stdin_unbuffered()
                .map_err(|why| Problem::Usage(format!("standard input {why}")))?;
            return Input::new(Box::new(stdin), "standard input", names, passwords);
        }
        let shown = path.display().to_string();
        let file = match passwords {
            Passwords::Given => open_private(&path).map_err(Problem::Usage)?,
            Passwords::Generated => std::fs::File::open(&path)
                .map_err(|error| Problem::Usage(format!("cannot open {shown}: {error}")))?,
        };
        Input::new(Box::new(file), shown, names, passwords)
    })
    .await
}

/// Goes on with the run. The first signal drains, the second stops.
pub(super) async fn go(run: Run, session: Session<'_>) -> Result<Exit, Stop> {
    let Session {
        terms,
        before,
        providers,
        sources,
        controls,
        setup,
        output,
        signals,
        screen,
    } = session;
    let hangups = signals.count_hangups();
    hangups.map_err(|error| Stop::internal(format!("cannot listen for SIGHUP: {error}")))?;
    let folder = run.folder().to_owned();
    let progress = Arc::new(repass_bulk::Progress::from(before));
    let (hurry, haste) = watch::channel(Haste::None);
    let rate: Option<f64> = providers.iter().map(Provider::allowed_rate).sum();
    let watching = Watching::start(&folder, Arc::clone(&progress), rate, before, output, &screen);
    let operator = Operator {
        progress,
        haste,
        observe: Box::new(watching.observer()),
    };
    let going = run.go(&terms, providers, sources, controls, operator);
    let listening = async {
        signals.claim().await;
        watching.say(
            "waiting for the changes under way; interrupt again to abandon them, which leaves them unknown",
        );
        hurry.send_replace(Haste::Drain);
        signals.insist().await;
        hurry.send_replace(Haste::Stop);
        std::future::pending::<()>().await;
    };
    let (run, stopped) = tokio::select! {
        gone = going => gone?,
        () = listening => return Err(Stop::internal("the signals have ended")),
    };
    watching.stop().await;
    drop(setup);
    let left = Left {
        tally: run.tally()?,
        whole: run.is_read_whole()?,
        to_settle: run.to_settle()?,
    };
    let tally = left.tally;
    drop(run);
    tell(&folder, &terms, &left, &stopped, output);
    Ok(ended(before, tally, &stopped))
}

fn ended(before: Tally, tally: Tally, stopped: &Stopped) -> Exit {
    match stopped {
        _ if tally.unknown > 0 => Exit::Unknown,
        Stopped::Problem(_) if tally.applied > 0 => Exit::Partly,
        Stopped::Problem(Problem::Usage(_)) => Exit::Usage,
        Stopped::Problem(Problem::Machine(_)) => Exit::Internal,
        Stopped::Drained if tally == before => Exit::Interrupted,
        _ => exit(tally),
    }
}

#[derive(Serialize)]
struct End<'a> {
    event: &'static str,
    run: String,
    stopped: &'static str,
    message: String,
    #[serde(flatten)]
    tally: &'a Tally,
}

/// What a session leaves behind.
struct Left {
    tally: Tally,
    whole: bool,
    /// Rows of which it is not known which password holds.
    to_settle: u64,
}

fn tell(folder: &Path, terms: &Terms, left: &Left, stopped: &Stopped, output: &Output) {
    let Left {
        tally,
        whole,
        to_settle,
    } = *left;
    let shown = folder.display();
    let (code, message) = told(stopped);
    if output.json {
        output::object(&End {
            event: "end",
            run: shown.to_string(),
            stopped: code,
            message,
            tally: &tally,
        });
        return;
    }
    if let Stopped::Problem(problem) = stopped {
        output::error(&problem.to_string());
    } else if !message.is_empty() {
        output.note(&message);
    }
    output.note(&sentence(tally));
    let key = match (terms.passwords, &terms.secrets) {
        (Passwords::Generated, Some(_)) => " --identity KEYFILE",
        _ => "",
    };
    let resolve = format!("`repass bulk resume {shown} --resolve{key}`");
    if tally.unknown > 0 {
        let reissue = match terms.passwords {
            Passwords::Generated => {
                format!(", or send fresh passwords by `repass bulk resume {shown} --reissue`")
            }
            Passwords::Given => String::new(),
        };
        output.note(&format!(
            "unknown: settle them by {resolve}, two minutes after they were sent, when nothing of them can take effect any \
             more{reissue}"
        ));
    }
    let candidates = to_settle.saturating_sub(tally.unknown);
    let were = if candidates == 1 { "user was" } else { "users were" };
    if candidates > 0 {
        output.note(&format!(
            "{candidates} {were} sent a fresh password after one whose outcome is unknown: both are candidates in the \
             file of secrets until {resolve} shows which one holds"
        ));
    }
    if tally.pending > 0 || !whole {
        let input = if terms.passwords == Passwords::Given && terms.input.is_none() {
            " INPUT"
        } else {
            ""
        };
        output.note(&format!("to go on: `repass bulk resume {shown}{input}`"));
    }
    output.note(&format!(
        "every row: `repass bulk report {shown} --html report.html`"
    ));
}

/// So many rows, in words.
pub(super) fn rows(count: u64) -> String {
    format!("{count} {}", if count == 1 { "row" } else { "rows" })
}

/// The outcomes in one line.
pub(super) fn sentence(tally: Tally) -> String {
    format!(
        "{}: {} applied, {} not applied, {} unknown, {} pending",
        rows(tally.rows),
        tally.applied,
        tally.not_applied,
        tally.unknown,
        tally.pending
    )
}

fn told(stopped: &Stopped) -> (&'static str, String) {
    match stopped {
        Stopped::Done => ("done", String::new()),
        Stopped::Drained => (
            "interrupted",
            "interrupted; what was under way has ended".to_owned(),
        ),
        Stopped::Abandoned => (
            "abandoned",
            "interrupted twice; what was under way is unknown".to_owned(),
        ),
        Stopped::Canary => ("canary", "stopped after the canary".to_owned()),
        Stopped::Failures(count) => ("max_failures", format!("stopped: {count} rows were not applied")),
        Stopped::Unknown(count) => ("max_unknown", format!("stopped: {count} rows are unknown")),
        Stopped::Stuck(count, message) => (
            "stuck",
            format!("stopped: {count} rows in a row did not come through, the last one because: {message}"),
        ),
        Stopped::Problem(problem) => ("problem", problem.to_string()),
    }
}
