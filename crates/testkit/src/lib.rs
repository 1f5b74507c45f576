//! The workspace as a whole under test.
//!
//! - `house_rules.rs` holds what ARCHITECTURE.md says.
//! - `end_to_end` runs the real binary and library against the sandbox. It is compiled as a test of
//!   the package `repass`, the only one to which Cargo hands its binary.
//! - [`simulation`] and [`sockets`] make random calls under random faults and behind random gateways, and
//!   compare every outcome with what really happened: `cargo run --release -p xtask -- simulate`.
//! - [`crash_recovery`] kills `repass bulk` and compares what it says with what was done: `--bin kill_bulk`.
//! - [`fuzzing`] holds what must hold for any input: `fuzz/README.md`.

pub mod crash_recovery;
pub mod fuzzing;
mod gateway;
pub mod simulation;
pub mod sockets;

use std::path::Path;

/// The workspace's root folder.
pub fn root() -> &'static Path {
    let testkit = Path::new(env!("CARGO_MANIFEST_DIR"));
    testkit.ancestors().nth(2).unwrap_or(testkit)
}
