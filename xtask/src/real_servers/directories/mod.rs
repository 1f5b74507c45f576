//! Directory servers: how each is installed, started on loopback, and asked for the truth.

mod bulk_kills;
mod certificates;
mod client;
mod cut_proxy;
mod cuts;
mod dirsrv;
mod exactly_once;
mod ldif;
mod samba;
mod slapd;
mod states;
mod suite;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio_rustls::TlsConnector;

use super::servers::{Result, free_address};
use super::{Args, USERS};
use certificates::Certificates;
use client::{Attributes, Client, LdapResult};

/// The password that every user starts with.
pub(crate) const START: &str = "Start-Passw0rd-7";
/// The password of the service account.
pub(crate) const SERVICE: &str = "Service-Passw0rd-7";
/// The password of the server's administrator, who sets up the fixture.
const MANAGER: &str = "Manager-Passw0rd-7";

/// A directory server that can be installed and started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DirectoryServer {
    Slapd,
    Dirsrv,
    Samba,
}

/// A directory server that runs. Ended when dropped.
pub(crate) struct Directory {
    pub(crate) server: DirectoryServer,
    pub(crate) folder: PathBuf,
    pub(crate) ldap_port: u16,
    pub(crate) ldaps_port: u16,
    pub(crate) certificates: Certificates,
    connector: TlsConnector,
    child: Option<Child>,
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl DirectoryServer {
    pub(crate) const ALL: [Self; 3] = [Self::Slapd, Self::Dirsrv, Self::Samba];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Slapd => "slapd",
            Self::Dirsrv => "389ds",
            Self::Samba => "samba",
        }
    }

    pub(crate) fn install(self) -> Result<()> {
        super::packages::install(match self {
            Self::Slapd => &["slapd", "ldap-utils"],
            Self::Dirsrv => &["389-ds-base", "ldap-utils", "libnss3-tools", "openssl"],
            Self::Samba => &[
                "ldap-utils",
                "ldb-tools",
                "python3-samba",
                "samba",
                "samba-ad-provision",
                "samba-dsdb-modules",
                "samba-vfs-modules",
            ],
        })
    }

    /// The entry below which the users are.
    pub(crate) fn user_base(self) -> &'static str {
        match self {
            Self::Slapd | Self::Dirsrv => "ou=people,dc=example,dc=org",
            Self::Samba => "CN=Users,DC=example,DC=org",
        }
    }

    /// The name of a user's entry.
    pub(crate) fn user_dn(self, user: &str) -> String {
        match self {
            Self::Slapd | Self::Dirsrv => format!("uid={user},{}", self.user_base()),
            Self::Samba => format!("CN={user},{}", self.user_base()),
        }
    }

    /// The account that repass binds as: it may reset passwords, and no more than that takes.
    pub(crate) fn service_dn(self) -> &'static str {
        match self {
            Self::Slapd | Self::Dirsrv => "cn=service,dc=example,dc=org",
            Self::Samba => "CN=service,CN=Users,DC=example,DC=org",
        }
    }

    // The administrator.
    fn manager_dn(self) -> &'static str {
        match self {
            Self::Slapd => "cn=manager,dc=example,dc=org",
            Self::Dirsrv => "cn=Directory Manager",
            Self::Samba => "CN=Administrator,CN=Users,DC=example,DC=org",
        }
    }

    /// Starts it with an empty state, `users` ordinary users and one user for each special case.
    pub(crate) async fn start(self, folder: &Path, users: usize) -> Result<Directory> {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder)?;
        let folder = fs::canonicalize(folder)?;
        let certificates = Certificates::create(&folder)?;
        let mut directory = Directory {
            server: self,
            ldap_port: free_address()?.port(),
            ldaps_port: free_address()?.port(),
            connector: client::connector(&certificates.authority)?,
            certificates,
            folder,
            child: None,
        };
        match self {
            Self::Slapd => directory.start_slapd(users).await?,
            Self::Dirsrv => directory.start_dirsrv(users).await?,
            Self::Samba => directory.start_samba(users).await?,
        }
        Ok(directory)
    }
}

/// Starts it and compares every outcome with its own word; counts the wrong ones.
pub(super) async fn test(server: DirectoryServer, folder: &Path, args: &Args) -> Result<usize> {
    let start = Instant::now();
    server.install()?;
    let installed = start.elapsed();
    if let Some(kills) = args.bulk_kills {
        return bulk_kills::run(server, folder, kills, args).await;
    }
    let directory = server.start(folder, USERS).await?;
    println!(
        "{}: installed in {:.1} s, ready after {:.1} s",
        server.name(),
        installed.as_secs_f64(),
        start.elapsed().as_secs_f64() - installed.as_secs_f64()
    );
    let mut wrong = states::check(&directory).await?;
    wrong += suite::run(&directory).await?;
    wrong += cuts::run(&directory, args).await?;
    wrong += exactly_once::run(&directory, args).await?;
    Ok(wrong)
}

/// An ordinary user.
pub(crate) fn user(number: usize) -> String {
    format!("user{number}")
}

impl Directory {
    pub(crate) fn ldaps_url(&self) -> String {
        format!("ldaps://localhost:{}", self.ldaps_port)
    }

    /// The server's answer to a bind as this user.
    pub(crate) async fn bind(&self, user: &str, password: &str) -> Result<LdapResult> {
        let mut client = Client::connect(self.ldaps_port, &self.connector).await?;
        client.bind(&self.server.user_dn(user), password).await
    }

    /// Whether the password of this user is this one, by the server's answer to a bind: accepted, or refused for a reason
    /// that needs the right password.
    pub(crate) async fn accepts(&self, user: &str, password: &str) -> Result<bool> {
        const NEEDS_THE_RIGHT_ONE: [&str; 4] = ["data 532", "data 533", "data 701", "data 773"];
        let answer = self.bind(user, password).await?;
        Ok(answer.code == 0 || NEEDS_THE_RIGHT_ONE.iter().any(|data| answer.text.contains(data)))
    }

    /// What changes with every write of this user's password, and with nothing else; empty for a user who does not
    /// exist.
    pub(crate) async fn password_record(&self, user: &str) -> Result<Vec<u8>> {
        let name = match self.server {
            DirectoryServer::Slapd | DirectoryServer::Dirsrv => "userPassword",
            DirectoryServer::Samba => "msDS-KeyVersionNumber",
        };
        self.value(user, name).await.map(|values| values.concat())
    }

    /// The wrong passwords that the server has counted for this user.
    pub(crate) async fn failures(&self, user: &str) -> Result<usize> {
        if self.server == DirectoryServer::Slapd {
            return Ok(self.value(user, "pwdFailureTime").await?.len());
        }
        let name = if self.server == DirectoryServer::Samba {
            "badPwdCount"
        } else {
            "passwordRetryCount"
        };
        let count = self.value(user, name).await?.concat();
        Ok(String::from_utf8(count)?.parse().unwrap_or(0))
    }

    async fn value(&self, user: &str, name: &str) -> Result<Vec<Vec<u8>>> {
        let mut client = Client::connect(self.ldaps_port, &self.connector).await?;
        client.bind(self.server.manager_dn(), MANAGER).await?;
        let entry = client.read(&self.server.user_dn(user), &[name]).await?;
        Ok(entry
            .and_then(|mut entry| entry.remove(&name.to_lowercase()))
            .unwrap_or_default())
    }

    /// A file with this secret that only its owner can read.
    fn secret_file(&self, secret: &str) -> Result<String> {
        use std::io::Write as _;
        use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};

        let path = self.path(&format!("secret-{}", secret.to_lowercase()));
        let mut file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(secret.as_bytes())?;
        Ok(path)
    }

    /// An entry as the administrator sees it.
    pub(crate) async fn read(&self, dn: &str, names: &[&str]) -> Result<Attributes> {
        let mut client = Client::connect(self.ldaps_port, &self.connector).await?;
        let bound = client.bind(self.server.manager_dn(), MANAGER).await?;
        if bound.code != 0 {
            return Err(format!("{}: the administrator cannot bind: {bound:?}", self.server.name()).into());
        }
        let entry = client.read(dn, names).await?;
        Ok(entry.ok_or_else(|| format!("{}: no entry {dn}", self.server.name()))?)
    }

    fn spawn(&mut self, command: &mut Command) -> Result<()> {
        let log = File::create(self.folder.join("server.log"))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
        self.child = Some(child);
        Ok(())
    }

    // Until it answers over TLS.
    async fn wait(&mut self) -> Result<()> {
        let start = Instant::now();
        let name = self.server.name();
        while start.elapsed() < Duration::from_secs(60) {
            if let Ok(mut client) = Client::connect(self.ldaps_port, &self.connector).await
                && client.read("", &["supportedLDAPVersion"]).await.is_ok()
            {
                return Ok(());
            }
            if let Some(status) = self.child.as_mut().map(Child::try_wait).transpose()?.flatten() {
                let log = self.folder.join("server.log");
                return Err(format!("{name} ended with {status}; see {}", log.display()).into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(format!("{name} does not answer after 60 s").into())
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}
