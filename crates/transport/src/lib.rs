//! HTTP done once for every adapter: what was sent and what was not, budgets, tokens, TLS, and
//! bodies that hold secrets. It does not know what a password is.
//!
//! An adapter describes a [`Request`], a [`Transport`] delivers it, and [`Observed`] says what the
//! answer means: whether the provider acted, and whether the request may be sent again.

mod answer;
mod backoff;
mod base_url;
mod body;
mod delivery;
mod failure;
mod fuse;
mod governor;
mod json;
mod meter;
pub mod oauth;
mod proxy;
mod request;
mod retry_after;
mod tls;
mod token;
mod transport;
mod wire;

pub use answer::Answer;
pub use base_url::{BaseUrl, InvalidUrl};
pub use body::SecretBody;
pub use delivery::{Acted, Observed, Resend};
pub use failure::{Cause, Failure};
pub use governor::{Governor, RateLimit};
pub use http::{HeaderMap, HeaderValue, Method, StatusCode};
pub use json::Json;
pub use meter::{Meter, describe_metrics};
pub use proxy::{InvalidProxy, Proxy};
pub use request::{BeforeSend, Replay, Request};
pub use retry_after::retry_after;
pub use tls::{InvalidCa, TrustedRoots};
pub use token::{Credentials, Denied, Granted, InvalidToken, Token, TokenGrant};
/// The clock by which everything here waits: a test can pause it.
pub use tokio::time::Instant;
#[cfg(feature = "mock")]
pub use transport::MockTransport;
pub use transport::{HttpTransport, Timeouts, Transport};
#[cfg(feature = "mock")]
pub use wire::MockWire;
pub use wire::{HttpWire, OneShotWire, Route, Wire};
