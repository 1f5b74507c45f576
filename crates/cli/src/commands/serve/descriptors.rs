//! How many descriptors there are.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

// Standard streams, listener, runtime, audit, programs that give secrets, and some to spare.
const OTHERS: u64 = 64;
// A connection to a provider has a second descriptor, by which it is looked at before it is used again.
const PER_CONNECTION: u64 = 2;
// Look-ups that may wait for a provider at once.
const READS: u64 = 64;

/// As many connections as are wanted and the system lets be open, beside those to providers. The limit of this
/// process is raised as far as that takes.
pub(super) fn connections(wanted: usize, in_flight: usize, providers: usize) -> usize {
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
    let left = left(open, in_flight as u64, providers as u64);
    wanted.min(usize::try_from(left).unwrap_or(usize::MAX)).max(1)
}

/// What is left of so many descriptors for clients, when as many calls as may be are in flight, and each provider still
/// has the connections of as many before.
fn left(open: u64, in_flight: u64, providers: u64) -> u64 {
    let reads = READS.min(in_flight);
    let others = OTHERS.saturating_add(reads * PER_CONNECTION);
    let for_calls = open.saturating_sub(others);
    let per_call = PER_CONNECTION.saturating_mul(providers.max(1));
    let left = for_calls.saturating_sub(per_call.saturating_mul(in_flight));
    // There are no more calls in flight than clients.
    left.max(in_flight.min(for_calls / (per_call + 1)))
}

#[test]
fn two_descriptors_are_counted_for_each_connection_to_a_provider() {
    assert_eq!(left(4096, 256, 1), 4096 - 64 - 128 - 512);
    assert_eq!(left(4096, 256, 3), 4096 - 64 - 128 - 1536);
    for (open, in_flight, providers) in [(1024, 256, 1), (1024, 256, 2), (1024, 4000, 1), (300, 256, 5)] {
        let clients = left(open, in_flight, providers);
        let calls = clients.min(in_flight);
        let taken = 64 + 128 + clients + 2 * providers * calls;
        assert!(
            clients > 0 && taken <= open,
            "{taken} of {open} with {clients} clients"
        );
    }
    assert_eq!(left(u64::MAX, u64::MAX, 2), (u64::MAX - 64 - 128) / 5);
    assert_eq!(left(10, 256, 1), 0);
}
