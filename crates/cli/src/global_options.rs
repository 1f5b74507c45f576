//! What can be typed with every command.

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
    /// The configuration file [else: $REPASS_CONFIG, ./repass.toml, the user's, /etc/repass/config.toml]
    #[arg(short, long, value_name = "FILE", global = true, value_hint = ValueHint::FilePath)]
    pub(super) config: Option<PathBuf>,

    /// The provider, by its configured name [else: `default_provider`]
    #[arg(short, long, value_name = "NAME", global = true, value_hint = ValueHint::Other)]
    pub(super) provider: Option<String>,

    /// Run against emulated providers inside this process: `zoom` and `portal`
    #[arg(long, global = true, conflicts_with = "config")]
    pub(super) sandbox: bool,

    /// Print one JSON object on standard output, whatever happens; `bulk run` and `resume` print one for each event
    #[arg(long, global = true)]
    pub(super) json: bool,

    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,

    /// Log to standard error: -v info, -vv debug, -vvv trace; never anything secret
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(super) verbose: u8,

    /// How long the call may take in all [default: 30s]
    #[arg(long, value_name = "DURATION", global = true, value_parser = parse_duration)]
    pub(super) timeout: Option<Duration>,

    /// Never prompt
    #[arg(long, global = true)]
    pub(super) no_input: bool,

    /// Assume yes for all prompts
    #[arg(long, global = true)]
    pub(super) yes: bool,

    // How long programs have taken to give the secrets of the next call, in milliseconds.
    #[arg(skip)]
    waited: AtomicU64,
}

impl GlobalOptions {
    /// How long a call may take in all.
    pub(super) fn budget(&self) -> Duration {
        self.timeout.unwrap_or(CallContext::DEFAULT_BUDGET)
    }

    /// What is left of that after waiting for secrets.
    pub(super) fn call_context(&self) -> CallContext {
        let waited = Duration::from_millis(self.waited.load(Ordering::Relaxed));
        CallContext::with_budget(self.budget()).after(waited)
    }

    /// How long a program may take that gives a secret.
    pub(super) fn secret_timeout(&self) -> Duration {
        self.timeout.unwrap_or(SecretRef::COMMAND_TIMEOUT)
    }

    /// So much time has gone with waiting for the secrets of the next call.
    pub(super) fn record_secret_wait(&self, time: Duration) {
        let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.waited.store(time, Ordering::Relaxed);
    }
}
