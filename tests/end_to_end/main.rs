//! The real binary and library against the sandbox, over real HTTP.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod bad_input;
mod binary;
mod bytes;
mod canaries;
mod doctor;
mod encoding;
mod exit_codes;
mod policy;
mod policy_breach;
mod sandbox_command;
mod secrets;
mod tokens;
mod unknown;
mod user_update;
mod world;
