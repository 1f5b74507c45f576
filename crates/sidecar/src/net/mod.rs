//! What happens before a request is routed: connections, TLS, body capture, and who may send requests.

mod body_capture;
mod client_id;
mod connection_limit;
mod host_check;
mod tls;
mod token;

pub(crate) use body_capture::{BodyCapture, CapturingIo};
pub use client_id::ClientId;
pub(crate) use connection_limit::{ConnectionLimiter, ConnectionPermit};
pub(crate) use host_check::HostCheck;
pub use host_check::{HostName, InvalidHostName};
pub use tls::{InvalidTls, Tls, TlsFiles};
pub use token::Token;
pub(crate) use token::authorize;
