//! The progress of a running bulk run: a bar at a terminal, plain lines elsewhere, or JSON events.

use std::collections::VecDeque;
use std::io::IsTerminal as _;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use repass_bulk::{Progress, RowEvent, Tally};
use serde::Serialize;

use super::live_state::SharedTally;
use super::session::{row_count, summary};
use crate::output::{self, Output};

const BAR: Duration = Duration::from_millis(200);
const LINES: Duration = Duration::from_secs(5);

/// Shows progress until it is stopped. A separate thread prints, so that a paused terminal or a stalled reader
/// delays no change.
pub(super) struct ProgressDisplay {
    printer: Option<JoinHandle<()>>,
    messages: Sender<Message>,
    json: bool,
}

/// The terminal, with the progress bar that may be on it.
#[derive(Clone, Default)]
pub(super) struct Screen(Arc<OnceLock<ProgressBar>>);

impl Screen {
    /// Uses the terminal while the bar is hidden.
    pub(super) fn without_bar<T>(&self, work: impl FnOnce() -> T) -> T {
        match self.0.get() {
            Some(bar) => bar.suspend(work),
            None => work(),
        }
    }
}

/// A line to print between the regular progress lines.
enum Message {
    /// An event, on standard output.
    RowEvent(String),
    /// A note, on standard error.
    Aside(String),
}

#[derive(Serialize)]
struct EventLine<'a, T> {
    event: &'static str,
    #[serde(flatten)]
    facts: &'a T,
}

#[derive(Serialize)]
struct BeginEvent {
    run: String,
    allowed_per_second: Option<f64>,
    #[serde(flatten)]
    tally: Tally,
}

#[derive(Serialize)]
struct ProgressEvent {
    #[serde(flatten)]
    tally: Tally,
    in_flight: u64,
    per_second: f64,
    allowed_per_second: Option<f64>,
}

impl ProgressDisplay {
    /// Starts showing progress on standard error, or as events on standard output.
    pub(super) fn start(
        run: &str,
        progress: Arc<Progress>,
        allowed: Option<f64>,
        before: Tally,
        shared: Option<SharedTally>,
        output: &Output,
        screen: &Screen,
    ) -> Self {
        let (json, quiet) = (output.json, output.quiet);
        if json {
            print_event(
                "begin",
                &BeginEvent {
                    run: run.to_owned(),
                    allowed_per_second: allowed,
                    tally: before,
                },
            );
        }
        let (messages, received) = channel();
        let printer = (json || !quiet).then(|| {
            let show = ProgressPrinter {
                progress,
                shared,
                before,
                allowed,
                bar: (!json && std::io::stderr().is_terminal())
                    .then(|| screen.0.get_or_init(|| bar(before)).clone()),
                json,
                start: Instant::now(),
            };
            thread::spawn(move || show.run(&received))
        });
        Self {
            printer,
            messages,
            json,
        }
    }

    /// The hook that prints each row's outcome as an event with `--json`.
    pub(super) fn observer(&self) -> impl FnMut(&RowEvent<'_>) + Send + use<> {
        let messages = self.json.then(|| self.messages.clone());
        move |event| {
            let event = EventLine {
                event: "row",
                facts: event,
            };
            if let Some(messages) = &messages
                && let Ok(line) = serde_json::to_string(&event)
            {
                // The thread outlives the run.
                let _ = messages.send(Message::RowEvent(line));
            }
        }
    }

    /// Prints a note.
    pub(super) fn note(&self, text: &str) {
        if !self.json {
            let _ = self.messages.send(Message::Aside(text.to_owned()));
        }
    }

    /// Prints what is pending and stops. The observer must have been dropped.
    pub(super) async fn stop(self) {
        drop(self.messages);
        if let Some(printer) = self.printer {
            // Printing does not affect the outcome.
            let _ = tokio::task::spawn_blocking(|| printer.join()).await;
        }
    }
}

struct ProgressPrinter {
    progress: Arc<Progress>,
    /// The outcomes of all workers, if there may be others.
    shared: Option<SharedTally>,
    /// The outcomes before this session.
    before: Tally,
    allowed: Option<f64>,
    bar: Option<ProgressBar>,
    json: bool,
    start: Instant,
}

impl ProgressPrinter {
    fn run(mut self, messages: &Receiver<Message>) {
        let pace = if self.bar.is_some() { BAR } else { LINES };
        let mut next = self.start + pace;
        // The rate is measured over the last seconds.
        let mut past = VecDeque::from([(self.start, 0)]);
        loop {
            let now = Instant::now();
            // First, so that frequent events do not starve it.
            if now >= next {
                self.show(&mut past);
                next = now + pace;
            }
            match messages.recv_timeout(next - now) {
                Ok(Message::RowEvent(line)) => output::print_line(&line),
                Ok(Message::Aside(text)) => match &self.bar {
                    Some(bar) => bar.println(text),
                    None => output::print_status(&text),
                },
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    // The outcomes so far, and how many attempts have ended meanwhile.
    fn tally(&mut self) -> (Tally, u64) {
        match &mut self.shared {
            Some(shared) => {
                let tally = shared.get();
                let ended = self.before.pending.saturating_sub(tally.pending);
                (tally, ended.max(self.progress.ended()))
            }
            None => (self.progress.tally(), self.progress.ended()),
        }
    }

    fn show(&mut self, past: &mut VecDeque<(Instant, u64)>) {
        let (tally, ended) = self.tally();
        past.push_back((Instant::now(), ended));
        while past.len() > 2 && past[0].0.elapsed() > 2 * LINES {
            past.pop_front();
        }
        let rate = rate(past[0], (Instant::now(), ended), past[0].0 == self.start);
        match &self.bar {
            Some(bar) => {
                bar.set_length(tally.rows);
                bar.set_position(tally.rows - tally.pending);
                bar.set_message(self.line(tally, rate));
            }
            None if self.json => print_event(
                "progress",
                &ProgressEvent {
                    tally,
                    in_flight: self.progress.in_flight(),
                    per_second: (rate * 10.0).round() / 10.0,
                    allowed_per_second: self.allowed,
                },
            ),
            None => output::print_status(&format!("{}; {}", summary(tally), self.line(tally, rate))),
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
        let waiting = match self.progress.awaiting_reissue() {
            0 => String::new(),
            count => format!(" · {count} wait until their first change can no longer take effect"),
        };
        format!("{rate:.1}/s{allowed}{left}{outcomes}{waiting}")
    }
}

// A rate limit allows a full second's worth of changes at once at the start, so a rate measured from the start
// counts one second more.
fn rate(from: (Instant, u64), to: (Instant, u64), from_start: bool) -> f64 {
    let seconds = to.0.duration_since(from.0).as_secs_f64() + f64::from(u8::from(from_start));
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

fn print_event(event: &'static str, facts: &impl Serialize) {
    output::print_json(&EventLine { event, facts });
}

/// Prints a row that a dry run finds invalid.
pub(super) fn print_invalid_row(event: &RowEvent<'_>, json: bool) {
    if json {
        return print_event("row", event);
    }
    let user = event.user.map_or_else(String::new, |user| format!(" ({user})"));
    output::print_line(&format!(
        "line {}{user}: {}",
        event.line,
        event.message.unwrap_or_default()
    ));
}

/// Prints the result of a dry run.
pub(super) fn print_dry_run(tally: Tally, output: &Output) {
    if output.json {
        return print_event("end", &tally);
    }
    output.note(&format!(
        "{}: {} valid, {} invalid; nothing was sent",
        row_count(tally.rows),
        tally.pending,
        tally.not_applied
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_of_the_first_second_does_not_exceed_the_limit() {
        let start = Instant::now();
        for tenths in 1..100_u32 {
            let now = start + Duration::from_millis(100) * tenths;
            // Twenty at once at the start of each second.
            let ended = u64::from(tenths / 10 + 1) * 20;
            let line = rate((start, 0), (now, ended), true);
            assert!(line <= 20.0, "{line} after {tenths} tenths of a second");
        }
        let line = rate((start, 20), (start + Duration::from_secs(10), 220), false);
        assert!((line - 20.0).abs() < 0.01, "{line}");
    }
}
