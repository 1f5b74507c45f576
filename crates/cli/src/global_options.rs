//! Options of every command.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::{ArgAction, ValueHint};

use repass::CallContext;
use repass::config::parse_duration;
use repass::secrets::SecretRef;

/// Options of every command.
#[derive(Debug, Default, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "independent flags")]
#[command(next_help_heading = "Global options")]
pub(super) struct GlobalOptions {
    /// The configuration file [default: $REPASS_CONFIG, ./repass.toml, ~/.config/repass/config.toml,
    /// /etc/repass/config.toml]
    #[arg(short, long, value_name = "FILE", global = true, value_hint = ValueHint::FilePath)]
    pub(super) config: Option<PathBuf>,

    /// The provider, by its configured name [default: `default_provider`]
    #[arg(short, long, value_name = "NAME", global = true, value_hint = ValueHint::Other)]
    pub(super) provider: Option<String>,

    /// Run against emulated providers inside this process: `zoom` and `portal`
    #[arg(long, global = true, conflicts_with = "config")]
    pub(super) sandbox: bool,

    /// Print one JSON object on standard output, on success and on failure; `bulk run`, `bulk work` and
    /// `bulk resume` print one per event
    #[arg(long, global = true)]
    pub(super) json: bool,

    /// Print errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,

    /// Log to standard error: -v info, -vv debug, -vvv trace; secrets are never logged
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(super) verbose: u8,

    /// Time limit of the whole call [default: 30s]
    #[arg(long, value_name = "DURATION", global = true, value_parser = parse_duration)]
    pub(super) timeout: Option<Duration>,

    /// Never prompt
    #[arg(long, global = true)]
    pub(super) no_input: bool,

    /// Assume yes for all prompts
    #[arg(long, global = true)]
    pub(super) yes: bool,

    // Time spent waiting for the secrets of the next call, in milliseconds.
    #[arg(skip)]
    waited: AtomicU64,
}

impl GlobalOptions {
    /// The time limit of a call.
    pub(super) fn budget(&self) -> Duration {
        self.timeout.unwrap_or(CallContext::DEFAULT_BUDGET)
    }

    /// The context of the next call; time spent waiting for secrets is deducted from its limit.
    pub(super) fn call_context(&self) -> CallContext {
        let waited = Duration::from_millis(self.waited.load(Ordering::Relaxed));
        CallContext::with_budget(self.budget()).after(waited)
    }

    /// The time limit of a program that provides a secret.
    pub(super) fn secret_timeout(&self) -> Duration {
        self.timeout.unwrap_or(SecretRef::COMMAND_TIMEOUT)
    }

    /// Records the time spent waiting for the secrets of the next call.
    pub(super) fn record_secret_wait(&self, time: Duration) {
        let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.waited.store(time, Ordering::Relaxed);
    }
}
