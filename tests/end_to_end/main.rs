//! The real binary and library against the sandbox, over real HTTP.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod bad_input;
mod binary;
mod bulk;
mod bulk_aliases;
mod bulk_crash_recovery;
mod bulk_disk;
mod bulk_settle;
mod bytes;
mod deployment;
mod doctor;
mod encoding;
mod exit_codes;
mod output;
mod packaging;
mod policy;
mod policy_breach;
#[cfg(target_os = "linux")]
mod prompt;
mod sandbox_command;
mod secret_commands;
mod secret_leaks;
mod secrets;
mod serve;
mod tokens;
mod unknown;
mod user_update;
mod world;
