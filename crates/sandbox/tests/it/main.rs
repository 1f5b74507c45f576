//! The sandbox over real sockets.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod client;

mod identity;
mod ledger;
mod multipart;
mod start;
mod zoom;
