//! The way to one directory: connections, who they are bound as, and the one change that each of them carries.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use repass_domain::Redactor;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{Instant, sleep};

use super::connection::Connection;
use super::connector::LdapConnector;
use super::{
    Authentication, Control, Entry, LdapResult, Message, PasswordPolicyControl, Request, Response, Search,
    oid,
};
use crate::backoff::Backoff;
use crate::send_tracker::SendTracker;
use crate::{
    AttemptOutcome, BeforeSend, Cause, Idempotency, Meter, RateLimiter, RetryAction, Timeouts, TransportError,
};

/// Delivers requests to one directory server, with the service's credentials, rate limits and retries. It opens a
/// connection for each call, which carries one change at most: nothing is sent behind a request that has no response
/// yet, no referral is followed, and no request is abandoned.
pub struct LdapTransport {
    connector: Arc<dyn LdapConnector>,
    credentials: LdapCredentials,
    attempt_timeout: Duration,
    backoff: Backoff,
    rate_limiter: Arc<RateLimiter>,
    meter: Option<Meter>,
}

/// The service's own credentials at a directory.
#[derive(Clone)]
pub enum LdapCredentials {
    /// An LDAP simple bind with a name and password.
    Simple {
        /// The DN of the service account, or another name that the server accepts.
        name: String,
        /// The password of the service account.
        password: SecretString,
    },
    /// SASL EXTERNAL: the server takes the identity from the connection, such as a socket's.
    External,
}

/// The identity that a connection is bound as: the service or a user.
#[derive(Clone, Copy)]
pub enum Identity<'a> {
    /// The service, by the transport's own credentials.
    Service,
    /// A user, whose wrong passwords the server may count: this bind is never sent twice.
    User {
        /// The DN of the user, or another name that the server accepts.
        name: &'a str,
        /// The user's password.
        password: &'a str,
    },
}

/// A change to send to a directory, once.
#[derive(Clone)]
pub struct LdapChange<'a> {
    /// The name of the operation in logs and metrics.
    pub operation: &'static str,
    /// The label of the rate limit under which the change is counted.
    pub rate_label: Option<&'static str>,
    /// The LDAP request that makes the change.
    pub request: Request<'a>,
    /// The controls of the request.
    pub controls: Vec<Control>,
    /// The callback to await before the first byte leaves; it returns whether to send the change.
    pub before_send: Option<BeforeSend>,
}

/// A directory server's reply to a change or bind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The result of the operation.
    pub result: LdapResult,
    /// The controls that came with the reply.
    pub controls: Vec<Control>,
    /// Whether the reply has a value: after a Password Modify, a password that the server invented.
    pub has_value: bool,
}

impl Reply {
    /// The password policy control of the reply, if it has one.
    pub fn password_policy(&self) -> Option<PasswordPolicyControl> {
        PasswordPolicyControl::find(&self.controls)
    }
}

impl LdapTransport {
    const MAX_BUSY_RETRIES: u32 = 16;

    /// Creates a transport that opens connections by this connector and binds with these credentials.
    pub fn new(connector: impl LdapConnector, credentials: LdapCredentials, timeouts: Timeouts) -> Self {
        Self {
            connector: Arc::new(connector),
            credentials,
            attempt_timeout: timeouts.attempt,
            backoff: Backoff::new(rand::random()),
            rate_limiter: Arc::new(RateLimiter::new([])),
            meter: None,
        }
    }

    /// Seeds the randomness of the back-off, for tests and simulations.
    pub fn seeded(mut self, seed: u64) -> Self {
        self.backoff = Backoff::new(seed);
        self
    }

    /// Sets the account's rate limits, under which changes are counted.
    pub fn with_rate_limiter(mut self, rate_limiter: Arc<RateLimiter>) -> Self {
        self.rate_limiter = rate_limiter;
        self
    }

    /// Enables metrics, labelled with this provider name. See [`describe_metrics`](crate::describe_metrics).
    pub fn named(mut self, provider: impl Into<String>) -> Self {
        let meter = Meter::new(provider);
        meter.declare_requests();
        self.meter = Some(meter);
        self
    }

    /// The host and port, or the socket, of the server, for messages.
    pub fn host(&self) -> &str {
        self.connector.host()
    }

    /// The redactor that knows the secret of the service's credentials, for text from the server.
    pub fn redactor(&self) -> Redactor {
        match &self.credentials {
            LdapCredentials::Simple { password, .. } => Redactor::new().with(password, "[redacted]"),
            LdapCredentials::External => Redactor::new(),
        }
    }

    /// Opens a connection and binds it; the server may refuse the bind: see [`Session::bound`]. What fails before the
    /// server has judged the credentials is tried again within the budget, as the table behind [`AttemptOutcome`]
    /// allows.
    ///
    /// # Errors
    /// There is no connection, or no response to the bind. No change was sent.
    pub async fn open(
        &self,
        identity: Identity<'_>,
        budget: Duration,
    ) -> Result<Session<'_>, TransportError> {
        let end = Instant::now().checked_add(budget);
        let left = || end.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
        let idempotency = match identity {
            Identity::Service => Idempotency::Idempotent,
            Identity::User { .. } => Idempotency::NonIdempotent,
        };
        let mut retries = 0;
        loop {
            if left().is_zero() {
                let what = "no time was left to send the request";
                return Err(TransportError::not_sent(Cause::BudgetExhausted, what));
            }
            let result = self.open_once(identity, left()).await;
            let outcome = match &result {
                Ok(session) => bind_outcome(session.bound().result.code),
                Err(failure) => failure.outcome(),
            };
            let delay = match outcome.retry_action(idempotency) {
                RetryAction::AfterBackoff if result.as_ref().is_err_and(TransportError::is_lasting) => None,
                RetryAction::AfterBackoff => self.backoff.delay(retries),
                RetryAction::WhenServerSays if retries < Self::MAX_BUSY_RETRIES => {
                    Some(self.backoff.after(None))
                }
                _ => None,
            };
            match delay {
                Some(delay) if delay < left() => sleep(delay).await,
                _ => return result,
            }
            retries += 1;
            tracing::info!(operation = "ldap.bind", ?outcome, retries, "retrying");
        }
    }

    async fn open_once(&self, identity: Identity<'_>, left: Duration) -> Result<Session<'_>, TransportError> {
        let start = Instant::now();
        let deadline = start + left.min(self.attempt_timeout);
        let link = self.connector.connect(deadline).await?;
        let mut connection = Connection::new(link.stream, self.connector.host().to_owned());
        let external = Authentication::Sasl {
            mechanism: "EXTERNAL",
            credentials: None,
        };
        #[expect(clippy::disallowed_methods, reason = "the bind carries it")]
        let (name, authentication) = match (identity, &self.credentials) {
            (Identity::User { name, password }, _) => (name, Authentication::Simple(password.as_bytes())),
            (Identity::Service, LdapCredentials::Simple { name, password }) => (
                &**name,
                Authentication::Simple(password.expose_secret().as_bytes()),
            ),
            (Identity::Service, LdapCredentials::External) => ("", external),
        };
        // Many servers take a bind without a password, or without a name, as anonymous, and confirm it.
        let is_anonymous = match authentication {
            Authentication::Simple(password) => name.is_empty() || password.is_empty(),
            Authentication::Sasl { .. } => false,
        };
        if is_anonymous {
            let what = "a bind needs a name and a password";
            return Err(TransportError::not_sent(Cause::Misconfigured, what));
        }
        let request = Request::Bind { name, authentication };
        let controls = [Control::asking(oid::PASSWORD_POLICY)];
        let tracker = SendTracker::default();
        let id = connection.send(&request, &controls, &tracker, deadline).await?;
        let reply = reply(
            connection.receive(id, &tracker, deadline).await?,
            |response| match response {
                Response::Bind(result) => Some((result, false)),
                _ => None,
            },
        );
        let bound = reply.ok_or_else(|| self.unexpected())?;
        self.backoff.refill();
        self.note("ldap.bind", start, Some(bound.result.code));
        Ok(Session {
            transport: self,
            connection,
            server: link.server,
            budget_end: start.checked_add(left),
            bound,
        })
    }

    fn unexpected(&self) -> TransportError {
        let what = format!("{} answered another operation than was asked for", self.host());
        TransportError::lost(Cause::UnreadableAnswer, what)
    }

    fn note(&self, operation: &'static str, start: Instant, code: Option<u32>) {
        let elapsed = start.elapsed();
        if let Some(meter) = &self.meter {
            meter.request_took(operation, elapsed);
        }
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(operation, code, elapsed_ms, "response");
    }
}

/// A connection to a directory after its bind. Dropping it closes it.
pub struct Session<'t> {
    transport: &'t LdapTransport,
    connection: Connection,
    server: String,
    // `None` for a budget without end.
    budget_end: Option<Instant>,
    bound: Reply,
}

impl Session<'_> {
    /// The server's reply to the bind. Unless with code 0, nothing else can be done here.
    pub fn bound(&self) -> &Reply {
        &self.bound
    }

    /// The address of the server at the other end: see [`LdapLink::server`](super::LdapLink::server).
    pub fn server(&self) -> &str {
        &self.server
    }

    fn deadline(&self) -> Instant {
        let attempt = Instant::now() + self.transport.attempt_timeout;
        self.budget_end.map_or(attempt, |end| end.min(attempt))
    }

    fn left(&self) -> Duration {
        self.budget_end
            .map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()))
    }

    /// Searches for entries. References to other servers are skipped; at most as many entries are read as the search
    /// asks for, and at most 1,000.
    ///
    /// # Errors
    /// The search did not come to its end. Nothing was changed.
    pub async fn search(
        &mut self,
        operation: &'static str,
        search: Search<'_>,
    ) -> Result<(Vec<Entry>, Reply), TransportError> {
        const MOST_RESPONSES: usize = 1000;
        let (start, deadline) = (Instant::now(), self.deadline());
        let tracker = SendTracker::default();
        let most = match search.size_limit {
            0 => MOST_RESPONSES,
            limit => usize::try_from(limit).unwrap_or(MOST_RESPONSES),
        };
        let request = Request::Search(search);
        let id = self.connection.send(&request, &[], &tracker, deadline).await?;
        let mut entries = Vec::new();
        for _ in 0..MOST_RESPONSES {
            let message = self.connection.receive(id, &tracker, deadline).await?;
            match message.response {
                // A server that sends more does not keep to what it was asked.
                Response::Entry(entry) if entries.len() < most => entries.push(entry),
                Response::Reference => {}
                Response::SearchDone(result) => {
                    self.transport.note(operation, start, Some(result.code));
                    let controls = message.controls;
                    let reply = Reply {
                        result,
                        controls,
                        has_value: false,
                    };
                    return Ok((entries, reply));
                }
                _ => break,
            }
        }
        Err(self.transport.unexpected())
    }

    /// Sends a change to the directory, once.
    ///
    /// # Errors
    /// There is no response; [`TransportError::acted`] says whether the server may have acted: not if the last byte of the
    /// request was never handed over.
    pub async fn change(&mut self, change: LdapChange<'_>) -> Result<Reply, TransportError> {
        let start = Instant::now();
        let limiter = &self.transport.rate_limiter;
        let permit = limiter.acquire(change.rate_label, self.left()).await;
        let permit = permit.inspect_err(|_| {
            if let Some(meter) = &self.transport.meter {
                meter.rate_limited("no_place");
            }
        })?;
        let is_permitted = match &change.before_send {
            Some(before_send) => before_send().await,
            None => true,
        };
        let tracker = SendTracker::default();
        let result = if !is_permitted {
            let what = "the caller did not let the request be sent";
            Err(TransportError::not_sent(Cause::Withheld, what))
        } else if self.left().is_zero() {
            let what = "no time was left to send the request";
            Err(TransportError::not_sent(Cause::BudgetExhausted, what))
        } else {
            if let Some(departure) = permit.departure() {
                departure.mark();
            }
            self.exchange(&change, &tracker).await
        };
        permit.ended(result.as_ref().map(|_| tracker.first_polled_at()), None);
        let code = result.as_ref().ok().map(|reply| reply.result.code);
        self.transport.note(change.operation, start, code);
        result
    }

    async fn exchange(
        &mut self,
        change: &LdapChange<'_>,
        tracker: &SendTracker,
    ) -> Result<Reply, TransportError> {
        let deadline = self.deadline();
        let connection = &mut self.connection;
        let id = connection
            .send(&change.request, &change.controls, tracker, deadline)
            .await?;
        let message = connection.receive(id, tracker, deadline).await?;
        let is_modify = matches!(change.request, Request::Modify { .. });
        let reply = reply(message, |response| match response {
            Response::Modify(result) if is_modify => Some((result, false)),
            Response::Extended(extended) if !is_modify => Some((extended.result, extended.value.is_some())),
            _ => None,
        });
        reply.ok_or_else(|| self.transport.unexpected())
    }

    /// Unbinds and closes the connection: servers log one that ends otherwise.
    pub async fn close(self) {
        const PATIENCE: Duration = Duration::from_millis(100);
        let deadline = Instant::now() + PATIENCE.min(self.left());
        self.connection.close(deadline).await;
    }
}

fn reply(message: Message, result: impl FnOnce(Response) -> Option<(LdapResult, bool)>) -> Option<Reply> {
    let controls = message.controls;
    let (result, has_value) = result(message.response)?;
    Some(Reply {
        result,
        controls,
        has_value,
    })
}

/// What the response to a bind proves. The server judges nothing when it is busy or unavailable.
fn bind_outcome(code: u32) -> AttemptOutcome {
    match code {
        0 => AttemptOutcome::Done,
        super::code::BUSY => AttemptOutcome::RateLimited,
        super::code::UNAVAILABLE => AttemptOutcome::Faulted,
        _ => AttemptOutcome::Refused,
    }
}

impl fmt::Debug for LdapTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LdapTransport")
            .field("connector", &self.connector)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for LdapCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simple { name, .. } => write!(f, "Simple({name:?}, [REDACTED])"),
            Self::External => f.write_str("External"),
        }
    }
}

impl fmt::Debug for Identity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service => f.write_str("Service"),
            Self::User { name, .. } => write!(f, "User({name:?}, [REDACTED])"),
        }
    }
}

impl fmt::Debug for LdapChange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LdapChange")
            .field("operation", &self.operation)
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}
