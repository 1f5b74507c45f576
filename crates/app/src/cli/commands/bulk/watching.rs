//! What can be seen of a run while it is under way: a bar at a terminal, plain lines elsewhere, or JSON events.

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use repass_bulk::{Event, Progress, Tally};
use serde::Serialize;
use tokio::task::JoinHandle;

use super::going::sentence;
use crate::cli::output::{self, Output};

const BAR: Duration = Duration::from_millis(200);
const LINES: Duration = Duration::from_secs(5);

/// What is watched, until it is stopped.
pub(super) struct Watching {
    shown: Option<JoinHandle<()>>,
    bar: Option<ProgressBar>,
    json: bool,
    quiet: bool,
}

#[derive(Serialize)]
struct Told<'a, T> {
    event: &'static str,
    #[serde(flatten)]
    facts: &'a T,
}

#[derive(Serialize)]
struct Begin {
    run: String,
    allowed_per_second: Option<f64>,
    #[serde(flatten)]
    tally: Tally,
}

#[derive(Serialize)]
struct Now {
    #[serde(flatten)]
    tally: Tally,
    in_flight: u64,
    per_second: f64,
    allowed_per_second: Option<f64>,
}

impl Watching {
    /// Shows the progress from now on, on standard error, or as events on standard output.
    pub(super) fn start(
        folder: &Path,
        progress: Arc<Progress>,
        allowed: Option<f64>,
        before: Tally,
        output: &Output,
    ) -> Self {
        let (json, quiet) = (output.json, output.quiet);
        if json {
            tell(
                "begin",
                &Begin {
                    run: folder.display().to_string(),
                    allowed_per_second: allowed,
                    tally: before,
                },
            );
        }
        let bar = (!json && !quiet && std::io::stderr().is_terminal()).then(|| bar(before));
        let shown = (json || !quiet).then(|| {
            let show = Show {
                progress,
                allowed,
                bar: bar.clone(),
                json,
                start: Instant::now(),
            };
            tokio::spawn(show.until_aborted())
        });
        Self {
            shown,
            bar,
            json,
            quiet,
        }
    }

    /// Tells each row's outcome, where events are wanted.
    pub(super) fn observer(&self) -> impl FnMut(&Event<'_>) + Send + use<> {
        let json = self.json;
        move |event| {
            if json {
                tell("row", event);
            }
        }
    }

    /// Something to know at once.
    pub(super) fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None if self.json || self.quiet => {}
            None => output::aside(text),
        }
    }

    pub(super) async fn stop(self) {
        if let Some(shown) = self.shown {
            shown.abort();
            // It ends by being aborted.
            let _ = shown.await;
        }
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

struct Show {
    progress: Arc<Progress>,
    allowed: Option<f64>,
    bar: Option<ProgressBar>,
    json: bool,
    start: Instant,
}

impl Show {
    async fn until_aborted(self) {
        let mut tick = tokio::time::interval(if self.bar.is_some() { BAR } else { LINES });
        tick.tick().await;
        // The rate is that of the last seconds, so that it shows what happens now.
        let mut past = std::collections::VecDeque::from([(self.start, 0)]);
        loop {
            tick.tick().await;
            let ended = self.progress.ended();
            past.push_back((Instant::now(), ended));
            while past.len() > 2 && past[0].0.elapsed() > 2 * LINES {
                past.pop_front();
            }
            let rate = rate(past[0], (Instant::now(), ended));
            let tally = self.progress.tally();
            match &self.bar {
                Some(bar) => {
                    bar.set_length(tally.rows);
                    bar.set_position(tally.rows - tally.pending);
                    bar.set_message(self.line(tally, rate));
                }
                None if self.json => tell(
                    "progress",
                    &Now {
                        tally,
                        in_flight: self.progress.in_flight(),
                        per_second: (rate * 10.0).round() / 10.0,
                        allowed_per_second: self.allowed,
                    },
                ),
                None => output::aside(&format!("{}; {}", sentence(tally), self.line(tally, rate))),
            }
        }
    }

    fn line(&self, tally: Tally, rate: f64) -> String {
        let allowed = self
            .allowed
            .map_or_else(String::new, |allowed| format!(" of {allowed:.0} allowed"));
        let left = if rate > 0.0 && tally.pending > 0 {
            #[expect(clippy::cast_precision_loss, reason = "seconds, for people")]
            let seconds = tally.pending as f64 / rate;
            format!(", {} left", span(seconds))
        } else {
            String::new()
        };
        let outcomes = if self.bar.is_some() {
            format!(
                " · {} applied, {} not applied, {} unknown",
                tally.applied, tally.not_applied, tally.unknown
            )
        } else {
            String::new()
        };
        format!("{rate:.1}/s{allowed}{left}{outcomes}")
    }
}

fn rate(from: (Instant, u64), to: (Instant, u64)) -> f64 {
    let seconds = to.0.duration_since(from.0).as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate, for people")]
    let count = to.1.saturating_sub(from.1) as f64;
    if seconds > 0.0 { count / seconds } else { 0.0 }
}

fn span(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "seconds, for people"
    )]
    let seconds = seconds.ceil() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

fn bar(before: Tally) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:28.cyan/dim} {pos}/{len} {wide_msg}");
    let bar = ProgressBar::new(before.rows);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

fn tell(event: &'static str, facts: &impl Serialize) {
    output::object(&Told { event, facts });
}

/// A row that a dry run finds wrong.
pub(super) fn bad_row(event: &Event<'_>, json: bool) {
    if json {
        return tell("row", event);
    }
    let user = event.user.map_or_else(String::new, |user| format!(" ({user})"));
    output::line(&format!(
        "line {}{user}: {}",
        event.line,
        event.message.unwrap_or_default()
    ));
}

/// How a dry run ended.
pub(super) fn dry(tally: Tally, output: &Output) {
    if output.json {
        return tell("end", &tally);
    }
    output.note(&format!(
        "{} rows: {} could be sent, {} could not; nothing was sent",
        tally.rows, tally.pending, tally.not_applied
    ));
}
