//! State that several processes of repass share, in PostgreSQL: processes on several machines act as one.
//!
//! [`Database`] connects, and refuses a server that may lose what it has confirmed. [`Membership`] is a process's lease:
//! others judge it by the clock of the database, the process itself by a clock that runs on while its machine is
//! suspended, from before the renewal was sent. So a process never sends what others take for lost.
//!
//! No table, log or dump holds a password.

#[cfg(feature = "bulk")]
mod bulk_runs;
mod database;
mod error;
#[cfg(feature = "sidecar")]
mod idempotency_keys;
mod keyed_hash;
mod membership;
mod migrations;
mod rate_shares;
#[cfg(feature = "sidecar")]
mod response_writer;
mod user_locks;

#[cfg(feature = "bulk")]
pub use bulk_runs::SharedRuns;
pub use database::{Database, DatabaseHealth, Settings};
pub use error::{DatabaseError, InvalidSettings};
#[cfg(feature = "sidecar")]
pub use idempotency_keys::PostgresIdempotencyStore;
pub use keyed_hash::keyed_hash;
pub use membership::Membership;
pub use rate_shares::SharedRateLimits;
pub use user_locks::{ChangeEnd, LastChange, LockError, UserLock, UserLocks};
