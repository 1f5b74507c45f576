//! Options of a run and of going on with it.

use std::time::Duration;

use clap::value_parser;
use repass_bulk::{IN_FLIGHT_WINDOW, OnUnknown, PasswordSource, SessionOptions};

use super::confirm;
use super::progress::Screen;
use crate::context::Context;
use crate::error::CliError;
use repass::config;

/// How to go about it.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "How to go about it")]
pub(super) struct RunOptions {
    /// How many changes are under way at once, at most; the provider's rate is kept in any case
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = value_parser!(u16).range(1..=4096))]
    concurrency: u16,
    /// CliError after N rows that were not applied
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    max_failures: Option<u64>,
    /// CliError after N rows whose outcome is unknown
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    max_unknown: Option<u64>,
    /// Send N rows first, tell what became of them, and ask whether to go on
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    canary: Option<u64>,
    /// Settle each unknown outcome with one probe, which at Zoom itself sets the new password. That the password is not
    /// in place counts when the change was sent more than two minutes before; until then the row stays unknown
    #[arg(long)]
    pub(super) resolve: bool,
    /// Send each unknown row once more with a fresh password, as an administrator, two minutes after the first one, when
    /// that cannot take effect any more
    #[arg(long, conflicts_with = "resolve")]
    pub(super) reissue: bool,
}

// Longer than a provider's rate ever makes a call wait; each attempt has its own, shorter limit.
const BUDGET: Duration = Duration::from_secs(600);

impl RunOptions {
    pub(super) fn controls(
        &self,
        passwords: PasswordSource,
        configured: config::OnUnknown,
        context: &Context,
        screen: &Screen,
    ) -> Result<SessionOptions, CliError> {
        if self.reissue && passwords == PasswordSource::Input {
            return Err(CliError::usage(
                "--reissue sends a fresh password, so it is for runs with --generate; give --resolve to settle what the \
                 rows were sent",
            ));
        }
        let resolve = self.resolve || configured == config::OnUnknown::Resolve;
        let on_unknown = match (self.reissue, resolve) {
            (true, _) => OnUnknown::Reissue,
            (false, true) => OnUnknown::Resolve,
            (false, false) => OnUnknown::Leave,
        };
        Ok(SessionOptions {
            concurrency: usize::from(self.concurrency),
            budget: context.global.timeout.unwrap_or(BUDGET),
            max_failures: self.max_failures,
            max_unknown: self.max_unknown,
            on_unknown,
            in_flight_window: in_flight_window(),
            canary: self.canary.map(|rows| confirm::canary(rows, context, screen)),
        })
    }
}

// Nothing for users: campaigns that kill this program over and over cannot wait minutes each time.
const IN_FLIGHT_IN_TESTS: &str = "REPASS_TEST_IN_FLIGHT_MS";

fn in_flight_window() -> Duration {
    let said = std::env::var(IN_FLIGHT_IN_TESTS).ok();
    said.and_then(|said| said.parse().ok())
        .map_or(IN_FLIGHT_WINDOW, Duration::from_millis)
}
