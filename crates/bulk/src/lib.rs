//! Bulk.

mod dry;
mod input;
mod journal;
mod problem;
mod provider;
mod report;
mod run;
mod secrets;

pub use dry::dry_run;
pub use input::{Input, LONGEST_ROW, Passwords};
pub use journal::{Facts, Outcome, Reason, Record, SessionFacts, Tally};
pub use problem::Problem;
pub use provider::{Names, Provider};
pub use report::{write_csv, write_html, write_json};
pub use run::{
    Ask, Canary, Controls, Event, Haste, OnUnknown, Operator, Progress, Run, SecretsTo, Source, Stopped,
    Terms,
};
pub use secrets::{Key, Opened, Recipients, SecretState, States, open};
