//! The state that several processes share: reachable, safe to rely on, migrated, and with the same clock.

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
    fn schema_and_clock_are_judged() {
        assert!(schema(Database::SCHEMA_VERSION).ok);
        assert!(schema(0).fix.unwrap().contains("repass shared migrate"));
        assert!(!schema(Database::SCHEMA_VERSION + 1).ok);
        assert!(clock(Duration::from_secs(2)).ok && !clock(Duration::from_secs(3)).ok);
    }
}
