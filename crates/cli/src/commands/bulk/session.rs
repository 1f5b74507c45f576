//! One session of a run: from start or resume to its end, with the report of how it ended.

use std::path::Path;
use std::sync::Arc;

use repass_bulk::{
    BulkError, Hooks, Input, PasswordSource, Provider, RowSource, Run, RunManifest, RunName, SessionOptions,
    Shutdown, StopReason, Tally,
};
use serde::Serialize;
use tokio::sync::watch;

use super::live_state::{LiveState, SharedTally};
use super::progress::{ProgressDisplay, Screen};
use super::{blocking, exit};
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{self, Output};
use crate::prompts;
use crate::session_setup::Setup;
use repass::secrets::open_private;

/// The inputs of a session besides its run.
pub(super) struct Session<'a> {
    pub(super) terms: RunManifest,
    /// The outcomes before this session.
    pub(super) before: Tally,
    pub(super) providers: Vec<Provider>,
    pub(super) sources: Vec<RowSource>,
    pub(super) controls: SessionOptions,
    // Keeps the sandbox behind the services alive.
    pub(super) setup: Setup,
    pub(super) context: &'a Context,
    pub(super) screen: Screen,
}

/// Opens the input file; `-` is standard input.
pub(super) async fn input(
    path: &Path,
    names: repass_bulk::ProviderNames,
    passwords: PasswordSource,
) -> Result<Input, CliError> {
    let path = path.to_owned();
    blocking(move || {
        if path.as_os_str() == "-" {
            let stdin = prompts::stdin_unbuffered()
                .map_err(|why| BulkError::Usage(format!("standard input {why}")))?;
            return Input::new(Box::new(stdin), "standard input", names, passwords);
        }
        let shown = path.display().to_string();
        let file = match passwords {
            PasswordSource::Input => open_private(&path).map_err(BulkError::Usage)?,
            PasswordSource::Generated => std::fs::File::open(&path)
                .map_err(|error| BulkError::Usage(format!("cannot open {shown}: {error}")))?,
        };
        Input::new(Box::new(file), shown, names, passwords)
    })
    .await
}

/// Executes the run. The first signal drains it, the second abandons the changes in flight.
pub(super) async fn execute(run: Run, session: Session<'_>) -> Result<Exit, CliError> {
    let Session {
        terms,
        before,
        providers,
        sources,
        controls,
        setup,
        context,
        screen,
    } = session;
    let hangups = context.signals.count_hangups();
    hangups.map_err(|error| CliError::internal(format!("cannot listen for SIGHUP: {error}")))?;
    let name = run.name().clone();
    let (run, shared) = if name.is_shared() {
        blocking(move || {
            let shared = SharedTally::new(run.reader()?, before);
            Ok((run, Some(shared)))
        })
        .await?
    } else {
        (run, None)
    };
    let progress = Arc::new(repass_bulk::Progress::from(before));
    let (hurry, shutdown) = watch::channel(Shutdown::None);
    let rate: Option<f64> = providers.iter().map(Provider::allowed_rate).sum();
    let display = ProgressDisplay::start(
        name.as_str(),
        Arc::clone(&progress),
        rate,
        before,
        shared,
        &context.output,
        &screen,
    );
    let operator = Hooks {
        progress: Arc::clone(&progress),
        shutdown,
        on_row: Box::new(display.observer()),
    };
    let execution = run.execute(&terms, providers, sources, controls, operator);
    let listening = async {
        context.signals.first().await;
        display.note(
            "waiting for the changes in flight; interrupt again to abandon them, which leaves their outcomes unknown",
        );
        hurry.send_replace(Shutdown::Drain);
        context.signals.second().await;
        hurry.send_replace(Shutdown::Abandon);
        std::future::pending::<()>().await;
    };
    let (run, stopped) = tokio::select! {
        executed = execution => executed?,
        () = listening => return Err(CliError::internal("the signal handler has ended")),
    };
    display.stop().await;
    drop(setup);
    let (left, stopped) = blocking(move || Ok((SessionResult::of(&run, &stopped), stopped))).await?;
    let (left, stopped, is_known) = match left {
        Ok(left) => (left, stopped, true),
        Err(problem) if name.is_shared() => {
            let stopped = match stopped {
                StopReason::Error(_) => stopped,
                _ => StopReason::Error(problem),
            };
            (SessionResult::last_known(progress.tally()), stopped, false)
        }
        Err(problem) => return Err(problem.into()),
    };
    print_result(&name, &terms, &left, &stopped, &context.output);
    if !is_known {
        context.output.note(&format!(
            "the outcomes of all rows cannot be read now; when the database is back, see `repass bulk status {}`",
            name.arguments()
        ));
        return Ok(Exit::Unknown);
    }
    Ok(exit_of(before, left.tally, &stopped))
}

fn exit_of(before: Tally, tally: Tally, stopped: &StopReason) -> Exit {
    match stopped {
        _ if tally.unknown > 0 => Exit::Unknown,
        StopReason::Error(_) if tally.applied > 0 => Exit::Partly,
        StopReason::Error(BulkError::Usage(_)) => Exit::Usage,
        StopReason::Error(BulkError::Internal(_)) => Exit::Internal,
        StopReason::Drained if tally == before => Exit::Interrupted,
        _ => exit(tally),
    }
}

#[derive(Serialize)]
struct EndEvent<'a> {
    event: &'static str,
    run: String,
    stopped: &'static str,
    message: String,
    #[serde(flatten)]
    tally: &'a Tally,
}

/// The state of a run after a session.
struct SessionResult {
    tally: Tally,
    whole: bool,
    /// Users for whom it is unknown which password is set.
    unresolved_count: u64,
    /// Other processes work on the run.
    has_other_workers: bool,
}

impl SessionResult {
    fn of(run: &Run, stopped: &StopReason) -> Result<Self, BulkError> {
        // What this session had in flight when it failed is unknown, but looks like that of other workers.
        let has_failed = matches!(stopped, StopReason::Error(_) | StopReason::Abandoned);
        let (tally, has_other_workers) = if run.name().is_shared() && !has_failed {
            let state = LiveState::of(&run.reader()?)?;
            (state.tally, state.is_active)
        } else {
            (run.tally()?, false)
        };
        Ok(Self {
            tally,
            whole: run.is_fully_read()?,
            unresolved_count: run.unresolved_count()?,
            has_other_workers,
        })
    }

    /// What this process knows without the journal.
    fn last_known(tally: Tally) -> Self {
        Self {
            tally,
            whole: true,
            unresolved_count: tally.unknown,
            has_other_workers: false,
        }
    }
}

/// Prints that the rows of a shared run are loaded.
pub(super) fn print_loaded(run: &RunName, passwords: PasswordSource, tally: Tally, output: &Output) {
    if output.json {
        output::print_json(&EndEvent {
            event: "end",
            run: run.to_string(),
            stopped: "loaded",
            message: String::new(),
            tally: &tally,
        });
        return;
    }
    output.note(&summary(tally));
    output.note(&format!(
        "nothing was sent yet; start workers with `{}`, on as many machines as you like",
        run.continue_command(passwords)
    ));
}

fn print_result(
    run: &RunName,
    terms: &RunManifest,
    left: &SessionResult,
    stopped: &StopReason,
    output: &Output,
) {
    let SessionResult {
        tally,
        whole,
        unresolved_count,
        has_other_workers,
    } = *left;
    let shown = run.arguments();
    let (code, message) = stop_message(stopped);
    if output.json {
        output::print_json(&EndEvent {
            event: "end",
            run: run.to_string(),
            stopped: code,
            message,
            tally: &tally,
        });
        return;
    }
    if let StopReason::Error(problem) = stopped {
        output::print_error(&problem.to_string());
    } else if !message.is_empty() {
        output.note(&message);
    }
    output.note(&summary(tally));
    let key = terms.secrets.as_ref().map_or("", |_| " --identity KEYFILE");
    let resolve = format!("`repass bulk resume {shown} --resolve{key}`");
    if tally.unknown > 0 {
        let reissue = match terms.passwords {
            PasswordSource::Generated => {
                format!(", or send new passwords with `repass bulk resume {shown} --reissue`")
            }
            PasswordSource::Input => String::new(),
        };
        output.note(&format!(
            "unknown: resolve them with {resolve}, two minutes after they were sent, when none of them can still \
             take effect{reissue}"
        ));
    }
    let candidates = unresolved_count.saturating_sub(tally.unknown);
    let were = if candidates == 1 { "user was" } else { "users were" };
    let kept = if run.is_shared() {
        "among the passwords of the run"
    } else {
        "in the secrets file"
    };
    if candidates > 0 {
        output.note(&format!(
            "{candidates} {were} sent a second password after one with an unknown outcome: both are candidates \
             {kept} until {resolve} finds out which one is set"
        ));
    }
    if has_other_workers {
        output.note(&format!(
            "other workers are still at work on this run, or were killed a few seconds ago; watch it with `repass bulk \
             status {shown}`"
        ));
    } else if tally.pending > 0 || !whole {
        let is_streamed = terms.passwords == PasswordSource::Input && terms.input.is_none();
        let input = if is_streamed && !run.is_shared() {
            " INPUT"
        } else {
            ""
        };
        output.note(&format!(
            "to continue: `{}{input}`",
            run.continue_command(terms.passwords)
        ));
    }
    output.note(&format!(
        "all rows: `repass bulk report {shown} --html report.html`"
    ));
}

/// `1 row`, `2 rows`.
pub(super) fn row_count(count: u64) -> String {
    format!("{count} {}", if count == 1 { "row" } else { "rows" })
}

/// The outcomes in one line.
pub(super) fn summary(tally: Tally) -> String {
    format!(
        "{}: {} applied, {} not applied, {} unknown, {} pending",
        row_count(tally.rows),
        tally.applied,
        tally.not_applied,
        tally.unknown,
        tally.pending
    )
}

fn stop_message(stopped: &StopReason) -> (&'static str, String) {
    match stopped {
        StopReason::Completed => ("done", String::new()),
        StopReason::Drained => (
            "interrupted",
            "interrupted; the changes in flight have ended".to_owned(),
        ),
        StopReason::Abandoned => (
            "abandoned",
            "interrupted twice; the outcomes of the changes in flight are unknown".to_owned(),
        ),
        StopReason::CanaryDeclined => ("canary", "stopped after the canary".to_owned()),
        StopReason::MaxFailures(count) => ("max_failures", format!("stopped: {count} rows were not applied")),
        StopReason::MaxUnknown(count) => ("max_unknown", format!("stopped: {count} rows are unknown")),
        StopReason::FailureStreak(count, message) => (
            "stuck",
            format!("stopped: {count} rows in a row failed, the last one because: {message}"),
        ),
        StopReason::Error(problem) => ("problem", problem.to_string()),
    }
}
