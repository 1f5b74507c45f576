//! The laws over all that there is in this workspace, and over services that break them.
//!
//! `cargo test -p repass-conformance --test laws matrix -- --nocapture` prints the table.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod bent;
mod controls;
mod every_await;
mod faults;
mod log;
mod matrix;
mod memory;
mod over_http;
mod services;
mod sidecar;
mod storm;
mod worlds;
