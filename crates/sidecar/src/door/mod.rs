//! Where connections come in: how many there may be, how long they may take, what is kept of their bytes.

mod client;
mod crowd;
mod seal;
mod tls;

pub(crate) use client::Client;
pub(crate) use crowd::{Crowd, Place};
pub(crate) use seal::{Seal, Sealed};
pub use tls::{InvalidTls, Tls, TlsFiles};
