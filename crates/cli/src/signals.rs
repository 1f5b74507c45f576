//! SIGINT and SIGTERM, and SIGHUP where it ends work in an orderly way.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::error::CliError;
use crate::output::Output;
use repass::UnknownOutcome;

/// Counts signals. Until a command handles them, the first one ends the process.
#[derive(Debug, Clone)]
pub(super) struct Signals {
    count: watch::Receiver<u32>,
    counter: watch::Sender<u32>,
    claimed: Arc<AtomicBool>,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let (counter, count) = watch::channel(0);
        let counting = counter.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                counting.send_modify(|count| *count += 1);
            }
        });
        Ok(Self {
            count,
            counter,
            claimed: Arc::default(),
        })
    }

    /// Counts SIGHUP too: a closed session ends a command like SIGTERM. Under `nohup` it stays ignored.
    pub(super) fn count_hangups(&self) -> io::Result<()> {
        if hangups_are_ignored() {
            return Ok(());
        }
        let mut hangup = signal(SignalKind::hangup())?;
        let counting = self.counter.clone();
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                // The shell and the kernel may both send it, so it never counts as a second signal.
                counting.send_if_modified(|count| {
                    let first = *count == 0;
                    *count = 1.max(*count);
                    first
                });
            }
        });
        Ok(())
    }

    /// Completes on the first signal unless a command handles signals itself.
    pub(super) async fn unclaimed(&self) {
        self.reach(1).await;
        if self.claimed.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }

    /// Completes on the first signal. From now on the command handles signals itself.
    pub(super) async fn first(&self) {
        self.claimed.store(true, Ordering::Relaxed);
        self.reach(1).await;
    }

    /// Completes on the second signal.
    pub(super) async fn second(&self) {
        self.reach(2).await;
    }

    /// Runs a call that may change something to completion. The first signal only prints a note, because the
    /// outcome of a dropped call is unknown; the second drops the call.
    pub(super) async fn run_to_completion<T>(
        &self,
        provider: &str,
        output: &Output,
        call: impl Future<Output = T>,
    ) -> Result<T, CliError> {
        if *self.count.borrow() > 0 {
            return Err(CliError::Interrupted);
        }
        self.claimed.store(true, Ordering::Relaxed);
        let attempt = UnknownOutcome::new(provider);
        tokio::pin!(call);
        tokio::select! {
            biased;
            result = &mut call => return Ok(result),
            () = self.reach(1) => output.note("waiting for the provider's response; interrupt again to abandon \
                 the change, which leaves its outcome unknown"),
        }
        tokio::select! {
            biased;
            result = &mut call => Ok(result),
            () = self.reach(2) => Err(CliError::Abandoned { attempt }),
        }
    }

    /// Counts SIGQUIT like SIGINT: ending the process at once could leave the terminal without echo.
    pub(super) fn count_quits(&self) -> io::Result<()> {
        let mut quit = signal(SignalKind::quit())?;
        let counting = self.counter.clone();
        tokio::spawn(async move {
            while quit.recv().await.is_some() {
                counting.send_modify(|count| *count += 1);
            }
        });
        Ok(())
    }

    async fn reach(&self, count: u32) {
        let mut seen = self.count.clone();
        if seen.wait_for(|seen| *seen >= count).await.is_err() {
            // The sender is gone, so no signal will arrive.
            std::future::pending::<()>().await;
        }
    }
}

// Only known on Linux; elsewhere assume that SIGHUP is not ignored.
fn hangups_are_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignores_hangups(&status)
}

fn ignores_hangups(status: &str) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // The lowest bit is signal 1.
    ignored.is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    fn signals(sent: u32) -> (watch::Sender<u32>, Signals) {
        let (counter, count) = watch::channel(sent);
        let signals = Signals {
            count,
            counter: counter.clone(),
            claimed: Arc::default(),
        };
        (counter, signals)
    }

    const OUTPUT: Output = Output {
        json: false,
        quiet: true,
    };

    #[tokio::test]
    async fn call_after_a_signal_is_not_started() {
        let (_counter, signals) = signals(1);
        let call = signals.run_to_completion("zoom", &OUTPUT, async { panic!("it was begun") });
        assert!(matches!(call.await, Err(CliError::Interrupted)));
    }

    #[tokio::test]
    async fn first_signal_waits_and_second_abandons_the_call() {
        let (counter, signals) = signals(0);
        let slow = async {
            counter.send_replace(1);
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            7
        };
        assert!(matches!(
            signals.run_to_completion("zoom", &OUTPUT, slow).await,
            Ok(7)
        ));

        let (counter, signals) = self::signals(0);
        let stuck = async {
            counter.send_replace(2);
            pending::<()>().await;
        };
        let stop = signals
            .run_to_completion("zoom", &OUTPUT, stuck)
            .await
            .unwrap_err();
        assert!(matches!(stop, CliError::Abandoned { attempt } if attempt.provider() == "zoom"));
    }

    #[test]
    fn hangup_ignored_by_nohup_is_detected() {
        for (mask, ignored) in [("0000000000000001", true), ("0000000001001006", false)] {
            let status = format!("Name:\trepass\nSigBlk:\t0000000000000001\nSigIgn:\t{mask}\n");
            assert_eq!(ignores_hangups(&status), ignored, "{mask}");
        }
        assert!(!ignores_hangups(""));
    }

    #[tokio::test]
    async fn unclaimed_signal_ends_the_command() {
        let (_counter, signals) = signals(1);
        signals.unclaimed().await;
        signals.claimed.store(true, Ordering::Relaxed);
        let claimed = tokio::select! {
            biased;
            () = signals.unclaimed() => false,
            () = ready(()) => true,
        };
        assert!(claimed);
    }
}
