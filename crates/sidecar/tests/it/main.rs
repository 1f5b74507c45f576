//! The sidecar over services in memory: every status, keys, limits, connections.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod connections;
mod hosts;
mod idempotency;
mod lookups;
mod statuses;
mod world;
