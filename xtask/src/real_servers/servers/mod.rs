//! The servers: how each is installed, started on loopback, and asked for the truth.

mod better_auth;
mod canaille;
mod ejabberd;
mod keystone;
mod rabbitmq;
mod scim2;
mod synapse;
mod wordpress;

use std::error::Error;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A server that can be installed and started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    BetterAuth,
    /// Before it gave a password to users without one.
    BetterAuthOld,
    Canaille,
    Ejabberd,
    Keystone,
    RabbitMq,
    Scim2,
    Synapse,
    WordPress,
}

/// A server that runs. Ended when dropped.
pub(crate) struct Running {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
    /// Path of the API below the address.
    pub(crate) base_path: &'static str,
    /// The provider's section, without `base_url` and `auth`.
    pub(crate) section: String,
    /// `auth` of the section; the token is in a file.
    pub(crate) auth: String,
    pub(crate) folder: PathBuf,
    http: reqwest::Client,
    children: Vec<Child>,
}

impl Drop for Running {
    fn drop(&mut self) {
        for child in &mut self.children {
            // The group, because a script may have started the server; it may have ended by itself.
            let group = format!("-{}", child.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Server {
    pub(crate) const ALL: [Self; 9] = [
        Self::BetterAuth,
        Self::BetterAuthOld,
        Self::Canaille,
        Self::Ejabberd,
        Self::Keystone,
        Self::RabbitMq,
        Self::Scim2,
        Self::Synapse,
        Self::WordPress,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BetterAuth => "better-auth",
            Self::BetterAuthOld => "better-auth-1.6",
            Self::Canaille => "canaille",
            Self::Ejabberd => "ejabberd",
            Self::Keystone => "keystone",
            Self::RabbitMq => "rabbitmq",
            Self::Scim2 => "scim2-server",
            Self::Synapse => "synapse",
            Self::WordPress => "wordpress",
        }
    }

    /// A user of it, as repass names them, with the number `n`.
    pub(crate) fn user(self, n: usize) -> String {
        match self {
            Self::BetterAuth | Self::BetterAuthOld => format!("user{n}@example.com"),
            _ => format!("user{n}"),
        }
    }

    /// Whether users can change their own passwords there.
    pub(crate) fn has_change(self) -> bool {
        self == Self::Keystone
    }

    /// A user who never had a password there.
    pub(crate) fn user_without_password(self) -> Option<&'static str> {
        matches!(self, Self::BetterAuth | Self::BetterAuthOld).then_some(better_auth::SOCIAL)
    }

    /// Installs what is missing into the folder, each at a fixed version.
    pub(crate) fn install(self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        match self {
            Self::BetterAuth => better_auth::install(folder, "1.7.25"),
            Self::BetterAuthOld => better_auth::install(folder, "1.6.16"),
            Self::Canaille => canaille::install(folder),
            Self::Ejabberd => ejabberd::install(),
            Self::Keystone => keystone::install(folder),
            Self::RabbitMq => rabbitmq::install(),
            Self::Scim2 => scim2::install(folder),
            Self::Synapse => synapse::install(folder),
            Self::WordPress => wordpress::install(),
        }
    }

    /// Starts it, with this many users besides its administrator.
    pub(crate) async fn start(self, folder: &Path, users: usize) -> Result<Running> {
        #[expect(
            clippy::disallowed_methods,
            reason = "asks the server for the truth, on loopback"
        )]
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .build()?;
        let address = free_address()?;
        let mut running = Running {
            server: self,
            address,
            base_path: "",
            section: String::new(),
            auth: String::new(),
            folder: folder.to_owned(),
            http,
            children: vec![],
        };
        match self {
            Self::BetterAuth | Self::BetterAuthOld => better_auth::start(&mut running).await?,
            Self::Canaille => canaille::start(&mut running).await?,
            Self::Ejabberd => ejabberd::start(&mut running).await?,
            Self::Keystone => keystone::start(&mut running).await?,
            Self::RabbitMq => rabbitmq::start(&mut running).await?,
            Self::Scim2 => scim2::start(&mut running).await?,
            Self::Synapse => synapse::start(&mut running).await?,
            Self::WordPress => wordpress::start(&mut running).await?,
        }
        for number in 0..users {
            running.add(&self.user(number), "Start-Passw0rd-7").await?;
        }
        Ok(running)
    }
}

pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

pub(crate) fn run(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?} failed: {said}").into())
}

fn venv(folder: &Path, program: &str, packages: &[&str]) -> Result<()> {
    let venv = folder.join("venv");
    if venv.join(program).exists() {
        return Ok(());
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    run(Command::new(venv.join("bin/pip"))
        .args(["install", "--quiet"])
        .args(packages))
}

impl Running {
    fn url(&self, path: &str) -> String {
        format!("http://{}{}{path}", self.address, self.base_path)
    }

    fn spawn(&mut self, command: &mut Command, log: &str) -> Result<()> {
        let log = File::create(self.folder.join(log))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command.process_group(0);
        let child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
        self.children.push(child);
        Ok(())
    }

    // Until the server answers at all.
    async fn wait(&mut self, path: &str) -> Result<()> {
        let start = Instant::now();
        let url = self.url(path);
        while start.elapsed() < Duration::from_secs(90) {
            if self.http.get(&url).send().await.is_ok() {
                return Ok(());
            }
            for child in &mut self.children {
                if let Some(status) = child.try_wait()? {
                    return Err(format!(
                        "{} ended with {status}; see its log in {}",
                        self.server.name(),
                        self.folder.display()
                    )
                    .into());
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(format!("{} does not answer after 90 s", self.server.name()).into())
    }

    // Writes a secret where only its owner can read it.
    fn secret(&self, name: &str, text: &str) -> Result<PathBuf> {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.folder.join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok(path)
    }

    async fn send(&self, request: reqwest::RequestBuilder, accepted: &[u16]) -> Result<(u16, Value)> {
        let response = request.send().await?;
        let status = response.status().as_u16();
        let body = response.text().await?;
        if !accepted.contains(&status) {
            return Err(format!("{}: unexpected {status}: {body}", self.server.name()).into());
        }
        Ok((status, serde_json::from_str(&body).unwrap_or_default()))
    }

    fn form(&self, url: &str, fields: &[(&str, &str)]) -> Result<reqwest::RequestBuilder> {
        let encoded = reqwest::Url::parse_with_params(url, fields)?;
        let body = encoded.query().unwrap_or_default().to_owned();
        let request = self.http.post(url).body(body);
        Ok(request.header("content-type", "application/x-www-form-urlencoded"))
    }

    // The names of Erlang's nodes, in a service of this run's own; its port.
    fn start_port_mapper(&mut self) -> Result<String> {
        let port = free_address()?.port().to_string();
        let mut mapper = Command::new("epmd");
        mapper.args(["-port", &port, "-address", "127.0.0.1"]);
        self.spawn(&mut mapper, "epmd.log")?;
        Ok(port)
    }

    async fn add(&self, user: &str, password: &str) -> Result<()> {
        match self.server {
            Server::BetterAuth | Server::BetterAuthOld => better_auth::add(self, user, password).await,
            Server::Canaille => canaille::add(self, user, password).await,
            Server::Ejabberd => ejabberd::add(self, user, password).await,
            Server::Keystone => keystone::add(self, user, password).await,
            Server::RabbitMq => rabbitmq::add(self, user, password).await,
            Server::Scim2 => scim2::add(self, user, password).await,
            Server::Synapse => synapse::add(self, user, password).await,
            Server::WordPress => wordpress::add(self, user, password).await,
        }
    }

    /// Takes the right to log in from a user, where the server refuses that like a wrong password; `false` if it does not.
    pub(crate) async fn restrict(&self, user: &str) -> Result<bool> {
        match self.server {
            Server::Canaille => canaille::restrict(self, user).await?,
            Server::Keystone => keystone::restrict(self, user).await?,
            Server::RabbitMq => rabbitmq::restrict(self, user).await?,
            Server::WordPress => wordpress::restrict(self, user).await?,
            Server::BetterAuth
            | Server::BetterAuthOld
            | Server::Ejabberd
            | Server::Scim2
            | Server::Synapse => return Ok(false),
        }
        Ok(true)
    }

    /// Lets the server's database refuse changes, or no longer; `false` if the server has no database that can.
    pub(crate) fn set_read_only(&self, is_read_only: bool) -> Result<bool> {
        if self.server != Server::WordPress {
            return Ok(false);
        }
        wordpress::set_read_only(self, is_read_only)?;
        Ok(true)
    }

    /// Whether this is the user's password, by the server's own word.
    pub(crate) async fn accepts(&self, user: &str, password: &str) -> Result<bool> {
        match self.server {
            Server::BetterAuth | Server::BetterAuthOld => better_auth::accepts(self, user, password).await,
            Server::Canaille => canaille::accepts(self, user, password).await,
            Server::Ejabberd => ejabberd::accepts(self, user, password).await,
            Server::Keystone => keystone::accepts(self, user, password).await,
            Server::RabbitMq => rabbitmq::accepts(self, user, password).await,
            Server::Scim2 => scim2::accepts(self, user, password).await,
            Server::Synapse => synapse::accepts(self, user, password).await,
            Server::WordPress => wordpress::accepts(self, user, password).await,
        }
    }
}

pub(crate) fn identity(option: &str) -> Result<String> {
    let output = Command::new("id").arg(option).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
