//! Searches all writable memory of a process that made changes for copies of the passwords, while its connections are
//! still open.
//!
//! 1,250 changes, 250 of each kind; `REPASS_MEMORY_CHANGES=1000` makes 1,000 of each.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![cfg(target_os = "linux")]

mod binary;
mod bulk;
mod calls;
mod library;
mod needles;
mod plain_client;
mod scan;
mod secrets;
mod sidecar;
mod subject;
mod test_env;
