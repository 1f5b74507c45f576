//! Provider-neutral password changes: the trait [`PasswordService`] that every provider implements, its validated
//! inputs, its outcomes and errors, and password policies. No I/O, no async runtime, no HTTP.
//!
//! ```no_run
//! use repass_domain::{CallContext, Password, PasswordService, PasswordServiceExt as _};
//!
//! # async fn example(service: std::sync::Arc<dyn PasswordService>) -> Result<(), Box<dyn std::error::Error>> {
//! let new = Password::new("New-Passw0rd")?;
//! match service.reset(&CallContext::default(), "alice@example.com".parse()?, new).await {
//!     Ok(_) => println!("changed"),
//!     Err(error) => match error.unknown_outcome() {
//!         None => println!("the old password still works: {error}"),
//!         Some(handle) => println!("store {handle:?} and resolve it later: {error}"),
//!     },
//! }
//! # Ok(()) }
//! ```
//!
//! # Types of other crates
//!
//! These crates are part of the public API, so a new major version of one is a new major version of this crate:
//! `async-trait` (the traits), `secrecy` (passwords), `serde` (serialization), `serde_json` (values of profile
//! fields), `uuid` (the id of an unknown outcome).

mod capabilities;
mod change;
mod code;
mod context;
mod detail;
mod error;
mod error_kind;
mod evidence;
#[cfg(feature = "mock")]
mod in_memory;
mod outcome;
mod password;
mod policy;
mod preflight;
mod profile;
mod redaction;
mod rule;
mod secret_text;
mod service;
mod untypeable;
mod user_id;
mod user_key;
mod violation;

pub use capabilities::Capabilities;
pub use change::{ChangeMode, PasswordChange};
pub use code::UnknownCode;
pub use context::{BeforeSend, CallContext};
pub use detail::{CallRedactor, ProviderDetail};
pub use error::Error;
pub use error_kind::ErrorKind;
pub use evidence::{Evidence, Grade};
#[cfg(feature = "mock")]
pub use in_memory::InMemoryPasswordService;
pub use outcome::{ChangeReceipt, Outcome, PriorState, Resolution, UnknownOutcome};
pub use password::{InvalidPassword, Password};
pub use policy::{
    Blocklist, Counting, ImpossiblePolicy, LayeredPolicy, MalformedHashes, PasswordPolicy, PolicyBuilder,
    PolicyRule, Preset, RangeQuery, UnknownPreset,
};
pub use preflight::PreflightService;
#[cfg(feature = "mock")]
pub use profile::MockUserProfileService;
pub use profile::{FieldProblem, ProfileUpdate, UserProfileService};
pub use redaction::Redactor;
pub use rule::{Rule, UntypeableChar};
#[cfg(feature = "mock")]
pub use service::MockPasswordService;
pub use service::{PasswordService, PasswordServiceExt};
pub use user_id::{InvalidUserId, UserId};
pub use user_key::UserKey;
pub use violation::{Certainty, PolicyLayer, Violation};
