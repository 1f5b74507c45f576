//! The state that several processes share, on a real PostgreSQL.

mod cluster;
mod sidecars;
mod stores;
mod user_locks;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
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
    let overlaps = user_locks::campaign(&cluster, args.changes).await?;
    Ok(overlaps + sidecars::campaign(&cluster, args).await?)
}

/// Writes a configuration with `[shared]` and these providers, and the files that it names.
fn configuration(folder: &Path, cluster: &Cluster, providers: &str) -> Result<PathBuf> {
    private_file(&folder.join("secret"), "0123456789abcdef0123456789abcdef")?;
    private_file(&folder.join("url"), &cluster.url())?;
    let shared = "[shared]\npostgres = { url = { file = \"url\" } }\nsecret = { file = \"secret\" }\n";
    let file = folder.join("repass.toml");
    private_file(&file, &format!("{shared}{providers}"))?;
    Ok(file)
}

fn private_file(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text)?;
    Ok(fs::set_permissions(file, fs::Permissions::from_mode(0o600))?)
}
