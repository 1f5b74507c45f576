//! A PostgreSQL server for tests, in a folder of its own.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::super::packages;
use super::super::servers::{Result, identity, run};

/// A cluster that runs, reached by a Unix socket. Stopped when dropped.
pub(super) struct Cluster {
    folder: PathBuf,
    programs: PathBuf,
    /// The folders of the servers that take its place one after the other, itself included.
    successors: Vec<PathBuf>,
}

impl Cluster {
    pub(super) fn install() -> Result<()> {
        packages::install(&["postgresql"])
    }

    /// Makes a new cluster and starts it. Everything that it confirms is durable, as in production.
    pub(super) fn start() -> Result<Self> {
        Self::start_with_successors(0)
    }

    /// The same, and its URL names this many others too, for [`start_standby`](Self::start_standby).
    pub(super) fn start_with_successors(count: usize) -> Result<Self> {
        // A socket's path is short, so not below the target folder.
        let folder = |at: usize| {
            std::env::temp_dir().join(format!("repass-postgres-{}-{count}-{at}", std::process::id()))
        };
        let cluster = Self::prepare(folder(0), (0..=count).map(folder).collect())?;
        run(cluster
            .command("initdb")?
            .args([
                "-U",
                "repass",
                "-E",
                "UTF8",
                "--locale=C",
                "--auth=trust",
                "--no-sync",
                "-D",
            ])
            .arg(cluster.data()))?;
        let settings = format!(
            "listen_addresses = ''\nunix_socket_directories = '{}'\ntrack_functions = pl\n",
            cluster.socket().display()
        );
        let file = cluster.data().join("postgresql.auto.conf");
        fs::write(file, settings)?;
        cluster.resume()?;
        Ok(cluster)
    }

    fn prepare(folder: PathBuf, successors: Vec<PathBuf>) -> Result<Self> {
        let _ = fs::remove_dir_all(&folder);
        let cluster = Self {
            programs: programs()?,
            folder,
            successors,
        };
        fs::create_dir_all(cluster.socket())?;
        fs::create_dir_all(cluster.data())?;
        fs::set_permissions(cluster.data(), fs::Permissions::from_mode(0o700))?;
        if is_root()? {
            run(Command::new("chown").args(["-R", OWNER]).arg(&cluster.folder))?;
        }
        Ok(cluster)
    }

    /// Starts a copy of it, without which it confirms nothing from then on: the next one of its successors.
    pub(super) fn start_standby(&self) -> Result<Self> {
        let next = self.next().ok_or("no server is left to take over")?;
        let standby = Self::prepare(next.clone(), self.successors.clone())?;
        run(standby
            .command("pg_basebackup")?
            .args(["-U", "repass", "-R", "-c", "fast", "-X", "stream", "-h"])
            .arg(self.socket())
            .arg("-D")
            .arg(standby.data()))?;
        // As it is in production, it will confirm nothing either until it has a standby of its own.
        let standbys = if standby.next().is_some() { "*" } else { "" };
        let settings = format!(
            "unix_socket_directories = '{}'\nsynchronous_standby_names = '{standbys}'\n",
            standby.socket().display()
        );
        let file = standby.data().join("postgresql.auto.conf");
        let mut file = fs::OpenOptions::new().append(true).open(file)?;
        file.write_all(settings.as_bytes())?;
        standby.resume()?;
        self.execute("ALTER SYSTEM SET synchronous_standby_names TO '*'")?;
        self.execute("SELECT pg_reload_conf()")?;
        let start = Instant::now();
        while self.query("SELECT sync_state FROM pg_stat_replication")?.trim() != "sync" {
            if start.elapsed() > Duration::from_secs(30) {
                return Err("the standby does not become synchronous".into());
            }
            sleep(Duration::from_millis(50));
        }
        Ok(standby)
    }

    fn next(&self) -> Option<&PathBuf> {
        let place = self.successors.iter().position(|folder| *folder == self.folder);
        place.and_then(|place| self.successors.get(place + 1))
    }

    /// Makes a standby the server that accepts writes.
    pub(super) fn promote(&self) -> Result<()> {
        self.control(&["promote"])
    }

    /// The URL of its database, by which its successors are found as well.
    pub(super) fn url(&self) -> String {
        let sockets = self.successors.iter().map(|folder| folder.join("socket"));
        let hosts: Vec<String> = sockets
            .map(|socket| format!("host={}", socket.display()))
            .collect();
        format!("postgresql://repass@/postgres?{}", hosts.join("&"))
    }

    /// The URL of its database alone. The administrator's programs do not take several hosts in the other form.
    pub(super) fn own_url(&self) -> String {
        format!("postgresql://repass@/postgres?host={}", self.socket().display())
    }

    /// Ends it as a power failure would.
    pub(super) fn crash(&self) -> Result<()> {
        self.control(&["-m", "immediate", "stop"])
    }

    /// Starts it again.
    pub(super) fn resume(&self) -> Result<()> {
        self.control(&["-l", "server.log", "start"])
    }

    /// Ends it in order and starts it again.
    pub(super) fn restart(&self) -> Result<()> {
        self.control(&["-m", "fast", "stop"])?;
        self.resume()
    }

    /// Runs this statement as its administrator.
    pub(super) fn execute(&self, statement: &str) -> Result<()> {
        let mut command = Command::new(self.programs.join("psql"));
        run(command.args([
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            &self.own_url(),
            "-c",
            statement,
        ]))
    }

    /// Runs this query as its administrator, and returns its rows with `|` between their columns.
    pub(super) fn query(&self, query: &str) -> Result<String> {
        let mut command = Command::new(self.programs.join("psql"));
        let output = command
            .args([
                "-q",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-d",
                &self.own_url(),
                "-c",
                query,
            ])
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// All that a dump and the files of the cluster hold, the log of transactions included.
    pub(super) fn everything(&self) -> Result<Vec<u8>> {
        let dump = Command::new(self.programs.join("pg_dump"))
            .args(["-d", &self.own_url()])
            .output()?;
        let mut all = dump.stdout;
        read_all(&self.data(), &mut all)?;
        Ok(all)
    }

    fn control(&self, action: &[&str]) -> Result<()> {
        let mut command = self.command("pg_ctl")?;
        // Its output would stay open as long as the server runs.
        let status = command
            .arg("-D")
            .arg(self.data())
            .args(["-w", "-t", "30", "-s"])
            .args(action)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status()?;
        if status.success() {
            return Ok(());
        }
        let log = fs::read_to_string(self.data().join("server.log")).unwrap_or_default();
        Err(format!("pg_ctl {action:?} failed: {log}").into())
    }

    // The server refuses to run as root.
    fn command(&self, program: &str) -> Result<Command> {
        let program = self.programs.join(program);
        let mut command = if is_root()? {
            let mut command = Command::new("setpriv");
            command
                .args([&format!("--reuid={OWNER}"), "--clear-groups"])
                .arg("--")
                .arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.data());
        Ok(command)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.crash();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

const OWNER: &str = "postgres";

fn is_root() -> Result<bool> {
    Ok(identity("-u")? == "0")
}

// Debian installs them beside those of other versions, not in the path.
fn programs() -> Result<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")?
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|folder| folder.join("initdb").exists())
        .collect();
    found.sort();
    found
        .pop()
        .ok_or_else(|| "no initdb in /usr/lib/postgresql".into())
}

fn read_all(folder: &Path, all: &mut Vec<u8>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read_all(&path, all)?;
        } else if path.is_file() {
            all.extend(fs::read(path)?);
        }
    }
    Ok(())
}
