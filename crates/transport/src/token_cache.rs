//! The credentials that repass itself shows to a provider.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use base64ct::{Base64, Encoding as _};
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use repass_domain::Redactor;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

use crate::{Cause, Meter, Request, Response, Transport, TransportError, oauth, retry_after};

/// The service's own credentials, which go into the `Authorization` header of every request.
#[derive(Debug)]
pub enum Credentials {
    /// No credentials; for token endpoints that take the client's secret in the body.
    None,
    /// A fixed token, sent as it is.
    Fixed(Token),
    /// A token that is fetched, cached until shortly before it expires, and fetched again.
    Cached(Box<TokenCache>),
}

impl Credentials {
    /// Seeds the randomness of the pauses between token requests, for tests and simulations.
    pub fn seeded(self, seed: u64) -> Self {
        match self {
            Self::Cached(grant) => Self::Cached(Box::new(grant.seeded(seed))),
            other => other,
        }
    }

    /// Adds a secret of the client's that is redacted from errors, should the token endpoint echo it.
    pub fn redacting(mut self, secret: &SecretString) -> Self {
        if let Self::Cached(grant) = &mut self {
            let redactor = std::mem::take(&mut grant.redactor);
            grant.redactor = redactor.with(secret, "[redacted]");
        }
        self
    }

    pub(crate) async fn token(
        &self,
        left: impl Fn() -> Duration,
        meter: Option<&Meter>,
    ) -> Result<Option<Token>, TransportError> {
        match self {
            Self::None => Ok(None),
            Self::Fixed(token) => Ok(Some(token.clone())),
            // In a box: a token is seldom fetched.
            Self::Cached(grant) => match grant.fresh() {
                Some(token) => Ok(Some(token)),
                None => Box::pin(grant.renewed(left(), meter)).await.map(Some),
            },
        }
    }

    /// Drops a token that the gateway rejected, after `earlier` others in the same call.
    pub(crate) fn reject(&self, token: Option<&Token>, earlier: u32) -> Rejected {
        match (self, token) {
            (Self::Cached(grant), Some(token)) => grant.reject(token, earlier),
            _ => Rejected::Final,
        }
    }

    /// The gateway took this token.
    pub(crate) fn accepted(&self, token: Option<&Token>) {
        if let (Self::Cached(grant), Some(_)) = (self, token) {
            grant.rejections.store(0, Ordering::Relaxed);
        }
    }
}

/// What follows from a rejected token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// Fetch another after this pause.
    Renew(Duration),
    /// Others were rejected as well.
    GivenUp,
    /// There is no other.
    Final,
}

/// A credential as the value of the `Authorization` header, or of another one. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Token(Arc<TokenHeader>);

#[derive(Clone)]
struct TokenHeader {
    name: HeaderName,
    value: HeaderValue,
    granted_at: Option<Instant>,
    redactor: Arc<Redactor>,
}

impl Token {
    /// Creates an `Authorization: Bearer` value from a token that comes from elsewhere.
    ///
    /// # Errors
    /// The token is empty or holds characters that no header can carry.
    #[expect(
        clippy::disallowed_methods,
        reason = "the token goes into its header, marked sensitive"
    )]
    pub fn bearer(token: &SecretString) -> Result<Self, InvalidToken> {
        let text = token.expose_secret();
        if text.is_empty() || text.chars().any(|c| !c.is_ascii_graphic()) {
            return Err(InvalidToken);
        }
        let redactor = Redactor::new().with(token, "[token]");
        Self::sensitive(AUTHORIZATION, &Zeroizing::new(format!("Bearer {text}")), redactor)
    }

    /// Creates an `Authorization: Basic` value from a client's id and secret.
    ///
    /// # Errors
    /// Never for UTF-8 text of usual length; the type is [`bearer`](Self::bearer)'s.
    #[expect(
        clippy::disallowed_methods,
        reason = "the secret goes into its header, marked sensitive"
    )]
    pub fn basic(id: &str, secret: &SecretString) -> Result<Self, InvalidToken> {
        let pair = Zeroizing::new(format!("{id}:{}", secret.expose_secret()));
        let encoded = Zeroizing::new(Base64::encode_string(pair.as_bytes()));
        // Its encoded form is found by decoding.
        let redactor = Redactor::new().with(secret, "[client secret]");
        Self::sensitive(
            AUTHORIZATION,
            &Zeroizing::new(format!("Basic {}", *encoded)),
            redactor,
        )
    }

    /// Creates a token in a header of the provider's own, such as `X-Auth-Token`, or in another scheme of
    /// `Authorization`. In `value`, `{token}` stands for the token.
    ///
    /// # Errors
    /// The token is empty, or the value holds characters that no header can carry.
    #[expect(
        clippy::disallowed_methods,
        reason = "the token goes into its header, marked sensitive"
    )]
    pub fn in_header(name: HeaderName, value: &str, token: &SecretString) -> Result<Self, InvalidToken> {
        let text = token.expose_secret();
        if text.is_empty() {
            return Err(InvalidToken);
        }
        let redactor = Redactor::new().with(token, "[token]");
        let value = Zeroizing::new(value.replace("{token}", text));
        Self::sensitive(name, &value, redactor)
    }

    fn sensitive(name: HeaderName, value: &str, redactor: Redactor) -> Result<Self, InvalidToken> {
        let mut value = HeaderValue::from_str(value).map_err(|_| InvalidToken)?;
        value.set_sensitive(true);
        Ok(Self(Arc::new(TokenHeader {
            name,
            value,
            granted_at: None,
            redactor: Arc::new(redactor),
        })))
    }

    // Whether both are of the same grant.
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn redactor(&self) -> &Arc<Redactor> {
        &self.0.redactor
    }

    pub(crate) fn name(&self) -> &HeaderName {
        &self.0.name
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.value.clone()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([REDACTED])")
    }
}

/// The error for a token that is empty or that no HTTP header can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidToken;

impl fmt::Display for InvalidToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is empty or holds characters that no HTTP header can carry")
    }
}

impl std::error::Error for InvalidToken {}

/// A token endpoint's grant: a token and its lifetime.
#[derive(Debug)]
pub struct TokenResponse {
    /// The granted token, without a scheme.
    pub token: SecretString,
    /// The lifetime of the token, counted from the request; an hour when nothing is said.
    pub lifetime: Option<Duration>,
}

/// Why a token endpoint granted no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenError {
    /// The cause of the failure. It is [`Cause::TokenRefused`] when the credentials are wrong,
    /// [`Cause::Misconfigured`] when this is no token endpoint, [`Cause::RateLimited`] or [`Cause::Unreachable`] when
    /// trying later may help.
    pub cause: Cause,
    /// A sentence for people that says what to do, free of secrets.
    pub message: String,
    /// The endpoint's own error code and its explanation, unredacted. They are shown behind the message, without
    /// secrets.
    pub said: Option<(String, String)>,
}

impl TokenError {
    /// Creates an error without the endpoint's own error and explanation.
    pub fn new(cause: Cause, message: impl Into<String>) -> Self {
        Self {
            cause,
            message: message.into(),
            said: None,
        }
    }
}

// How long a caller with a good token spends on the next one, and when it is tried again after that.
const RENEWAL: Duration = Duration::from_secs(2);
const RENEWAL_PAUSE: Duration = Duration::from_secs(5);
// A token that is rejected within this time was never good, or another client's grant has voided it.
const FRESH: Duration = Duration::from_secs(60);
// How many fresh tokens in a row are rejected before it is not tried again, and the longest first pause: where
// two processes void each other's tokens, each needs a moment without the other.
const MOST_FRESH: u32 = 4;
const FRESH_PAUSE: Duration = Duration::from_millis(500);

type MakeRequest = dyn Fn() -> Result<Request, TransportError> + Send + Sync;
type ReadToken = dyn Fn(&Response) -> Result<TokenResponse, TokenError> + Send + Sync;

/// Fetches tokens from a token endpoint and caches them. It makes one request at a time however many callers wait; a
/// token is renewed before the end of its life, and replaced when the gateway no longer takes it.
pub struct TokenCache {
    endpoint: Arc<dyn Transport>,
    request: Box<MakeRequest>,
    reading: Box<ReadToken>,
    // Where the token goes, and the value with `{token}` in it; `Bearer` where nothing else is said.
    header: Option<(HeaderName, String)>,
    redactor: Redactor,
    cached: Mutex<Option<CachedToken>>,
    random: Mutex<StdRng>,
    // Of fresh tokens, one after the other.
    rejections: AtomicU32,
    // Held by the call that fetches; holds the last failure, for the calls that waited meanwhile.
    fetching: tokio::sync::Mutex<Option<(Instant, TransportError)>>,
}

#[derive(Clone)]
struct CachedToken {
    token: Token,
    renew: Instant,
    expires: Instant,
}

impl TokenCache {
    /// Creates a cache of the tokens that this `request` gets at `endpoint`; `reading` reads its responses.
    pub fn new(
        endpoint: Arc<dyn Transport>,
        request: Request,
        reading: impl Fn(&Response) -> Result<TokenResponse, TokenError> + Send + Sync + 'static,
    ) -> Self {
        Self::with_requests(endpoint, move || Ok(request.clone()), reading)
    }

    /// Creates a cache that builds a new request for each token, such as one that is signed and valid for minutes. A
    /// request that cannot be made is a failure before anything was sent.
    pub fn with_requests(
        endpoint: Arc<dyn Transport>,
        request: impl Fn() -> Result<Request, TransportError> + Send + Sync + 'static,
        reading: impl Fn(&Response) -> Result<TokenResponse, TokenError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            endpoint,
            request: Box::new(request),
            reading: Box::new(reading),
            header: None,
            redactor: Redactor::new(),
            cached: Mutex::default(),
            random: Mutex::new(StdRng::seed_from_u64(rand::random())),
            rejections: AtomicU32::new(0),
            fetching: tokio::sync::Mutex::default(),
        }
    }

    /// Sends the tokens in this header in place of `Authorization: Bearer`: `value` with the token in the place of
    /// `{token}`.
    pub fn in_header(self, name: HeaderName, value: impl Into<String>) -> Self {
        Self {
            header: Some((name, value.into())),
            ..self
        }
    }

    fn seeded(self, seed: u64) -> Self {
        Self {
            random: Mutex::new(StdRng::seed_from_u64(seed)),
            ..self
        }
    }

    // The token that need not be renewed yet.
    fn fresh(&self) -> Option<Token> {
        let cached = self.cached();
        let fresh = cached.as_ref().filter(|cached| Instant::now() < cached.renew);
        fresh.map(|cached| cached.token.clone())
    }

    // A token, renewed if it is time for that.
    async fn renewed(&self, limit: Duration, meter: Option<&Meter>) -> Result<Token, TransportError> {
        let asked = Instant::now();
        let cached = self.cached().clone();
        let still_good = cached.filter(|cached| asked < cached.expires);
        let mut last_failure = match &still_good {
            // Early renewal: only the call that renews waits for it.
            Some(cached) => match self.fetching.try_lock() {
                Ok(guard) => guard,
                Err(_) => return Ok(cached.token.clone()),
            },
            None => timeout(limit, self.fetching.lock()).await.map_err(|_| {
                TransportError::not_sent(
                    Cause::BudgetExhausted,
                    "no token was granted within the time that was left",
                )
            })?,
        };
        // Another call may have fetched, or failed to, while this one waited.
        if let Some(token) = self.fresh() {
            return Ok(token);
        }
        if let Some((_, failure)) = last_failure.as_ref().filter(|(at, _)| *at >= asked) {
            return Err(failure.clone());
        }
        // A caller who has a good token does not give up its own time for the next one.
        let limit = if still_good.is_some() {
            limit.min(RENEWAL)
        } else {
            limit
        };
        let fetched = self.fetch(limit.saturating_sub(asked.elapsed())).await;
        if let Some(meter) = meter {
            meter.token_refresh(match &fetched {
                Ok(_) => "granted",
                Err(failure) if failure.cause() == Cause::TokenRefused => "refused",
                Err(_) => "failed",
            });
        }
        if let (Err(_), Some(cached)) = (
            &fetched,
            still_good.filter(|cached| Instant::now() < cached.expires),
        ) {
            self.renew_later(&cached.token);
            return Ok(cached.token);
        }
        // Only what every caller would hear: another one's time may not be as short.
        let lasting = fetched.as_ref().err().filter(|failure| {
            matches!(
                failure.cause(),
                Cause::TokenRefused | Cause::Misconfigured | Cause::Tls
            )
        });
        *last_failure = lasting.map(|failure| (Instant::now(), failure.clone()));
        fetched
    }

    fn renew_later(&self, token: &Token) {
        let later = Instant::now() + RENEWAL_PAUSE;
        let mut cached = self.cached();
        if let Some(cached) = cached.as_mut().filter(|cached| cached.token.is(token)) {
            cached.renew = later.min(cached.expires);
        }
    }

    async fn fetch(&self, limit: Duration) -> Result<Token, TransportError> {
        const HOUR: Duration = Duration::from_secs(3600);
        let asked = Instant::now();
        let request = (self.request)()?.budget(limit);
        let response = self.endpoint.deliver(&request).await;
        // The request that needs the token has not been sent, whether or not the token request was.
        let response = response.map_err(|failure| {
            let cause = match failure.cause() {
                lasting @ (Cause::Tls
                | Cause::Misconfigured
                | Cause::UnreadableAnswer
                | Cause::RateLimited) => lasting,
                _ => Cause::Unreachable,
            };
            let no_token = TransportError::not_sent(cause, format!("no token was granted: {failure}"));
            match failure.retry_after() {
                Some(wait) => no_token.with_retry_after(wait),
                None => no_token,
            }
        })?;
        let granted = (self.reading)(&response).map_err(|denied| self.refusal(denied, &response))?;
        let token = match &self.header {
            Some((name, value)) => Token::in_header(name.clone(), value, &granted.token),
            None => Token::bearer(&granted.token),
        };
        let mut token = token.map_err(|_| {
            TransportError::not_sent(Cause::TokenRefused, "the token endpoint gave an unusable token")
        })?;
        Arc::make_mut(&mut token.0).granted_at = Some(asked);
        let lifetime = granted.lifetime.unwrap_or(HOUR);
        let margin = (lifetime / 10).min(Duration::from_secs(60));
        // Spread out, so that many processes do not renew at the same instant.
        let renew = lifetime.saturating_sub(margin.mul_f64(self.random().random_range(1.0..2.0)));
        let cached = CachedToken {
            token: token.clone(),
            renew: asked + renew,
            expires: asked + lifetime,
        };
        *self.cached() = Some(cached);
        tracing::debug!(
            operation = request.operation,
            lifetime_s = lifetime.as_secs(),
            "token granted"
        );
        Ok(token)
    }

    fn refusal(&self, denied: TokenError, response: &Response) -> TransportError {
        let message = match &denied.said {
            Some(said) => {
                let said = oauth::shown(said, &self.redactor);
                format!("{}; the token endpoint says {said}", denied.message)
            }
            None => denied.message,
        };
        let failure = TransportError::not_sent(denied.cause, message);
        if denied.cause != Cause::RateLimited {
            return failure;
        }
        let wait = response
            .wait()
            .or_else(|| retry_after(response, SystemTime::now()));
        failure.with_retry_after(wait.unwrap_or_default().max(Duration::from_secs(1)))
    }

    fn reject(&self, token: &Token, earlier: u32) -> Rejected {
        let is_fresh = token.0.granted_at.is_some_and(|at| at.elapsed() < FRESH);
        let mut cached = self.cached();
        // Another call may have replaced it already.
        if cached.as_ref().is_some_and(|cached| cached.token.is(token)) {
            *cached = None;
            if is_fresh {
                self.rejections.fetch_add(1, Ordering::Relaxed);
            }
        }
        drop(cached);
        match self.rejections.load(Ordering::Relaxed) {
            _ if earlier == 0 => Rejected::Renew(Duration::ZERO),
            rejections if rejections >= MOST_FRESH => Rejected::GivenUp,
            0 | 1 => Rejected::Renew(FRESH_PAUSE),
            rejections => {
                let longest = FRESH_PAUSE * (1 << (rejections - 1));
                Rejected::Renew(longest.mul_f64(self.random().random_range(0.5..1.0)))
            }
        }
    }

    fn random(&self) -> MutexGuard<'_, StdRng> {
        self.random.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cached(&self) -> MutexGuard<'_, Option<CachedToken>> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}
