//! The limit of file descriptors.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

// Standard streams, listener, runtime, audit, programs that provide secrets, and a reserve.
const OTHERS: u64 = 64;
// A connection to a provider has a second descriptor, which checks it before reuse.
const PER_CONNECTION: u64 = 2;
// Concurrent lookups at providers.
const READS: u64 = 64;

/// The number of client connections: as many as wanted, within the descriptors left after connections to providers.
/// Raises the process's limit to its maximum.
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
    // No limit.
    let open = open.unwrap_or(u64::MAX);
    let left = left(open, in_flight as u64, providers as u64);
    wanted.min(usize::try_from(left).unwrap_or(usize::MAX)).max(1)
}

/// The descriptors left for clients when the maximum number of calls is in flight and each provider still has as
/// many idle connections.
fn left(open: u64, in_flight: u64, providers: u64) -> u64 {
    let reads = READS.min(in_flight);
    let others = OTHERS.saturating_add(reads * PER_CONNECTION);
    let for_calls = open.saturating_sub(others);
    let per_call = PER_CONNECTION.saturating_mul(providers.max(1));
    let left = for_calls.saturating_sub(per_call.saturating_mul(in_flight));
    // There are at most as many calls in flight as clients.
    left.max(in_flight.min(for_calls / (per_call + 1)))
}

#[test]
fn provider_connections_count_as_two_descriptors() {
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
