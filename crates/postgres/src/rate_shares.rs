//! Rate limits of accounts, lent to the processes that share them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use repass_transport::{Loan, PermitLender, PermitRequest, PermitStore, RateLimit, RateLimiter};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::database::within;
use crate::{Database, DatabaseError, Membership};

/// The rate limits of all accounts, whose permits are lent to the processes that share a database.
///
/// The parts of all processes never exceed a limit: a part is taken back only when its requests no longer count at the
/// provider, and that of a process without a lease one window after the lease. Each process gets what it wants, or an even
/// part if all of them want more than there is. While the database cannot be reached a part can be used to the end of its
/// lease.
#[derive(Debug, Clone)]
pub struct SharedRateLimits(Arc<PermitLender<RateShares>>);

impl SharedRateLimits {
    /// Creates the rate limits that are lent from this database. One is enough for a process: it renews the parts of all
    /// accounts together.
    pub fn new(database: Arc<Database>) -> Self {
        let process = Uuid::new_v4();
        let shares = RateShares { database, process };
        Self(Arc::new(PermitLender::new(shares, Membership::LEASE)))
    }

    /// Returns a rate limiter for all processes that name the account alike. The name is stored in clear: pass a hash.
    pub fn rate_limiter(
        &self,
        account: String,
        limits: impl IntoIterator<Item = (&'static str, RateLimit)>,
    ) -> RateLimiter {
        self.0.rate_limiter(account, limits)
    }
}

#[derive(Debug)]
struct RateShares {
    database: Arc<Database>,
    process: Uuid,
}

#[async_trait]
impl PermitStore for RateShares {
    type Error = DatabaseError;

    async fn renew(&self, requests: &[PermitRequest]) -> Result<Vec<Loan>, DatabaseError> {
        const LEND: &str = "SELECT permits, target, closed_for, reserved_now \
                            FROM lend_permits_of_lanes($1, $2, $3, $4, $5, $6, $7, $8, $9) ORDER BY number";
        let lanes: Vec<&str> = requests.iter().map(|request| &*request.name).collect();
        let processes = each(requests, |request| self.holder(request.holder));
        let totals = each(requests, |request| count(request.limit.requests));
        let windows = each(requests, |request| request.limit.window.as_secs_f64());
        let held = each(requests, |request| count(request.demand.held));
        let wanted = each(requests, |request| count(request.demand.wanted));
        let closed = each(requests, |request| request.demand.closed_for.as_secs_f64());
        let reserved = each(requests, |request| request.demand.reserved);
        let leases = each(requests, |request| request.lease.as_secs_f64());
        let parameters: [&(dyn ToSql + Sync); 9] = [
            &lanes, &processes, &totals, &windows, &held, &wanted, &closed, &reserved, &leases,
        ];
        let client = self.database.client().await?;
        let rows = within(async { Ok(client.query(LEND, &parameters).await?) }).await;
        if rows.is_err() {
            self.database.disconnect(&client).await;
        }
        let rows = rows?;
        if rows.len() != requests.len() {
            return Err(DatabaseError::refused("PostgreSQL has lent to other lanes"));
        }
        let loans = rows.iter().map(|row| Loan {
            permits: u32::try_from(row.get::<_, i32>(0)).unwrap_or_default(),
            target: u32::try_from(row.get::<_, i32>(1)).unwrap_or_default(),
            closed_for: Duration::try_from_secs_f64(row.get(2)).unwrap_or_default(),
            reserved: row.get(3),
        });
        Ok(loans.collect())
    }
}

impl RateShares {
    // The rate limiters of a process hold their permits apart.
    fn holder(&self, holder: u64) -> Uuid {
        Uuid::from_u128(self.process.as_u128().wrapping_add(holder.into()))
    }
}

fn each<T>(requests: &[PermitRequest], of: impl Fn(&PermitRequest) -> T) -> Vec<T> {
    requests.iter().map(of).collect()
}

fn count(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
