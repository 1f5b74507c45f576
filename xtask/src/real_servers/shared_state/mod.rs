//! The state that several processes share, on a real PostgreSQL.

mod bulk;
mod bulk_campaign;
mod bulk_rates;
mod cluster;
mod rates;
mod replicas;
mod sidecars;
mod stores;
mod user_locks;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use repass_sandbox::{Action, Fault, Options, RequestMatcher, Sandbox};
use secrecy::ExposeSecret as _;

use super::Args;
use super::servers::Result;
use cluster::Cluster;

/// Of all processes.
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Its name among the real servers.
pub(super) const NAME: &str = "postgres";

/// Returns how many outcomes were wrong; a broken guarantee is an error.
pub(super) async fn test(args: &Args) -> Result<usize> {
    Cluster::install()?;
    let start = Instant::now();
    let cluster = Cluster::start()?;
    println!("{NAME}: ready after {:.1} s", start.elapsed().as_secs_f64());
    if args.rate_seconds.is_some() {
        stores::database(&cluster)?.migrate().await?;
        return rates::campaign(&cluster, args).await;
    }
    if !args.bulk_rows.is_empty() {
        stores::database(&cluster)?.migrate().await?;
        return bulk_rates::measure(&cluster, &args.bulk_rows).await;
    }
    stores::check(&cluster).await?;
    sidecars::start_without_database(&cluster).await?;
    let rows = bulk::check(&cluster).await?
        + bulk::check_given(&cluster).await?
        + bulk::check_moves(&cluster).await?
        + bulk_campaign::campaign(&cluster, args).await?
        + bulk_campaign::failover(args).await?;
    let overlaps = user_locks::campaign(&cluster, args.changes).await?;
    let missing = rates::campaign(&cluster, args).await?;
    Ok(rows + overlaps + missing + sidecars::campaign(&cluster, args).await?)
}

/// Writes a configuration with `[shared]` and these providers, and the files that it names.
fn configuration(folder: &Path, cluster: &Cluster, providers: &str) -> Result<PathBuf> {
    private_file(&folder.join("secret"), SECRET)?;
    private_file(&folder.join("url"), &cluster.url())?;
    let shared = "[shared]\npostgres = { url = { file = \"url\" } }\nsecret = { file = \"secret\" }\n";
    let file = folder.join("repass.toml");
    private_file(&file, &format!("{shared}{providers}"))?;
    Ok(file)
}

/// The same with the emulated Zoom under this plan.
fn zoom_configuration(folder: &Path, cluster: &Cluster, sandbox: &Sandbox, plan: &str) -> Result<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "the sandbox's own token")]
    let token = sandbox.token().expose_secret();
    private_file(&folder.join("token"), token)?;
    let url = sandbox.zoom_base_url();
    let zoom = format!(
        "[providers.zoom]\nkind = \"zoom\"\nplan = \"{plan}\"\nbase_url = \"{url}\"\n\
         auth = {{ kind = \"bearer\", token = {{ file = \"token\" }} }}\n"
    );
    configuration(folder, cluster, &zoom)
}

/// An emulated provider that takes this long for a change, which is made even if its caller is gone by then.
async fn slow_sandbox(users: u32, delay: Duration) -> Result<Sandbox> {
    let options = Options {
        users,
        ..Options::default()
    };
    let sandbox = Sandbox::start_with(options).await?;
    sandbox.inject(Fault {
        matching: RequestMatcher {
            method: Some("PUT".to_owned()),
            times: u32::MAX,
            ..RequestMatcher::default()
        },
        action: Action {
            delay_ms: u64::try_from(delay.as_millis())?,
            detach: true,
            ..Action::default()
        },
    })?;
    Ok(sandbox)
}

fn private_file(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text)?;
    Ok(fs::set_permissions(file, fs::Permissions::from_mode(0o600))?)
}
