//! The state that several processes share, on a real PostgreSQL.

mod cluster;
mod sidecars;
mod stores;

use std::time::Instant;

use super::Args;
use super::servers::Result;
use cluster::Cluster;

/// Its name among the real servers.
pub(super) const NAME: &str = "postgres";

/// Returns how many outcomes were wrong; a broken guarantee is an error.
pub(super) async fn test(args: &Args) -> Result<usize> {
    Cluster::install()?;
    let start = Instant::now();
    let cluster = Cluster::start()?;
    println!("{NAME}: ready after {:.1} s", start.elapsed().as_secs_f64());
    stores::check(&cluster).await?;
    sidecars::campaign(&cluster, args).await
}
