//! How many descriptors there are.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

// Standard streams, listener, runtime, audit, programs that give secrets, and some to spare.
const OTHERS: u64 = 64;

/// As many connections as are wanted and the system lets be open, beside those to providers. The limit of this
/// process is raised as far as that takes.
pub(super) fn connections(wanted: usize, in_flight: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let open = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    // Without a limit there are as many as are wanted.
    let open = open.unwrap_or(u64::MAX);
    let left = open.saturating_sub(OTHERS + in_flight as u64);
    wanted.min(usize::try_from(left).unwrap_or(usize::MAX)).max(1)
}
