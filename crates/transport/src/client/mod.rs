//! One attempt over HTTP.

mod connection;
mod encoding;
pub(crate) mod error_mapping;
mod one_shot;
mod pool;
mod pooled;
mod route;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use http::HeaderValue;

pub use one_shot::OneShotClient;
pub use pooled::PooledClient;
pub use route::Route;

use crate::{Request, Response, TransportError};

/// Makes one HTTP exchange per call, and never sends a request again. The seam at which a test or simulation can put
/// its own network.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait HttpClient: fmt::Debug + Send + Sync + 'static {
    /// Sends the request once and reads the response, within the time `limit`. A body that is cut is still a
    /// response.
    ///
    /// # Errors
    /// Says whether anything may have been sent.
    async fn attempt(
        &self,
        request: &Request,
        authorization: Option<HeaderValue>,
        limit: Duration,
    ) -> Result<Response, TransportError>;
}

const USER_AGENT: &str = concat!("repass/", env!("CARGO_PKG_VERSION"));
// What is not asked for is left to the server: some response in XML then, some firewalls refuse.
const ACCEPT: &str = "application/json";
const ACCEPT_ENCODING: &str = "identity";
// Gateways add headers of their own to each other's.
const MAX_HEADERS: usize = 256;
