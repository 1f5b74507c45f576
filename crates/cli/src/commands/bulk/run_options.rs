//! Options of `bulk run`, `bulk work` and `bulk resume`.

use std::time::Duration;

use clap::value_parser;
use repass_bulk::{IN_FLIGHT_WINDOW, OnUnknown, PasswordSource, SessionOptions};

use super::confirm;
use super::progress::Screen;
use crate::context::Context;
use crate::error::CliError;
use repass::config;

/// Options of how a run is executed.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Run options")]
pub(super) struct RunOptions {
    /// Maximum number of changes in flight; the provider's rate limit applies in any case [default: 32]
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=4096))]
    concurrency: Option<u16>,
    /// Stop after N rows that were not applied
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    max_failures: Option<u64>,
    /// Stop after N rows whose outcome is unknown
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    max_unknown: Option<u64>,
    /// Send N rows first, report their outcomes, and ask whether to continue
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    canary: Option<u64>,
    /// Resolve each unknown outcome with one probe; at Zoom the probe itself sets the new password. The finding
    /// that the password is not in place counts only two minutes after the change was sent; until then the row
    /// stays unknown
    #[arg(long)]
    pub(super) resolve: bool,
    /// Reset each unknown row with a new password, two minutes after the first one, when that can no longer take
    /// effect
    #[arg(long, conflicts_with = "resolve")]
    pub(super) reissue: bool,
}

// Longer than a rate limit ever delays a call; each attempt has its own, shorter limit.
const BUDGET: Duration = Duration::from_secs(600);

const CONCURRENCY: u16 = 32;

impl RunOptions {
    /// Whether any of them is given.
    pub(super) fn is_given(&self) -> bool {
        self.concurrency.is_some()
            || self.max_failures.is_some()
            || self.max_unknown.is_some()
            || self.canary.is_some()
            || self.resolve
            || self.reissue
    }

    pub(super) fn controls(
        &self,
        passwords: PasswordSource,
        configured: config::OnUnknown,
        context: &Context,
        screen: &Screen,
    ) -> Result<SessionOptions, CliError> {
        if self.reissue && passwords == PasswordSource::Input {
            return Err(CliError::usage(
                "--reissue sends a new password, so it needs a run with --generate; pass --resolve to resolve the \
                 passwords that were sent",
            ));
        }
        let resolve = self.resolve || configured == config::OnUnknown::Resolve;
        let on_unknown = match (self.reissue, resolve) {
            (true, _) => OnUnknown::Reissue,
            (false, true) => OnUnknown::Resolve,
            (false, false) => OnUnknown::Leave,
        };
        Ok(SessionOptions {
            concurrency: usize::from(self.concurrency.unwrap_or(CONCURRENCY)),
            budget: context.global.timeout.unwrap_or(BUDGET),
            max_failures: self.max_failures,
            max_unknown: self.max_unknown,
            on_unknown,
            in_flight_window: in_flight_window(),
            canary: self.canary.map(|rows| confirm::canary(rows, context, screen)),
        })
    }
}

// For tests only: crash tests restart repass many times and cannot wait two minutes each time.
const IN_FLIGHT_IN_TESTS: &str = "REPASS_TEST_IN_FLIGHT_MS";

fn in_flight_window() -> Duration {
    let value = std::env::var(IN_FLIGHT_IN_TESTS).ok();
    value
        .and_then(|value| value.parse().ok())
        .map_or(IN_FLIGHT_WINDOW, Duration::from_millis)
}
