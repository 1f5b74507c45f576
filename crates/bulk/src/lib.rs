//! Many password changes: journalled, resumable, reported, with nothing lost.
//!
//! A [`Run`] is a folder with a journal. Rows come from an [`Input`] (CSV or JSON lines), are taken in, and sent
//! by as many sessions ([`Run::execute`]) as it takes. Providers are [`Provider`]s around any
//! `Arc<dyn PasswordService>`: rates, back-off and tokens are theirs, concurrency and memory of what happened are
//! this crate's.
//!
//! # What is promised
//!
//! | at any instant of a crash | because |
//! | --- | --- |
//! | a password that may have reached the provider can be read back | it is sealed in the file of secrets, on the disk, before its row is `sending` |
//! | what may have been sent is never taken for what was not | `sending` is on the disk before the request is made; found after a crash, it is `unknown` |
//! | what was not sent is sent, once | `pending` rows are done again, with a fresh password |
//! | no row is lost or there twice | the line in the input is the journal's key |
//! | no password is in the journal, a report or an event, nor a hash of one | they hold users, outcomes and the providers' scrubbed words |
//!
//! # How it is fast
//!
//! One thread writes. It takes all that waits (rows to begin, outcomes, passwords to seal), commits rows and
//! outcomes as one transaction, and gives the rows back to be sent. Passwords are sealed as one batch, well ahead
//! of their rows. Meanwhile the next batch gathers, so syncs are shared by as many rows as come in while one lasts.
//!
//! # The files
//!
//! `journal.sqlite` in the run's folder, for its owner alone; `lock`, which keeps a second process out; and the
//! file of secrets: complete age files in ASCII armor one after the other, each with one JSON object a line
//! (`line`, `user`, `provider`, `attempt`, `batch`, `new_password`). `repass bulk secrets` reads it; plain `age`
//! does too, part by part:
//!
//! ```sh
//! csplit -sz -f part- -n 6 secrets.age '/^-----BEGIN AGE/' '{*}'
//! for part in part-*; do age -d -i key.txt "$part"; done
//! ```
//!
//! With a passphrase, the first part is sealed with it and holds the key to all others.

mod dry_run;
mod error;
mod input;
mod journal;
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
    SecretsProtection, SessionOptions, Shutdown, StopReason,
};
pub use secrets::{Key, Recipients, SecretRecord, SecretStatus, SecretStatuses, read_secrets};
