//! HTTP done once for every adapter: what was sent and what was not, budgets, tokens, TLS, and
//! bodies that hold secrets. It does not know what a password is.
//!
//! An adapter describes a [`Request`], a [`Transport`] delivers it, and [`AttemptOutcome`] says what the
//! response means: whether the provider acted, and whether the request may be sent again.

mod backoff;
mod base_url;
mod body;
mod boot_clock;
mod client;
mod json;
pub mod ldap;
mod meter;
pub mod oauth;
mod permit_lender;
mod proxy;
mod rate_limiter;
mod rate_share;
mod request;
mod response;
mod retry_after;
mod retry_policy;
mod send_tracker;
mod timestamp;
mod tls;
mod token_cache;
mod transport;
mod transport_error;

pub use base_url::{BaseUrl, InvalidUrl};
pub use body::SecretBody;
pub use boot_clock::boot_time;
#[cfg(feature = "mock")]
pub use client::MockHttpClient;
pub use client::{HttpClient, OneShotClient, PooledClient, Route};
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
pub use json::Json;
pub use meter::{Meter, describe_metrics};
pub use permit_lender::{PermitLender, PermitRequest, PermitStore};
pub use proxy::{InvalidProxy, Proxy};
pub use rate_limiter::{RateLimit, RateLimiter};
pub use rate_share::{Demand, Lane, LaneEvent, Lease, Loan};
pub use request::{Authorization, BeforeSend, Idempotency, ReadDelay, ReadOutcome, Request};
pub use response::Response;
pub use retry_after::retry_after;
pub use retry_policy::{AttemptOutcome, RetryAction, SideEffect};
pub use timestamp::parse_timestamp;
pub use tls::{InvalidCa, TrustedRoots};
pub use token_cache::{Credentials, InvalidToken, Token, TokenCache, TokenError, TokenResponse};
/// The clock by which everything here waits: a test can pause it.
pub use tokio::time::Instant;
#[cfg(feature = "mock")]
pub use transport::MockTransport;
pub use transport::{HttpTransport, Timeouts, Transport};
pub use transport_error::{Cause, TransportError};
