//! An emulated directory server over LDAP: slapd or a domain controller of Active Directory.

mod account;
mod active_directory;
mod ber;
mod connection;
mod faults;
mod ledger;
mod message;
mod options;
mod policy;
mod session;
mod slapd;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::fixtures::MOST_NUMBERED;
use crate::sandbox::StartError;
use crate::tls;
use account::{BASE, SERVICE_PASSWORD, SPECIAL_PASSWORD};
use session::Shared;

pub use faults::{DirectoryCut, DirectoryFault, DirectoryOperation, DirectoryResponse};
pub use ledger::DirectoryChange;
pub use options::{DirectoryKind, DirectoryOptions, DirectoryTexts};

/// An emulated directory server that is listening. Dropping it stops it at once.
///
/// One port takes `ldaps://`, and `ldap://` with or without StartTLS. Like the HTTP providers' ledger, this one is an
/// oracle: the only function that sets a password appends the entry.
///
/// Besides alice, bob and carol, who have the passwords that they have at the HTTP providers, there is a user for each
/// special case, named after it. All of them have the password `Special-Start-7`:
///
/// | user | directory | special |
/// | --- | --- | --- |
/// | `minage` | both | the password is too young to be changed |
/// | `mustchange` | both | must change the password |
/// | `expired` | both | the password has expired |
/// | `locked` | both | locked out, for good |
/// | `nochange` | both | may not change the password |
/// | `nopassword` | both | has none |
/// | `grace` | slapd | the password has expired, three logins are left |
/// | `safemodify` | slapd | the current password must be given |
/// | `unchecked` | slapd | no rule applies |
/// | `reusable` | slapd | no history, no lockout |
/// | `long` | Active Directory | 20 characters at least, by a policy that cannot be read |
/// | `disabled`, `accountexpired` | Active Directory | disabled; expired itself |
/// | `protected` | Active Directory | out of reach of delegated rights |
///
/// Three accounts with the password `Service-Start-7` act on others: `service` may reset passwords, `powerless` may not,
/// and `bypass` (slapd only) does so past every rule.
///
/// # Example
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use repass_sandbox::{Directory, DirectoryKind};
///
/// let directory = Directory::start(DirectoryKind::Slapd).await?;
/// assert!(directory.ldaps_url().starts_with("ldaps://localhost:"));
/// assert!(directory.accepts("alice", "Alice-Start-7"));
/// assert!(directory.ledger().is_empty());
/// # Ok::<(), repass_sandbox::StartError>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct Directory {
    shared: Arc<Shared>,
    address: SocketAddr,
    ca_pem: String,
    close_next: Arc<watch::Sender<u32>>,
    server: JoinHandle<()>,
}

impl Directory {
    /// Starts an emulated directory server of this kind with the default options. It is listening when this returns.
    ///
    /// # Errors
    /// When no port can be listened on.
    pub async fn start(kind: DirectoryKind) -> Result<Self, StartError> {
        Self::start_with(DirectoryOptions::new(kind)).await
    }

    /// Starts an emulated directory server with these options.
    ///
    /// # Errors
    /// When the address is taken or not this machine's, when certificates cannot be made, and when there are more
    /// numbered users than their six digits can name.
    pub async fn start_with(options: DirectoryOptions) -> Result<Self, StartError> {
        if options.users > MOST_NUMBERED {
            return Err(StartError::TooManyUsers(options.users));
        }
        let identity = tls::identity(false).map_err(StartError::Tls)?;
        let listen = options.listen;
        let listener = TcpListener::bind(listen).await;
        let listener = listener.map_err(|error| StartError::Listen(listen, error))?;
        let address = listener.local_addr();
        let address = address.map_err(|error| StartError::Listen(listen, error))?;
        let shared = Arc::new(Shared::new(options));
        let close_next = Arc::new(watch::Sender::new(0));
        let server = tokio::spawn(accept(
            listener,
            identity.acceptors.open,
            Arc::clone(&shared),
            Arc::clone(&close_next),
        ));
        Ok(Self {
            shared,
            address,
            ca_pem: identity.ca_pem,
            close_next,
            server,
        })
    }

    /// The kind of directory server that is emulated.
    pub fn kind(&self) -> DirectoryKind {
        self.shared.options.kind
    }

    /// The address on which the directory listens, with its real port.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The `ldaps` URL, where TLS begins with the first byte.
    pub fn ldaps_url(&self) -> String {
        format!("ldaps://localhost:{}", self.address.port())
    }

    /// The `ldap` URL, where `StartTLS` is offered.
    pub fn ldap_url(&self) -> String {
        format!("ldap://localhost:{}", self.address.port())
    }

    /// The PEM certificate of the authority to trust.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The DN of the entry below which the users are.
    pub fn user_base(&self) -> String {
        let dn = self.user_dn("x");
        dn.split_once(',').map_or(BASE, |(_, base)| base).to_owned()
    }

    /// Returns the DN of a user's entry.
    pub fn user_dn(&self, user: &str) -> String {
        self.shared.accounts().dn(user)
    }

    /// The DN of the account that may reset passwords.
    pub fn service_dn(&self) -> String {
        self.user_dn("service")
    }

    /// The password of the account that may reset passwords, and of the other accounts that act on others.
    pub fn service_password(&self) -> &'static str {
        SERVICE_PASSWORD
    }

    /// The initial password of the users that exist for a special case.
    pub fn special_password(&self) -> &'static str {
        SPECIAL_PASSWORD
    }

    /// The changes that the directory has applied so far, oldest first.
    pub fn ledger(&self) -> Vec<DirectoryChange> {
        self.shared.accounts().ledger.changes().to_vec()
    }

    /// The number of changes applied so far to a user.
    pub fn changes_of(&self, user: &str) -> usize {
        let accounts = self.shared.accounts();
        accounts
            .ledger
            .changes()
            .iter()
            .filter(|change| change.user == user)
            .count()
    }

    /// The number of requests so far to change a user's password, whether applied or not.
    pub fn change_requests_of(&self, user: &str) -> u64 {
        self.shared
            .accounts()
            .change_requests
            .get(user)
            .copied()
            .unwrap_or(0)
    }

    /// The number of connections accepted so far.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Whether this is the user's current password; `false` too for a user who does not exist or has none. Unlike a
    /// bind, this counts nothing, and an earlier password is wrong from the moment it was replaced.
    pub fn accepts(&self, user: &str, password: &str) -> bool {
        let password = self.shared.fingerprinter.of(password);
        let mut accounts = self.shared.accounts();
        let account = accounts.by_login(user, &self.shared.fingerprinter);
        account.is_some_and(|account| account.password.as_ref().is_some_and(|known| known.is(password)))
    }

    /// Returns the fingerprint that the ledger of this run has for a password.
    pub fn fingerprint(&self, password: &str) -> String {
        self.shared.fingerprinter.of(password).to_string()
    }

    /// The number of binds with a wrong password so far, by anyone.
    pub fn failed_binds(&self) -> u64 {
        self.shared.accounts().failed_binds
    }

    /// The number of wrong passwords in a row of a user, which a lockout counts.
    pub fn failures_of(&self, user: &str) -> u32 {
        let mut accounts = self.shared.accounts();
        let account = accounts.by_login(user, &self.shared.fingerprinter);
        account.map_or(0, |account| account.failures)
    }

    /// Arms a fault, to strike the next matching requests.
    pub fn inject(&self, fault: DirectoryFault) {
        self.shared.faults.arm(fault);
    }

    /// Disarms every fault of the directory.
    pub fn clear_faults(&self) {
        self.shared.faults.disarm_all();
    }

    /// Closes the next `count` connections as soon as they are accepted, before anything is read.
    pub fn close_next_connections(&self, count: u32) {
        self.close_next.send_modify(|left| *left += count);
    }

    /// Advances the directory's clock: ages, lockouts and the time for which a previous password binds.
    pub fn advance_clock(&self, seconds: u64) {
        self.shared.clock.advance(seconds);
    }

    /// Restores the directory's initial state: users, ledger, no faults. The clock and the key stay.
    pub fn reset(&self) {
        self.shared.reset();
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn accept(
    listener: TcpListener,
    tls: TlsAcceptor,
    shared: Arc<Shared>,
    close_next: Arc<watch::Sender<u32>>,
) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((socket, _)) => {
                shared.connections.fetch_add(1, Ordering::Relaxed);
                let is_closed = close_next.send_if_modified(|left| {
                    let closes = *left > 0;
                    *left = left.saturating_sub(1);
                    closes
                });
                if !is_closed {
                    // An error means that the client left.
                    connections.spawn(connection::serve(socket, tls.clone(), Arc::clone(&shared)));
                }
            }
            // Out of descriptors, most likely: trying again at once would only burn the processor.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}
