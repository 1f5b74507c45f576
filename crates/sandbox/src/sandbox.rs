//! A running sandbox, seen from the program that started it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::faults::{Fault, FaultError};
use crate::fixtures::MOST_NUMBERED;
use crate::identity::{self, directory::guid};
use crate::ledger::Ledger;
use crate::options::{IdentityIds, Options, Provider};
use crate::request_counters::Requests;
use crate::server;
use crate::shared::Shared;
use crate::startup_info::StartupInfo;
use crate::tls;
use crate::zoom;

/// Why a sandbox did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The sandbox cannot listen on the address.
    Listen(SocketAddr, io::Error),
    /// The sandbox could not make its TLS certificate.
    Tls(Box<dyn std::error::Error + Send + Sync>),
    /// There are more numbered users than their six digits can name.
    TooManyUsers(u32),
    /// A seeded portal user has an id that is not a GUID, although only GUIDs are accepted.
    NotAGuid(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(addr, _) => write!(f, "cannot listen on {addr}"),
            Self::Tls(_) => f.write_str("cannot make a certificate"),
            Self::TooManyUsers(users) => {
                write!(f, "{users} users requested, at most {MOST_NUMBERED} are possible")
            }
            Self::NotAGuid(id) => write!(f, "`{id}` is not a GUID; set the portal's ids to `any` to use it"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen(_, error) => Some(error),
            Self::Tls(error) => Some(&**error),
            Self::TooManyUsers(_) | Self::NotAGuid(_) => None,
        }
    }
}

/// Both emulated providers, Zoom and the identity portal, listening. Dropping it stops it at once;
/// [`shutdown`](Self::shutdown) lets requests finish.
#[derive(Debug)]
pub struct Sandbox {
    shared: Arc<Shared>,
    startup_info: StartupInfo,
    stop: watch::Sender<bool>,
    server: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts a sandbox with [`Options::default`] on the current Tokio runtime. It is listening when this
    /// returns.
    ///
    /// # Errors
    /// When no port can be listened on.
    pub async fn start() -> Result<Self, StartError> {
        Self::start_with(Options::default()).await
    }

    /// Starts a sandbox with these options.
    ///
    /// # Errors
    /// When the address is taken or not this machine's, when certificates cannot be made, and when the options
    /// contradict themselves; nothing is left running then.
    pub async fn start_with(options: Options) -> Result<Self, StartError> {
        check(&options)?;
        let identity = if options.tls {
            Some(tls::identity(options.tls_expired).map_err(StartError::Tls)?)
        } else {
            None
        };
        let (acceptors, ca_pem) = identity.map(|it| (it.acceptors, it.ca_pem)).unzip();
        let listen = options.listen;
        let listener = TcpListener::bind(listen)
            .await
            .map_err(|error| StartError::Listen(listen, error))?;
        let addr = listener
            .local_addr()
            .map_err(|error| StartError::Listen(listen, error))?;
        let scheme = if options.tls { "https" } else { "http" };
        let shared = Arc::new(Shared::new(options, format!("{scheme}://{addr}")));
        let startup_info = StartupInfo::new(&shared, addr, ca_pem);
        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(server::run(listener, acceptors, Arc::clone(&shared), stopped));
        Ok(Self {
            shared,
            startup_info,
            stop,
            server: Some(server),
        })
    }

    /// Everything that a client of the sandbox needs, as one JSON object when serialized.
    pub fn startup_info(&self) -> &StartupInfo {
        &self.startup_info
    }

    /// The address on which the sandbox listens, with its real port.
    pub fn addr(&self) -> SocketAddr {
        self.startup_info.listen
    }

    /// Zoom's base URL, `http://127.0.0.1:PORT/v2`.
    pub fn zoom_base_url(&self) -> &str {
        &self.startup_info.zoom.base_url
    }

    /// The URL of Zoom's token endpoint.
    pub fn zoom_token_url(&self) -> &str {
        &self.startup_info.zoom.token_url
    }

    /// The URL of the portal's token endpoint.
    pub fn identity_token_url(&self) -> &str {
        &self.startup_info.identity.token_url
    }

    /// The portal's base URL, `http://127.0.0.1:PORT/identity`.
    pub fn identity_base_url(&self) -> &str {
        &self.startup_info.identity.base_url
    }

    /// The static bearer token that both providers always accept.
    pub fn token(&self) -> &SecretString {
        &self.shared.token
    }

    /// The PEM certificate of the authority to trust, with [`Options::tls`].
    pub fn ca_pem(&self) -> Option<&str> {
        self.startup_info.ca_pem.as_deref()
    }

    /// Returns a copy of the ledger: the changes applied so far.
    pub fn ledger(&self) -> Ledger {
        self.shared.state().ledger.snapshot()
    }

    /// The number of changes applied so far; cheaper than a whole [`ledger`](Self::ledger).
    pub fn changes(&self) -> usize {
        self.shared.state().ledger.len()
    }

    /// The numbers of requests received so far.
    pub fn requests(&self) -> Requests {
        self.shared.counters.snapshot()
    }

    /// Whether this is the user's current password; `false` too for a user who does not exist or has none.
    pub fn accepts(&self, provider: Provider, user: &str, password: &str) -> bool {
        self.shared.accepts(provider, user, password)
    }

    /// Whether a provider's rules accept this as a new password: the check that every change passes.
    pub fn permits(&self, provider: Provider, password: &str) -> bool {
        match provider {
            Provider::Zoom => zoom::permits(&self.shared.options.zoom, password),
            Provider::Identity => identity::permits(&self.shared.options.identity, password),
        }
    }

    /// Returns the fingerprint that the ledger of this run has for a password.
    pub fn fingerprint(&self, password: &str) -> String {
        self.shared.fingerprinter.of(password).to_string()
    }

    /// Arms a fault, to strike the next matching requests.
    ///
    /// # Errors
    /// When it does nothing, contradicts itself, or has a response that cannot be sent.
    pub fn inject(&self, fault: Fault) -> Result<(), FaultError> {
        self.shared.faults.arm(fault)
    }

    /// Disarms every fault of the sandbox.
    pub fn clear_faults(&self) {
        self.shared.faults.disarm_all();
    }

    /// Closes the next `count` connections as soon as they are accepted, before anything is read.
    pub fn close_next_connections(&self, count: u32) {
        self.shared.listener_faults.close_next(count);
    }

    /// Makes new TLS connections fail for lack of an accepted client certificate, or no longer does. Open connections
    /// stay open.
    pub fn require_client_certificates(&self, require: bool) {
        self.shared.listener_faults.want_certificates(require);
    }

    /// Stops or resumes listening; while stopped, the port stays taken and connecting to it is refused. Open
    /// connections stay open. It is done when this returns.
    pub async fn refuse_connections(&self, refuse: bool) {
        self.shared.listener_faults.refuse(refuse).await;
    }

    /// Restores the sandbox's initial state: users, tokens, ledger, counters, no faults. The clock, the static token
    /// and the key stay.
    pub fn reset(&self) {
        self.shared.reset();
    }

    /// Revokes every token that a provider has issued; the static one stays valid.
    pub fn revoke_tokens(&self, provider: Provider) {
        self.shared.revoke_tokens(provider);
    }

    /// Moves the sandbox's clock forward: token lifetimes, daily caps and lock-outs follow it.
    pub fn advance_clock(&self, seconds: u64) {
        self.shared.clock.advance(seconds);
    }

    /// Shuts the sandbox down: it stops accepting, lets the requests in flight finish, and returns when all
    /// connections are closed.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        if let Some(server) = self.server.take() {
            // A join error means that the server panicked: it is stopped all the same.
            let _ = server.await;
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

fn check(options: &Options) -> Result<(), StartError> {
    if options.users > MOST_NUMBERED {
        return Err(StartError::TooManyUsers(options.users));
    }
    let unreachable = options.seeded.iter().find(|user| {
        user.provider == Provider::Identity
            && options.identity.ids == IdentityIds::Guid
            && guid(&user.id).is_none()
    });
    unreachable.map_or(Ok(()), |user| Err(StartError::NotAGuid(user.id.clone())))
}
