//! The adapter over the network, against emulated directories.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod active_directory;
mod connection;
mod exactly_once;
mod resolve;
mod setup;
mod slapd;
