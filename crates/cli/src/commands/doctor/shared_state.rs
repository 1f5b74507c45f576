//! The state that several processes share: reachable, safe to rely on, migrated, with all rights, and with the same secret and
//! clock.

use std::time::Duration;

use repass::{Config, SharedState};
use repass_postgres::Database;

use super::Check;
use crate::exit::Exit;
use crate::global_options::GlobalOptions;

/// The checks of `[shared]`; `None` without it.
pub(super) async fn checks(config: &Config, global: &GlobalOptions) -> Option<Vec<Check>> {
    let state = match SharedState::open(config, global.secret_timeout()) {
        Ok(state) => state?,
        Err(error) => {
            let fix = "correct the section [shared]";
            return Some(vec![Check::failed(
                "secrets",
                Exit::Usage,
                error.to_string(),
                fix,
            )]);
        }
    };
    let health = match state.database.check().await {
        Ok(health) => health,
        Err(error) => {
            let fix = "check `url` of shared.postgres and the server; without it nothing is sent";
            return Some(vec![Check::failed(
                "database",
                Exit::Unavailable,
                error.to_string(),
                fix,
            )]);
        }
    };
    let milliseconds = health.latency.as_secs_f64() * 1000.0;
    let found = format!("PostgreSQL {}, {milliseconds:.1} ms away", health.server_version);
    Some(vec![
        Check::passed("database", found),
        schema(health.schema_version),
        rights(&health.missing_rights),
        secret(health.is_secret_shared),
        clock(health.clock_difference),
    ])
}

fn schema(version: usize) -> Check {
    let needed = Database::SCHEMA_VERSION;
    match version.cmp(&needed) {
        std::cmp::Ordering::Equal => Check::passed("schema", format!("version {version}")),
        std::cmp::Ordering::Less => {
            let found = format!("version {version}, and this repass needs {needed}");
            Check::failed("schema", Exit::Usage, found, "run `repass shared migrate`")
        }
        std::cmp::Ordering::Greater => {
            let found = format!("version {version}, and this repass knows {needed}");
            Check::failed("schema", Exit::Usage, found, "use the newer repass")
        }
    }
}

fn rights(missing: &[String]) -> Check {
    if missing.is_empty() {
        return Check::passed("rights", "all that are needed");
    }
    let found = format!("the role of the URL lacks {}", missing.join(", "));
    let fix = "grant it the rights that docs/guide/scale.md lists; until then nothing is sent";
    Check::failed("rights", Exit::Usage, found, fix)
}

fn secret(is_shared: Option<bool>) -> Check {
    match is_shared {
        Some(true) => Check::passed("secret", "the one of the other processes"),
        None => Check::passed("secret", "no other process has connected yet"),
        Some(false) => {
            let fix = "give all processes the same `shared.secret`; until then this one sends nothing";
            Check::failed("secret", Exit::Usage, "not the one of the other processes", fix)
        }
    }
}

fn clock(difference: Duration) -> Check {
    let found = format!("differs from the database's by {:.3} s", difference.as_secs_f64());
    if difference > Database::MOST_CLOCK_DIFFERENCE {
        let fix = "synchronize the clocks of both machines; until then nothing is sent";
        return Check::failed("clock", Exit::Internal, found, fix);
    }
    Check::passed("clock", found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_of_another_version_fails_with_what_to_do() {
        let needed = Database::SCHEMA_VERSION;
        for (version, fix) in [
            (needed, None),
            (0, Some("run `repass shared migrate`")),
            (needed - 1, Some("run `repass shared migrate`")),
            (needed + 1, Some("use the newer repass")),
        ] {
            let check = schema(version);
            assert_eq!(
                (check.ok, check.fix.as_deref()),
                (fix.is_none(), fix),
                "{version}"
            );
        }
    }

    #[test]
    fn clock_may_differ_by_two_and_a_half_seconds() {
        for (milliseconds, is_ok) in [(0, true), (2500, true), (2501, false), (60_000, false)] {
            let check = clock(Duration::from_millis(milliseconds));
            assert_eq!((check.ok, check.fix.is_none()), (is_ok, is_ok), "{check:?}");
        }
    }

    #[test]
    fn secret_of_other_processes_is_needed() {
        assert!(secret(None).ok && secret(Some(true)).ok);
        let check = secret(Some(false));
        assert!(!check.ok && check.fix.unwrap().contains("`shared.secret`"));
    }

    #[test]
    fn missing_right_is_named() {
        assert!(rights(&[]).ok);
        let check = rights(&["DELETE on idempotency_keys".to_owned()]);
        assert!(
            !check.ok && check.message.contains("DELETE on idempotency_keys"),
            "{check:?}"
        );
    }
}
