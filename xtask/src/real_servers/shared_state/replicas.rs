//! Sidecars of one configuration, as processes.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::rngs::StdRng;
use repass_postgres::Membership;
use serde_json::Value;
use tokio::time::sleep;

use super::super::servers::{Result, free_address, run};

/// Sidecars of one configuration. Killed when dropped.
pub(super) struct Replicas {
    addresses: Vec<SocketAddr>,
    children: Mutex<Vec<Child>>,
    http: reqwest::Client,
}

impl Replicas {
    /// Starts them, and waits until they are ready.
    pub(super) async fn start(config: &Path, count: usize) -> Result<Self> {
        let replicas = Self::spawn(config, count)?;
        replicas.all_ready().await?;
        Ok(replicas)
    }

    /// Starts them.
    pub(super) fn spawn(config: &Path, count: usize) -> Result<Self> {
        let addresses = (0..count).map(|_| free_address()).collect::<Result<Vec<_>>>()?;
        let children = addresses.iter().map(|address| spawn(config, *address));
        #[expect(
            clippy::disallowed_methods,
            reason = "this client talks to sidecars on this machine"
        )]
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(20))
            .build()?;
        Ok(Self {
            children: Mutex::new(children.collect::<Result<_>>()?),
            addresses,
            http,
        })
    }

    /// Waits until all are ready.
    pub(super) async fn all_ready(&self) -> Result<()> {
        for address in &self.addresses {
            let start = Instant::now();
            let url = format!("http://{address}/readyz");
            loop {
                let ready = self.http.get(&url).send().await;
                if ready.is_ok_and(|response| response.status().is_success()) {
                    break;
                }
                if start.elapsed() > Duration::from_secs(30) {
                    return Err(format!("{address} does not become ready").into());
                }
                sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    /// Kills one and starts it again.
    pub(super) fn kill_one(&self, config: &Path, random: &mut StdRng) -> Result<()> {
        let at = random.random_range(0..self.addresses.len());
        let mut children = lock(&self.children);
        children[at].kill()?;
        children[at].wait()?;
        children[at] = spawn(config, self.addresses[at])?;
        Ok(())
    }

    /// Pauses one for longer than its lease, so that the others take what it has begun for lost.
    pub(super) async fn pause_one(&self, random: &mut StdRng) -> Result<()> {
        let process = lock(&self.children)[random.random_range(0..self.addresses.len())]
            .id()
            .to_string();
        run(Command::new("kill").args(["-STOP", &process]))?;
        sleep(Membership::LEASE + Duration::from_millis(random.random_range(500..2000))).await;
        run(Command::new("kill").args(["-CONT", &process]))
    }

    /// The status and the problem or result; `None` without a response.
    pub(super) async fn post(&self, at: usize, key: Option<&str>, body: &Value) -> Option<(u16, Value)> {
        let url = format!(
            "http://{}/v1/providers/zoom/password-changes",
            self.addresses[at % self.addresses.len()]
        );
        let mut request = self.http.post(url).json(body);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        Some((status, response.json().await.ok()?))
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        for child in lock(&self.children).iter_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The binary beside this one.
pub(super) fn binary() -> Result<PathBuf> {
    let repass = std::env::current_exe()?.with_file_name("repass");
    if !repass.exists() {
        return Err(format!(
            "{} not found; build it with `cargo build -p repass-cli`",
            repass.display()
        )
        .into());
    }
    Ok(repass)
}

fn spawn(config: &Path, address: SocketAddr) -> Result<Child> {
    let child = Command::new(binary()?)
        .arg("--config")
        .arg(config)
        .args(["serve", "--listen", &address.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    Ok(child?)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
