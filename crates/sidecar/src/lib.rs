//! Password services over HTTP, for services that are not written in Rust, with the same certainty.
//!
//! A [`Sidecar`] serves the providers of a [`Directory`]. The status and body of every response say what became of the
//! change: 200 if it was applied, a problem with every reason if it was not, and 409 with a handle to resolve it if the
//! outcome is unknown, never a status code that proxies retry.
//!
//! - A change continues when its client disconnects, and its outcome is kept under the client's `Idempotency-Key`.
//! - Passwords bypass the HTTP server's buffers and are read into memory that is wiped.
//! - Slow clients cannot exhaust its connections, and changes above the limit are rejected before anything is sent.
//!
//! It reads no files and no environment variables; the command line does, as `repass serve`.

mod api;
mod directory;
mod idempotency;
mod net;
mod options;
mod rules_cache;
mod server;
mod state;

pub use directory::{Directory, Rules};
pub use idempotency::{
    IdempotencyStore, InMemoryIdempotencyStore, KeyState, KeyedHash, KeyedRequest, RETENTION,
    StoreUnavailable, StoredResponse,
};
pub use net::{ClientId, HostName, InvalidHostName, InvalidTls, Tls, TlsFiles, Token};
pub use options::{Options, SharedIdempotency};
pub use server::{DrainReport, Listener, Sidecar};
