//! The laws over all that there is in this workspace, and over services that break them.
//!
//! `cargo test -p repass-conformance --test laws matrix -- --nocapture` prints the table.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod directories;
mod every_await;
mod faulty_services;
mod http_subject;
mod log;
mod lost_responses;
mod matrix;
mod memory;
mod sandbox_faults;
mod services;
mod sidecar;
mod test_envs;
mod violations;
