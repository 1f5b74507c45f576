//! Password changes in bulk: journaled, resumable and reported.
//!
//! A [`Run`] has a journal, in a directory or in a database that several processes share. Rows come from an [`Input`] (CSV or JSON lines), are ingested, and are sent in
//! one or more sessions ([`Run::execute`]). A [`Provider`] wraps any `Arc<dyn PasswordService>`, which handles rate
//! limits, retries and tokens. This crate handles concurrency and the record of what happened.
//!
//! # Guarantees
//!
//! | after a crash at any moment | because |
//! | --- | --- |
//! | a password that may have reached the provider can be read back | it is durable in the file of secrets before its row is `sending` |
//! | a change that may have been sent is never reported as not sent | `sending` is durable before the request; after a crash it becomes `unknown` |
//! | a change that was not sent is sent once | `pending` rows are sent with a fresh password |
//! | no row is lost or duplicated | the line in the input is the journal's key |
//! | no password and no hash of one is in the journal, a report or an event | they contain user ids, outcomes and redacted provider messages |
//!
//! # Performance
//!
//! One thread writes. It takes everything that is pending (rows to send, outcomes, passwords to seal), commits rows and
//! outcomes in one transaction, and then lets the rows send. Passwords are sealed in batches, well ahead of their rows.
//! The next batch collects during a write, so a sync is shared by all rows that arrive during the previous one.
//!
//! # Files
//!
//! The run's directory contains `journal.sqlite`, readable by its owner only, and `lock`, which excludes a second
//! process. The file of secrets is a sequence of complete age files in ASCII armor, each with one JSON object per line
//! (`line`, `user`, `provider`, `attempt`, `batch`, `new_password`). `repass bulk secrets` reads it, and so does plain
//! `age`, part by part:
//!
//! ```sh
//! csplit -sz -f part- -n 6 secrets.age '/^-----BEGIN AGE/' '{*}'
//! for part in part-*; do age -d -i key.txt "$part"; done
//! ```
//!
//! With a passphrase, the first part is encrypted with it and contains the key to all others.

mod dry_run;
mod error;
mod input;
pub mod journal;
mod provider;
mod report;
mod run;
mod secrets;

pub use dry_run::{dry_run, preflight};
pub use error::BulkError;
pub use input::{Input, MAX_ROW_BYTES, PasswordSource};
pub use journal::{ReasonCount, ReportRow, RowStatus, RunSummary, SessionSummary, Tally};
pub use provider::{Provider, ProviderIdentity, ProviderNames};
pub use report::{write_csv, write_html, write_json};
pub use run::{
    Canary, Confirm, Hooks, IN_FLIGHT_WINDOW, OnUnknown, Progress, RowEvent, RowSource, Run, RunManifest,
    RunName, RunReader, SecretsPlace, SecretsProtection, SessionOptions, Shutdown, StopReason,
};
pub use secrets::{Key, Recipients, SecretRecord, SecretStatus, read_secrets};
