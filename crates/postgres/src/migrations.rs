//! The versions of the schema.

use tokio_postgres::{Client, SimpleQueryMessage};

use crate::DatabaseError;

/// One file for each version, never changed once released.
const MIGRATIONS: [&str; 4] = [
    include_str!("../migrations/1_idempotency_keys.sql"),
    include_str!("../migrations/2_user_locks.sql"),
    include_str!("../migrations/3_rate_shares.sql"),
    include_str!("../migrations/4_bulk_runs.sql"),
];

/// The version that this program needs.
pub(crate) const LATEST: usize = MIGRATIONS.len();

// Any number, the same in every version: one migration at a time.
const LOCK: i64 = 726_570_617_373;

/// The version of the schema; 0 if it does not exist.
pub(crate) async fn version(client: &Client, schema: &str) -> Result<usize, DatabaseError> {
    let found = client
        .query_one(
            "SELECT to_regclass($1 || '.schema_version') IS NOT NULL",
            &[&quoted(schema)],
        )
        .await?;
    if !found.get::<_, bool>(0) {
        return Ok(0);
    }
    let row = client
        .query_one(
            &format!("SELECT max(version) FROM {}.schema_version", quoted(schema)),
            &[],
        )
        .await?;
    let version: Option<i32> = row.get(0);
    Ok(usize::try_from(version.unwrap_or_default()).unwrap_or_default())
}

/// Applies what is missing, all or nothing. Returns the version before.
pub(crate) async fn apply(client: &Client, schema: &str) -> Result<usize, DatabaseError> {
    client.batch_execute("BEGIN").await?;
    let applied = apply_in_transaction(client, schema).await;
    let end = if applied.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = client.batch_execute(end).await;
    let before = applied?;
    ended?;
    Ok(before)
}

async fn apply_in_transaction(client: &Client, schema: &str) -> Result<usize, DatabaseError> {
    client
        .batch_execute(&format!("SELECT pg_advisory_xact_lock({LOCK})"))
        .await?;
    let before = version(client, schema).await?;
    check_not_newer(before)?;
    let name = quoted(schema);
    if before == 0 {
        client
            .batch_execute(&format!(
                "CREATE SCHEMA IF NOT EXISTS {name}; \
                 CREATE TABLE {name}.schema_version (version int PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
            ))
            .await?;
    }
    client
        .batch_execute(&format!("SET LOCAL search_path TO {name}"))
        .await?;
    for (at, migration) in MIGRATIONS.iter().enumerate().skip(before) {
        client.batch_execute(migration).await?;
        client
            .batch_execute(&format!(
                "INSERT INTO schema_version (version) VALUES ({})",
                at + 1
            ))
            .await?;
    }
    Ok(before)
}

/// Refuses a schema that a later version of repass has migrated.
pub(crate) fn check_not_newer(version: usize) -> Result<(), DatabaseError> {
    if version > LATEST {
        return Err(DatabaseError::misconfigured(format!(
            "the shared state has version {version} and this repass knows {LATEST}; use the newer repass"
        )));
    }
    Ok(())
}

/// The name as an SQL identifier.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The first value of a query without parameters, as text.
pub(crate) async fn text(client: &Client, query: &str) -> Result<String, DatabaseError> {
    let messages = client.simple_query(query).await?;
    let value = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    Ok(value.unwrap_or_default())
}
