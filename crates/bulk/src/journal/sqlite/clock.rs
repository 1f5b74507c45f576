//! Times that a later process can compare, even if the wall clock was set in between.

/// A time in the journal, on two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// By the wall clock, in milliseconds since 1970.
    pub(crate) at: i64,
    /// By the clock since boot, including suspended time, in milliseconds.
    pub(crate) uptime: i64,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self {
            at: crate::run::now(),
            uptime: uptime().unwrap_or_default(),
        }
    }
}

/// The clocks of the current boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clock {
    /// Identifies the boot; `None` if the system does not.
    boot: Option<String>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
        let boot = boot.ok().map(|boot| boot.trim().to_owned());
        Self {
            boot: boot.filter(|boot| !boot.is_empty() && uptime().is_some()),
        }
    }

    pub(crate) fn boot(&self) -> Option<&str> {
        self.boot.as_deref()
    }

    /// How long ago a moment was, in milliseconds; negative for the future. At least this much time has really passed:
    /// within one boot the wall clock is not used, and after a reboot it counts only up to the time since boot.
    pub(crate) fn since(&self, then: Moment, boot: Option<&str>) -> i64 {
        self.between(then, boot, Moment::now())
    }

    fn between(&self, then: Moment, boot: Option<&str>, now: Moment) -> i64 {
        if self.boot.is_some() && self.boot.as_deref() == boot {
            return now.uptime.saturating_sub(then.uptime);
        }
        let by_the_wall = now.at.saturating_sub(then.at).max(0);
        match self.boot {
            Some(_) => by_the_wall.min(now.uptime),
            None => by_the_wall,
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn uptime() -> Option<i64> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let milliseconds = time.tv_sec.checked_mul(1000)?;
    milliseconds.checked_add(time.tv_nsec / 1_000_000)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn uptime() -> Option<i64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn clock(boot: Option<&str>) -> Clock {
        Clock {
            boot: boot.map(str::to_owned),
        }
    }

    #[test]
    fn clock_jump_never_makes_a_moment_older() {
        let then = Moment {
            at: 10 * HOUR,
            uptime: 5000,
        };
        for (case, here, at, uptime, expected) in [
            ("the wall clock jumps ahead", Some("a"), 20 * HOUR, 6000, 1000),
            ("the wall clock jumps back", Some("a"), HOUR, 6000, 1000),
            ("it is still to come", Some("a"), 10 * HOUR, 4000, -1000),
            (
                "rebooted, and the wall clock is an hour ahead",
                Some("b"),
                11 * HOUR,
                7000,
                7000,
            ),
            ("rebooted, and the wall clock is behind", Some("b"), HOUR, 7000, 0),
            (
                "another machine that has run for long",
                Some("b"),
                10 * HOUR + 2000,
                90 * HOUR,
                2000,
            ),
            ("no boot is known", None, 10 * HOUR + 2000, 0, 2000),
            ("no boot is known, and it is behind", None, HOUR, 0, 0),
        ] {
            let now = Moment { at, uptime };
            assert_eq!(clock(here).between(then, Some("a"), now), expected, "{case}");
        }
        // As in rows of format 2.
        let now = Moment {
            at: 10 * HOUR + 2000,
            uptime: HOUR,
        };
        assert_eq!(clock(Some("a")).between(then, None, now), 2000);
        assert_eq!(clock(None).between(then, None, now), 2000);
    }

    #[test]
    fn moment_now_is_recent() {
        let clock = Clock::new();
        let then = Moment::now();
        let since = clock.since(then, clock.boot());
        assert!((0..60_000).contains(&since), "{since}");
    }
}
