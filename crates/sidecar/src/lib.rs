//! Password services over HTTP, for services that are not written in Rust: with the same certainty.
//!
//! A [`Sidecar`] answers for the services of a [`Directory`]. Whatever becomes of a change is in its answer's
//! status and body: applied is 200, a refusal says all its reasons, and an outcome that is unknown is 409 with
//! what settles it, never a status that a proxy would answer by sending the change again.
//!
//! - A change goes on when its client goes away, and its outcome is kept under the client's `Idempotency-Key`.
//! - Passwords are read past the HTTP server's own buffers, into one that is wiped.
//! - Slow clients cannot hold it, and more changes than it may have under way are refused before anything is
//!   sent.
//!
//! It reads no file and no variable: the command line does, as `repass serve`.

mod access;
mod api;
mod directory;
mod door;
mod hosts;
mod idempotency;
mod openapi;
mod page;
mod router;
mod server;
mod shared;

pub use access::Token;
pub use directory::{Directory, Rules};
pub use door::{InvalidTls, Tls, TlsFiles};
pub use hosts::{HostName, InvalidHostName};
pub use server::{DrainReport, Listener, Sidecar};
pub use shared::Options;
