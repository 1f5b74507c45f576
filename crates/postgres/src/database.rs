//! The connection to PostgreSQL.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use repass_transport::TrustedRoots;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::keyed_hash::keyed_hash;
use crate::migrations::{self, LATEST, quoted, text};
use crate::{DatabaseError, InvalidSettings};

/// The settings of a PostgreSQL connection: address, certificate authorities and schema.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address of the database: a URL, such as `postgresql://repass@db.example.com/repass`, or `key=value` pairs,
    /// as libpq takes them.
    pub url: SecretString,
    /// The certificate authorities that may have signed the server's certificate.
    pub roots: TrustedRoots,
    /// The database schema that holds the tables. Processes with the same schema act as one.
    pub schema: String,
    /// The secret for hashing what identifies users and requests, of 32 random bytes or more. It is not stored, and all
    /// processes need the same.
    pub secret: SecretSlice<u8>,
}

impl Settings {
    /// The default schema of the tables.
    pub const DEFAULT_SCHEMA: &str = "repass";
}

/// A PostgreSQL database, over one connection that is made again when it is lost.
pub struct Database {
    config: Config,
    tls: MakeRustlsConnect,
    schema: String,
    // A hash under the secret, to find out that another process has another one.
    secret_check: [u8; 32],
    client: Mutex<Option<Arc<Client>>>,
}

/// The result of a check of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseHealth {
    /// The version of the PostgreSQL server, such as 15.4.
    pub server_version: String,
    /// The version of repass's tables in the schema; 0 if the schema does not exist.
    pub schema_version: usize,
    /// The duration of a round trip to the database.
    pub latency: Duration,
    /// The difference between the server's clock and the one of this machine.
    pub clock_difference: Duration,
    /// The rights on tables and functions that the role of the URL lacks, such as `DELETE on idempotency_keys`.
    pub missing_rights: Vec<String>,
    /// Whether the secret is the one of the other processes; `None` before the first of them.
    pub is_secret_shared: Option<bool>,
}

// For one step: a connection, or a statement.
const PATIENCE: Duration = Duration::from_secs(5);

impl Database {
    /// The version of the schema that this program needs.
    pub const SCHEMA_VERSION: usize = LATEST;
    /// How far the clock of a process may differ from the database's. Above it nothing is sent: the time of an unknown
    /// outcome is compared with the time of other changes.
    pub const MOST_CLOCK_DIFFERENCE: Duration = Duration::from_millis(2500);

    /// Creates a database that is connected to at the first use.
    ///
    /// # Errors
    /// The URL cannot be read, or would send data without TLS over a network.
    pub fn new(settings: &Settings) -> Result<Self, InvalidSettings> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the client's own type holds it from here on"
        )]
        let url = settings.url.expose_secret();
        let (mut config, is_verified) = parse(url)?;
        if settings.schema.is_empty() || settings.schema.len() > 63 {
            return Err(InvalidSettings("a schema's name has 1 to 63 bytes".to_owned()));
        }
        let is_local = config.get_hosts().iter().all(is_this_machine)
            && config.get_hostaddrs().iter().all(IpAddr::is_loopback);
        if config.get_hosts().len().max(config.get_hostaddrs().len()) > 1 {
            // A standby that comes first is skipped.
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        if !is_local {
            if config.get_ssl_mode() == SslMode::Disable {
                return Err(InvalidSettings(
                    "`sslmode=disable` is for Unix sockets and loopback addresses; use `sslmode=require`"
                        .to_owned(),
                ));
            }
            config.ssl_mode(SslMode::Require);
        }
        check_tls(&config, is_verified)?;
        config.connect_timeout(PATIENCE);
        config.application_name("repass");
        let tls = settings.roots.verifying_config().map_err(InvalidSettings)?;
        Ok(Self {
            config,
            tls: MakeRustlsConnect::new(tls),
            schema: settings.schema.clone(),
            secret_check: keyed_hash(&settings.secret, &["the secret of shared state"]),
            client: Mutex::default(),
        })
    }

    /// The same database, over a connection of its own.
    #[cfg(feature = "bulk")]
    pub(crate) fn with_own_connection(&self) -> Self {
        Self {
            config: self.config.clone(),
            tls: self.tls.clone(),
            schema: self.schema.clone(),
            secret_check: self.secret_check,
            client: Mutex::default(),
        }
    }

    /// Creates repass's schema in the database, or brings it to the version of this program, in one transaction.
    /// Returns the versions before and after. Needs the right to create a schema; the other functions need only the
    /// rights on its tables.
    ///
    /// # Errors
    /// The database cannot be reached, lacks a right, or a newer repass has migrated it.
    pub async fn migrate(&self) -> Result<(usize, usize), DatabaseError> {
        let client = self.connect().await?;
        let before = within(migrations::apply(&client, &self.schema)).await?;
        Ok((before, LATEST))
    }

    /// Checks whether the server can be trusted with shared state and has the right schema.
    ///
    /// # Errors
    /// It cannot be reached, or why it cannot be used and what to do.
    pub async fn check(&self) -> Result<DatabaseHealth, DatabaseError> {
        let client = self.connect().await?;
        within(check_server(&client)).await?;
        let before = Instant::now();
        let clock_difference = within(clock_difference(&client)).await?;
        let latency = before.elapsed();
        let schema_version = within(migrations::version(&client, &self.schema)).await?;
        // Other versions have other tables.
        let is_current = schema_version == LATEST;
        let mut missing = Vec::new();
        if is_current {
            for of in [RightsFor::EveryProcess, RightsFor::BulkRuns] {
                missing.extend(within(missing_rights(&client, &self.schema, of)).await?);
            }
        }
        let is_secret_shared = if is_current && missing.is_empty() {
            within(self.is_secret_shared(&client, &quoted(&self.schema))).await?
        } else {
            None
        };
        Ok(DatabaseHealth {
            server_version: within(text(&client, "SHOW server_version")).await?,
            schema_version,
            latency,
            clock_difference,
            missing_rights: missing,
            is_secret_shared,
        })
    }

    /// The connection, with the schema in its search path. Statements of several callers are pipelined.
    pub(crate) async fn client(&self) -> Result<Arc<Client>, DatabaseError> {
        let mut kept = self.client.lock().await;
        if let Some(client) = kept.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Arc::clone(client));
        }
        let client = self.connect().await?;
        within(self.prepare(&client)).await?;
        let client = Arc::new(client);
        *kept = Some(Arc::clone(&client));
        Ok(client)
    }

    /// Gives up the connection, after a statement without an answer.
    pub(crate) async fn disconnect(&self, client: &Arc<Client>) {
        let mut kept = self.client.lock().await;
        if kept.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, client)) {
            *kept = None;
        }
    }

    /// Gives up the connection after this error, unless the server has only refused a statement. Where a right is
    /// missing the next connection finds out.
    #[cfg(feature = "sidecar")]
    pub(crate) async fn disconnect_after(&self, client: &Arc<Client>, problem: &DatabaseError) {
        if problem.is_unreachable() || problem.is_misconfigured() {
            self.disconnect(client).await;
        }
    }

    // Each connection may reach another server, so each is checked.
    async fn prepare(&self, client: &Client) -> Result<(), DatabaseError> {
        check_server(client).await?;
        let version = migrations::version(client, &self.schema).await?;
        migrations::check_not_newer(version)?;
        if version < LATEST {
            return Err(DatabaseError::misconfigured(format!(
                "the shared state has version {version} and this repass needs {LATEST}; run `repass shared migrate`"
            )));
        }
        self.check_rights(client, RightsFor::EveryProcess).await?;
        let schema = quoted(&self.schema);
        let patience = PATIENCE.as_millis();
        // Without `jit`: compiling a statement takes longer than running it.
        client
            .batch_execute(&format!(
                "SET search_path TO {schema}; SET statement_timeout TO {patience}; \
                 SET idle_in_transaction_session_timeout TO {patience}; SET synchronous_commit TO on; \
                 SET jit TO off"
            ))
            .await?;
        let difference = clock_difference(client).await?;
        if difference > Self::MOST_CLOCK_DIFFERENCE {
            return Err(DatabaseError::misconfigured(format!(
                "the clock of this machine differs from the database's by {:.1} s; synchronize them",
                difference.as_secs_f64()
            )));
        }
        self.check_secret(client).await
    }

    /// Checks that the role has all these rights. Without one of them what happened could not be recorded.
    pub(crate) async fn check_rights(&self, client: &Client, of: RightsFor) -> Result<(), DatabaseError> {
        let missing = missing_rights(client, &self.schema, of).await?;
        if missing.is_empty() {
            return Ok(());
        }
        Err(DatabaseError::misconfigured(format!(
            "the role of the database's URL lacks rights: {}; grant them",
            missing.join(", ")
        )))
    }

    // Another secret finds no row of the others.
    async fn check_secret(&self, client: &Client) -> Result<(), DatabaseError> {
        let schema = quoted(&self.schema);
        let mut is_shared = self.is_secret_shared(client, &schema).await?;
        if is_shared.is_none() {
            let insert = "INSERT INTO settings (name, value) VALUES ('secret', $1) ON CONFLICT DO NOTHING";
            client.execute(insert, &[&self.secret_check.as_slice()]).await?;
            is_shared = self.is_secret_shared(client, &schema).await?;
        }
        if is_shared == Some(true) {
            return Ok(());
        }
        Err(DatabaseError::misconfigured(
            "the secret is not the one of the other processes; give all of them the same",
        ))
    }

    async fn is_secret_shared(&self, client: &Client, schema: &str) -> Result<Option<bool>, DatabaseError> {
        let select = format!("SELECT value = $1 FROM {schema}.settings WHERE name = 'secret'");
        let row = client
            .query_opt(&select, &[&self.secret_check.as_slice()])
            .await?;
        Ok(row.map(|row| row.get(0)))
    }

    async fn connect(&self) -> Result<Client, DatabaseError> {
        let (client, connection) = within(async { Ok(self.config.connect(self.tls.clone()).await?) }).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                let error = DatabaseError::from(error);
                tracing::warn!(%error, "the connection to the shared state is lost");
            }
        });
        Ok(client)
    }
}

/// Reads a URL, with the values of `sslmode` that the client does not know: whether it asks for a verified certificate.
fn parse(url: &str) -> Result<(Config, bool), InvalidSettings> {
    if let Ok(config) = url.parse() {
        return Ok((config, false));
    }
    // Which of them is the value of `sslmode`, and not part of a password, the parser finds out.
    let mut modes = url
        .match_indices("verify-full")
        .chain(url.match_indices("verify-ca"));
    let verified = modes.find_map(|(at, mode)| {
        let (before, after) = (&url[..at], &url[at + mode.len()..]);
        let required = SecretString::from(format!("{before}require{after}"));
        #[expect(clippy::disallowed_methods, reason = "as above")]
        let config: Config = required.expose_secret().parse().ok()?;
        (config.get_ssl_mode() == SslMode::Require).then_some(config)
    });
    if let Some(config) = verified {
        return Ok((config, true));
    }
    // What the parser says may quote the password.
    let why = if url.contains("sslrootcert") {
        "has the option `sslrootcert`, which is not read; name the file in `shared.postgres.tls`"
    } else if url.contains("sslmode") {
        "is not a PostgreSQL URL, or its `sslmode` is none of disable, prefer, require, verify-ca and verify-full"
    } else {
        "is not a PostgreSQL URL, such as postgresql://USER@HOST/DATABASE"
    };
    Err(InvalidSettings(why.to_owned()))
}

// What is sure to fail, or would be weaker than what is asked for.
fn check_tls(config: &Config, is_verified: bool) -> Result<(), InvalidSettings> {
    let (hosts, addresses) = (config.get_hosts(), config.get_hostaddrs());
    let invalid = |why: &str| Err(InvalidSettings(why.to_owned()));
    if hosts.is_empty() && addresses.is_empty() {
        return invalid("names no host, such as postgresql://USER@HOST/DATABASE");
    }
    if config.get_ssl_mode() != SslMode::Require {
        return Ok(());
    }
    if hosts.is_empty() {
        return invalid(
            "names an address in `hostaddr` only; add `host`, the name in the server's certificate",
        );
    }
    let has_socket = hosts.iter().any(|host| !matches!(host, Host::Tcp(_)));
    if is_verified && has_socket && addresses.is_empty() {
        return invalid("asks for a certificate, which a Unix socket has not; remove `sslmode`");
    }
    Ok(())
}

/// Ends a step in bounded time, even if the server hangs.
pub(crate) async fn within<T>(
    step: impl Future<Output = Result<T, DatabaseError>>,
) -> Result<T, DatabaseError> {
    timeout(2 * PATIENCE, step).await.unwrap_or_else(|_| {
        Err(DatabaseError::unreachable(format!(
            "PostgreSQL did not answer within {} seconds",
            2 * PATIENCE.as_secs()
        )))
    })
}

// A server that may lose what it has confirmed would let a key be used twice. One query, because each connection asks.
async fn check_server(client: &Client) -> Result<(), DatabaseError> {
    const OLDEST: i32 = 13;
    const STATE: &str = "\
SELECT current_setting('server_version_num')::int, pg_is_in_recovery(), current_setting('fsync'),
    (SELECT count(*) FROM pg_stat_replication WHERE state IS DISTINCT FROM 'backup'),
    current_setting('synchronous_standby_names')";
    let refused = |why: &str| Err(DatabaseError::misconfigured(why));
    let state = client.query_one(STATE, &[]).await?;
    if state.get::<_, i32>(0) / 10_000 < OLDEST {
        return refused("PostgreSQL 13 or later is needed");
    }
    if state.get(1) {
        return refused("this server is a standby; name the primary in the URL");
    }
    if state.get::<_, &str>(2) != "on" {
        return refused("this server has `fsync = off` and may lose what it has confirmed; set it to on");
    }
    let (standbys, synchronous): (i64, &str) = (state.get(3), state.get(4));
    if standbys > 0 && synchronous.is_empty() {
        return refused(
            "this server has replicas and none is synchronous, so a failover may lose what it has confirmed; set \
             `synchronous_standby_names`",
        );
    }
    Ok(())
}

/// What a role does. One that serves sidecars need not have the rights of bulk runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RightsFor {
    EveryProcess,
    BulkRuns,
}

// Of the tables and functions that the catalog knows, so that none of a later version is left out.
async fn missing_rights(client: &Client, schema: &str, of: RightsFor) -> Result<Vec<String>, DatabaseError> {
    const MISSING: &str = "\
WITH missing AS (
    SELECT right_, right_at, relname::text AS name
    FROM pg_class, unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) WITH ORDINALITY AS rights (right_, right_at)
    WHERE relnamespace = to_regnamespace($1) AND relkind = 'r'
        AND (relname <> 'settings' OR right_ IN ('SELECT', 'INSERT'))
        AND (relname <> 'schema_version' OR right_ = 'SELECT')
        AND NOT has_table_privilege(pg_class.oid, right_)
    UNION ALL
    SELECT 'EXECUTE', 5, proname::text
    FROM pg_proc
    WHERE pronamespace = to_regnamespace($1) AND NOT has_function_privilege(pg_proc.oid, 'EXECUTE')
)
SELECT right_, name FROM missing
WHERE (name LIKE '%bulk%' OR name = 'database_timeline') = $2 ORDER BY name, right_at";
    let rows = client
        .query(MISSING, &[&quoted(schema), &(of == RightsFor::BulkRuns)])
        .await?;
    Ok(rows
        .iter()
        .map(|row| format!("{} on {}", row.get::<_, &str>(0), row.get::<_, &str>(1)))
        .collect())
}

async fn clock_difference(client: &Client) -> Result<Duration, DatabaseError> {
    let there = text(client, "SELECT extract(epoch FROM clock_timestamp())").await?;
    let there = Duration::try_from_secs_f64(there.parse().unwrap_or_default()).unwrap_or_default();
    let here = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(here.abs_diff(there))
}

fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(url: &str) -> Result<Database, InvalidSettings> {
        Database::new(&Settings {
            url: url.into(),
            roots: TrustedRoots::default(),
            schema: Settings::DEFAULT_SCHEMA.to_owned(),
            secret: vec![7; 32].into(),
        })
    }

    #[test]
    fn plain_text_is_for_this_machine_only() {
        for here in ["localhost", "127.0.0.1", "[::1]", "%2Frun%2Fpostgresql"] {
            let database = database(&format!("postgresql://repass@{here}/repass?sslmode=disable"));
            assert!(database.is_ok(), "{here}");
        }
        let refused = database("postgresql://repass@db.example.com/repass?sslmode=disable");
        assert!(refused.unwrap_err().to_string().contains("sslmode=require"));
        for elsewhere in ["localhost/x?hostaddr=10.0.0.5", "/x?hostaddr=10.0.0.5"] {
            let url = format!("postgresql://repass@{elsewhere}&sslmode=disable");
            assert!(database(&url).is_err(), "{url}");
        }
        let mixed = database("postgresql://repass@localhost,db.example.com/repass").unwrap();
        assert_eq!(mixed.config.get_ssl_mode(), SslMode::Require);
    }

    #[test]
    fn verified_certificate_is_never_weakened() {
        for (url, password) in [
            ("postgresql://repass@localhost/repass?sslmode=verify-full", None),
            (
                "postgresql://repass@localhost/repass?sslmode=verify-ca&port=5433",
                None,
            ),
            (
                "postgresql://repass:verify-full@localhost/repass?sslmode=verify-full",
                Some("verify-full"),
            ),
            (
                "host=db.example.com user=repass password='a sslmode=verify-ca' sslmode = 'verify-full'",
                Some("a sslmode=verify-ca"),
            ),
        ] {
            let config = database(url).unwrap().config;
            assert_eq!(config.get_ssl_mode(), SslMode::Require, "{url}");
            assert_eq!(config.get_password(), password.map(str::as_bytes), "{url}");
        }
        for (url, part) in [
            (
                "host=/run/postgresql sslmode=verify-full",
                "which a Unix socket has not",
            ),
            (
                "postgresql://db.example.com/?sslmode=verify-fool",
                "is none of disable,",
            ),
            (
                "postgresql://db.example.com/?sslmode=allow",
                "is none of disable,",
            ),
            (
                "postgresql://db.example.com/?sslmode=verify-full&sslrootcert=/ca.pem",
                "`shared.postgres.tls`",
            ),
            ("hostaddr=10.0.0.5 user=repass", "add `host`"),
            ("hostaddr=127.0.0.1 sslmode=verify-full", "add `host`"),
            ("user=repass dbname=repass", "names no host"),
        ] {
            let refused = database(url).unwrap_err().to_string();
            assert!(refused.contains(part), "{url}: {refused}");
        }
        let local = database("hostaddr=127.0.0.1 user=repass").unwrap();
        assert_eq!(local.config.get_ssl_mode(), SslMode::Prefer);
    }

    #[test]
    fn standby_among_several_hosts_is_skipped() {
        for several in ["host=db1,db2", "host=db1,db2 hostaddr=10.0.0.1,10.0.0.2"] {
            let config = database(several).unwrap().config;
            assert_eq!(config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        }
        let one = database("host=db1 hostaddr=10.0.0.1").unwrap().config;
        assert_eq!(one.get_target_session_attrs(), TargetSessionAttrs::Any);
    }

    #[test]
    fn invalid_url_is_not_quoted() {
        let refused = database("postgresql://repass:canary-77@host:port/repass").unwrap_err();
        assert!(!refused.to_string().contains("canary"), "{refused}");
        let database = database("postgresql://repass:canary-77@localhost/repass").unwrap();
        assert!(!format!("{database:?}").contains("canary"));
    }
}
