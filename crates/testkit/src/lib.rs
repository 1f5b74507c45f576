//! What tests and developer tools share.
//!
//! - [`fault_server`] is a raw HTTP server that misbehaves as scripted.
//! - [`simulation`] and [`sockets`] make random calls under random faults and behind random gateways, and compare
//!   every outcome with what really happened: `cargo xtask simulate`.
//! - [`crash_recovery`] kills `repass bulk` and compares its report with the provider's ledger:
//!   `cargo xtask crash-recovery`.
//! - [`rate_simulation`] shares the rate limits of thousands of accounts among processes: `cargo xtask rate-limit`.
//! - [`idempotency_contract`] checks what every store of idempotency keys guarantees.
//! - [`journal_contract`] checks what every journal of a bulk run guarantees.
//! - [`fuzzing`] holds what must be true for any input: `fuzz/README.md`.

pub mod crash_recovery;
pub mod fault_server;
pub mod fuzzing;
mod gateway;
pub mod idempotency_contract;
pub mod journal_contract;
pub mod rate_simulation;
pub mod simulation;
pub mod sockets;

use std::path::Path;

/// The keys of a provider of kind `http` that resets passwords at Zoom, and so at the sandbox.
pub const ZOOM_TABLE: &str = include_str!("zoom_table.toml");

/// The workspace's root folder.
pub fn root() -> &'static Path {
    let testkit = Path::new(env!("CARGO_MANIFEST_DIR"));
    testkit.ancestors().nth(2).unwrap_or(testkit)
}
