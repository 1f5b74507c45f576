//! The real binary and library against the sandbox, over real HTTP.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod binary;
mod bulk;
mod bulk_aliases;
mod bulk_crash_recovery;
mod bulk_disk;
mod bulk_resolve;
mod bulk_shared;
mod deployment;
mod directories;
mod doctor;
mod exit_codes;
mod http_table;
mod invalid_input;
mod output;
mod packaging;
mod password_bytes;
mod policy;
mod policy_breach;
#[cfg(target_os = "linux")]
mod prompt;
mod redacted_output;
mod request_encoding;
mod sandbox_command;
mod secret_commands;
mod secret_leaks;
mod serve;
mod test_env;
mod tokens;
mod unknown_outcomes;
mod user_update;
