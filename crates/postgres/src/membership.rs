//! A process's lease on its part of the shared state.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::sleep;

use repass_transport::boot_time;

use crate::database::within;
use crate::{Database, DatabaseError};

/// This process's membership among those that share a database: a lease that is renewed in the background.
///
/// Others take what this process has begun for lost once the lease is over by the clock of the database. The process
/// itself counts from before it sent the renewal, so it stops earlier. After a lease is over it joins again, under
/// another id.
pub struct Membership {
    database: Arc<Database>,
    state: Mutex<State>,
}

struct State {
    lease: Option<Lease>,
    problem: DatabaseError,
}

#[derive(Clone, Copy)]
struct Lease {
    id: i64,
    until: Duration,
}

impl Membership {
    /// How long a lease lasts without renewal. A crashed process's requests count as lost after this time; a database
    /// that is gone for less than this changes nothing.
    pub const LEASE: Duration = Duration::from_secs(8);
    const RENEWAL: Duration = Duration::from_secs(1);
    // What was permitted just before the end still has to reach the network.
    const MARGIN: Duration = Duration::from_millis(500);

    /// Joins the processes that share this database, and renews the lease until the last reference is dropped. The
    /// database need not be reachable yet.
    pub async fn join(database: Arc<Database>) -> Arc<Self> {
        let membership = Arc::new(Self {
            database,
            state: Mutex::new(State {
                lease: None,
                problem: DatabaseError::unreachable("the shared state was not reached yet"),
            }),
        });
        membership.renew().await;
        let weak = Arc::downgrade(&membership);
        tokio::spawn(async move {
            loop {
                sleep(Self::RENEWAL).await;
                let Some(membership) = weak.upgrade() else { return };
                membership.renew().await;
            }
        });
        membership
    }

    /// The id of the current lease, under which this process may begin something now.
    ///
    /// # Errors
    /// Why it has no lease.
    pub fn id(&self) -> Result<i64, DatabaseError> {
        let state = self.state();
        let lease = state.lease.filter(|lease| boot_time() < lease.until);
        lease.map(|lease| lease.id).ok_or_else(|| state.problem.clone())
    }

    /// Whether what was begun under this lease id may be sent now.
    pub fn may_send(&self, id: i64) -> bool {
        self.id() == Ok(id)
    }

    #[cfg(feature = "sidecar")]
    pub(crate) fn database(&self) -> &Arc<Database> {
        &self.database
    }

    async fn renew(&self) {
        let before = boot_time();
        let known = self.state().lease;
        let renewed = self.renewed(known).await;
        let mut state = self.state();
        match renewed {
            Ok(id) => {
                let until = before + Self::LEASE.saturating_sub(Self::MARGIN);
                if known.is_some_and(|known| known.id != id) {
                    tracing::warn!("the lease on the shared state was over; joined again");
                }
                state.lease = Some(Lease { id, until });
            }
            Err(problem) => {
                tracing::warn!(%problem, "the lease on the shared state was not renewed");
                state.problem = problem.after("the shared state cannot be used");
            }
        }
    }

    // The id, which is a new one if the lease was over.
    async fn renewed(&self, known: Option<Lease>) -> Result<i64, DatabaseError> {
        let client = self.database.client().await?;
        let lease = Self::LEASE.as_secs_f64();
        let result = within(async {
            if let Some(known) = known {
                let renew = "UPDATE processes SET until = clock_timestamp() + make_interval(secs => $2) \
                             WHERE id = $1 AND until > clock_timestamp()";
                if client.execute(renew, &[&known.id, &lease]).await? == 1 {
                    return Ok(known.id);
                }
            }
            let join = "INSERT INTO processes (until) VALUES (clock_timestamp() + make_interval(secs => $1)) RETURNING id";
            Ok(client.query_one(join, &[&lease]).await?.get(0))
        })
        .await;
        if result.is_err() {
            self.database.disconnect(&client).await;
        }
        result
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Membership")
            .field("id", &self.id().ok())
            .finish_non_exhaustive()
    }
}
