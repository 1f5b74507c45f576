//! A clock that runs on while the machine is suspended, which `std::time::Instant` does not.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Returns the time since the machine was started, including the time in which it was suspended. For leases, which end
/// while a machine is suspended.
pub fn boot_time() -> Duration {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let clock = ClockId::Boottime;
    // Elsewhere this one runs on.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let clock = ClockId::Monotonic;
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_runs() {
        let before = boot_time();
        std::thread::sleep(Duration::from_millis(5));
        let passed = boot_time().checked_sub(before).unwrap();
        assert!(
            passed >= Duration::from_millis(5) && passed < Duration::from_secs(60),
            "{passed:?}"
        );
    }
}
