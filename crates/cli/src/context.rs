//! What every command works with.

use std::io;

use crate::args::Command;
use crate::global_options::GlobalOptions;
use crate::output::Output;
use crate::signals::Signals;

/// The global options, where to print, and the signals received so far.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) global: GlobalOptions,
    pub(super) output: Output,
    pub(super) signals: Signals,
}

impl Context {
    /// The context of a command, which starts to listen for signals.
    ///
    /// # Errors
    /// A signal handler cannot be installed.
    pub(super) fn new(global: GlobalOptions, output: Output, command: &Command) -> io::Result<Self> {
        let signals = Signals::listen()?;
        signals.count_quits()?;
        // A sidecar reloads its configuration on SIGHUP.
        if !matches!(command, Command::Serve(_)) {
            signals.count_hangups()?;
        }
        Ok(Self {
            global,
            output,
            signals,
        })
    }
}
