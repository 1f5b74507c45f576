//! The connections of bulk runs, used from threads that block.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use repass_bulk::BulkError;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard, OnceCell};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use crate::database::{RightsFor, within};
use crate::{Database, DatabaseError, Membership};

/// A parameter of a statement.
pub(super) type Parameter = Box<dyn ToSql + Send + Sync>;

/// The connections, and the thread that drives them.
pub(super) struct Link {
    // `None` only while it is dropped.
    runtime: Option<Runtime>,
    shared: Arc<Shared>,
}

/// What work on the connections needs.
pub(super) struct Shared {
    commits_database: Database,
    seals: Slot,
    others: Slot,
    // Beats on a connection of its own: they must not wait for a long statement.
    membership_database: Arc<Database>,
    membership: OnceCell<Arc<Membership>>,
}

// The tables hold the rows of all runs. For a new run the planner expects as many as the others have, and would read whole
// tables.
pub(super) const BY_INDEX: &str = "SET enable_seqscan = off";

/// What the functions of a commit expect of their connection.
const BY_KEYS: &str = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off";

/// The connection for the commits of a session, driven by the thread that commits: rows in flight wait for it, so it waits
/// neither for other queries nor for another thread.
pub(super) struct CommitLink {
    // `None` only while it is dropped.
    runtime: Option<Runtime>,
    pub(super) slot: Slot,
}

impl CommitLink {
    pub(super) fn new(link: &Link) -> Result<Self, BulkError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        Ok(Self {
            runtime: Some(runtime.map_err(|error| {
                BulkError::internal(format!("cannot prepare the connection for commits: {error}"))
            })?),
            slot: Slot::new(&link.shared.commits_database, BY_KEYS),
        })
    }

    /// Connects ahead of the first commit, on the calling thread.
    pub(super) fn connect(&self) {
        if let Some(runtime) = &self.runtime {
            runtime.block_on(self.slot.connect());
        }
    }

    /// Does this work on the calling thread, which must not be one that runs async code.
    pub(super) fn wait<T>(&self, work: impl Future<Output = Result<T, BulkError>>) -> Result<T, BulkError> {
        match &self.runtime {
            Some(runtime) => runtime.block_on(work),
            None => Err(BulkError::internal("the connection for commits is gone")),
        }
    }
}

impl Drop for CommitLink {
    fn drop(&mut self) {
        // Without waiting, which is not allowed on an async thread.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for CommitLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommitLink").finish_non_exhaustive()
    }
}

/// A connection that is made again if it is lost.
pub(super) struct Slot {
    database: Database,
    /// The first statements of each connection.
    settings: &'static str,
    connection: Mutex<Option<Connection>>,
}

/// A connection with the statements that it has prepared.
pub(super) struct Connection {
    pub(super) client: Arc<Client>,
    /// A transaction was begun and has not ended, so the next work needs another connection.
    pub(super) is_in_transaction: bool,
    is_set_up: bool,
    statements: HashMap<&'static str, Statement>,
}

impl Link {
    pub(super) fn new(database: &Database) -> Result<Self, BulkError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("bulk-postgres")
            .enable_all()
            .build()
            .map_err(|error| {
                BulkError::internal(format!("cannot start the thread for the shared state: {error}"))
            })?;
        let shared = Shared {
            commits_database: database.with_own_connection(),
            seals: Slot::new(database, ""),
            others: Slot::new(database, BY_INDEX),
            membership_database: Arc::new(database.with_own_connection()),
            membership: OnceCell::new(),
        };
        Ok(Self {
            runtime: Some(runtime),
            shared: Arc::new(shared),
        })
    }

    /// An access with connections of its own.
    pub(super) fn database(&self) -> Database {
        self.shared.commits_database.with_own_connection()
    }

    pub(super) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Does this work on the connections' own thread, and blocks until it is done.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, BulkError>> + Send + 'static,
    ) -> Result<T, BulkError> {
        let gone = || BulkError::internal("the thread for the shared state is gone");
        let (done, result) = sync_channel(1);
        self.runtime.as_ref().ok_or_else(gone)?.spawn(async move {
            // The receiver may be gone.
            let _ = done.send(work.await);
        });
        result.recv().unwrap_or_else(|_| Err(gone()))
    }

    /// The rows of one statement.
    pub(super) fn query(
        &self,
        statement: &'static str,
        parameters: Vec<Parameter>,
    ) -> Result<Vec<Row>, BulkError> {
        self.query_on(|shared| &shared.others, statement, parameters)
    }

    /// The rows of one statement that keeps sealed passwords.
    pub(super) fn query_seals(
        &self,
        statement: &'static str,
        parameters: Vec<Parameter>,
    ) -> Result<Vec<Row>, BulkError> {
        self.query_on(|shared| &shared.seals, statement, parameters)
    }

    fn query_on(
        &self,
        slot: fn(&Shared) -> &Slot,
        statement: &'static str,
        parameters: Vec<Parameter>,
    ) -> Result<Vec<Row>, BulkError> {
        let shared = self.shared();
        self.wait(async move {
            let rows = within(async {
                let mut connection = slot(&shared).open().await?;
                Ok(connection.query(statement, &borrowed(&parameters)).await?)
            });
            match rows.await {
                Ok(rows) => Ok(rows),
                Err(problem) => Err(slot(&shared).give_up(&problem).await),
            }
        })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Without waiting, which is not allowed on an async thread.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

impl Shared {
    /// The connection for everything but commits and seals.
    pub(super) async fn connection(&self) -> Result<MappedMutexGuard<'_, Connection>, DatabaseError> {
        self.others.open().await
    }

    /// The error of work that is not a commit, after which its connection may have to be given up.
    pub(super) async fn give_up(&self, problem: &DatabaseError) -> BulkError {
        self.others.give_up(problem).await
    }

    /// Checks that the role has all rights that bulk runs need.
    pub(super) async fn check_rights(&self, client: &Client) -> Result<(), DatabaseError> {
        let database = &self.commits_database;
        database.check_rights(client, RightsFor::BulkRuns).await
    }

    /// Connects ahead of the first seal.
    pub(super) async fn connect_for_seals(self: Arc<Self>) {
        self.seals.connect().await;
    }

    /// The lease of this process.
    pub(super) async fn membership(&self) -> &Arc<Membership> {
        let join = || Membership::join(Arc::clone(&self.membership_database));
        self.membership.get_or_init(join).await
    }
}

impl Slot {
    fn new(database: &Database, settings: &'static str) -> Self {
        Self {
            database: database.with_own_connection(),
            settings,
            connection: Mutex::default(),
        }
    }

    /// Gives up the connection, after work on it was cut off.
    pub(super) async fn disconnect(&self) {
        if let Some(open) = self.connection.lock().await.take() {
            self.database.disconnect(&open.client).await;
        }
    }

    async fn give_up(&self, problem: &DatabaseError) -> BulkError {
        if problem.is_unreachable() {
            self.disconnect().await;
        }
        unusable(problem)
    }

    // What prevents it is the result of the first use, which tries again.
    async fn connect(&self) {
        if within(async { self.open().await.map(drop) }).await.is_err() {
            self.disconnect().await;
        }
    }

    /// The connection. One piece of work at a time has it, so that their transactions do not mix.
    pub(super) async fn open(&self) -> Result<MappedMutexGuard<'_, Connection>, DatabaseError> {
        let mut open = self.connection.lock().await;
        if let Some(left) = open.take_if(|open| open.is_in_transaction) {
            self.database.disconnect(&left.client).await;
        }
        if open.as_ref().is_none_or(|open| open.client.is_closed()) {
            *open = Some(Connection {
                client: Box::pin(self.database.client()).await?,
                is_set_up: self.settings.is_empty(),
                is_in_transaction: false,
                statements: HashMap::new(),
            });
        }
        let mut connection = MutexGuard::try_map(open, Option::as_mut)
            .map_err(|_| DatabaseError::unreachable("there is no connection to the shared state"))?;
        // In its place already, so that it is given up if it hangs here.
        if !connection.is_set_up {
            connection.client.batch_execute(self.settings).await?;
            connection.is_set_up = true;
        }
        Ok(connection)
    }
}

impl Connection {
    /// The statement, prepared once.
    async fn prepared(&mut self, sql: &'static str) -> Result<Statement, tokio_postgres::Error> {
        if let Some(known) = self.statements.get(sql) {
            return Ok(known.clone());
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    pub(super) async fn query(
        &mut self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        let statement = self.prepared(sql).await?;
        self.client.query(&statement, parameters).await
    }

    pub(super) async fn execute(
        &mut self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, tokio_postgres::Error> {
        let statement = self.prepared(sql).await?;
        self.client.execute(&statement, parameters).await
    }
}

pub(super) fn borrowed(parameters: &[Parameter]) -> Vec<&(dyn ToSql + Sync)> {
    parameters
        .iter()
        .map(|parameter| &**parameter as &(dyn ToSql + Sync))
        .collect()
}

/// The shared state cannot be used now.
pub(super) fn unusable(error: &DatabaseError) -> BulkError {
    BulkError::internal(format!("cannot use the journal in the shared state: {error}"))
}
