//! One attempt over HTTP.

mod connection;
mod encoding;
mod explain;
mod one_shot;
mod pool;
mod pooled;
mod route;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use http::HeaderValue;

pub use one_shot::OneShotWire;
pub use pooled::HttpWire;
pub use route::Route;

use crate::{Answer, Failure, Request};

/// Sends a request once. The seam at which a test or simulation can put its own network.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Wire: fmt::Debug + Send + Sync + 'static {
    /// Sends once and reads the answer, within `limit`. A body that is cut is still an answer.
    ///
    /// # Errors
    /// Says whether anything may have been sent.
    async fn attempt(
        &self,
        request: &Request,
        authorization: Option<HeaderValue>,
        limit: Duration,
    ) -> Result<Answer, Failure>;
}

const USER_AGENT: &str = concat!("repass/", env!("CARGO_PKG_VERSION"));
// What is not asked for is left to the server: some answer in XML then, some firewalls refuse.
const ACCEPT: &str = "application/json";
const ACCEPT_ENCODING: &str = "identity";
// Gateways add headers of their own to each other's.
const MAX_HEADERS: usize = 256;
