//! What every connection of one sandbox shares.

use std::sync::{Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use secrecy::{ExposeSecret as _, SecretString};

use crate::clock::Clock;
use crate::faults::Faults;
use crate::fingerprint::Fingerprinter;
use crate::identity::directory::Directory;
use crate::ledger::LedgerWriter;
use crate::listener_faults::ListenerFaults;
use crate::options::Options;
use crate::request_counters::RequestCounters;
use crate::zoom::account::Account;

/// Fixed for a run: options, key, token. Growing: the clock, the counters, and the world behind one lock,
/// which is never held across an await.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    /// Scheme, host and port under which the sandbox is reached.
    pub(crate) origin: String,
    pub(crate) token: SecretString,
    pub(crate) fingerprinter: Fingerprinter,
    pub(crate) clock: Clock,
    pub(crate) counters: RequestCounters,
    pub(crate) faults: Faults,
    pub(crate) listener_faults: ListenerFaults,
    state: Mutex<ProviderState>,
}

/// Both providers' users, and what was applied to them.
#[derive(Debug)]
pub(crate) struct ProviderState {
    pub(crate) zoom: Account,
    pub(crate) identity: Directory,
    pub(crate) ledger: LedgerWriter,
}

impl ProviderState {
    fn fresh(options: &Options, fingerprinter: &Fingerprinter) -> Self {
        Self {
            zoom: Account::new(options, fingerprinter),
            identity: Directory::new(options, fingerprinter),
            ledger: LedgerWriter::default(),
        }
    }
}

impl Shared {
    pub(crate) fn new(options: Options, origin: String) -> Self {
        let fingerprinter = Fingerprinter::with_random_key();
        let token = options.token.clone().unwrap_or_else(generated_token);
        Self {
            state: Mutex::new(ProviderState::fresh(&options, &fingerprinter)),
            clock: Clock::start(),
            counters: RequestCounters::default(),
            faults: Faults::default(),
            listener_faults: ListenerFaults::default(),
            options,
            origin,
            token,
            fingerprinter,
        }
    }

    /// A handler that panics has applied all or nothing, so the world behind a poisoned lock is sound.
    pub(crate) fn state(&self) -> MutexGuard<'_, ProviderState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Back to the start: users, tokens, ledger, counters, no faults. The clock and the key stay.
    pub(crate) fn reset(&self) {
        *self.state() = ProviderState::fresh(&self.options, &self.fingerprinter);
        self.counters.clear();
        self.faults.disarm_all();
        self.listener_faults.reset();
    }

    /// The bearer token of a request.
    pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
        let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    /// Whether this is the token which is good at any time.
    pub(crate) fn is_static_token(&self, token: &str) -> bool {
        reveal(&self.token) == token
    }
}

/// Opens a secret of the sandbox's own making.
#[expect(
    clippy::disallowed_methods,
    reason = "the sandbox's secrets are made up; it compares and announces them"
)]
pub(crate) fn reveal(secret: &SecretString) -> &str {
    secret.expose_secret()
}

fn generated_token() -> SecretString {
    format!("sandbox-{:032x}", rand::random::<u128>()).into()
}
