//! Change a user's password at any provider, and know for certain whether it happened.
//!
//! A configuration names the providers; [`Services`] gives each of them as an
//! `Arc<dyn `[`PasswordService`]`>`, so that another provider is a matter of configuration:
//!
//! ```no_run
//! use repass::{CallContext, Password, PasswordChange, PasswordServiceExt as _, Services};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let service = Services::from_file("repass.toml")?.default_service()?;
//! let change = PasswordChange::reset("alice@example.com".parse()?, Password::new("New-Passw0rd-1")?);
//! match service.change_and_resolve(&CallContext::default(), &change).await {
//!     Ok(_) => println!("changed"),
//!     Err(error) => match error.unknown_outcome() {
//!         None => println!("not changed: {error}"),
//!         Some(handle) => println!("unknown; store {handle:?} and `resolve` it later: {error}"),
//!     },
//! }
//! # Ok(()) }
//! ```
//!
//! Calls need a tokio runtime with its I/O and time drivers on. Blocking callers make one and keep it:
//! `tokio::runtime::Builder::new_current_thread().enable_all().build()?`, then `runtime.block_on(call)` for each call.
//!
//! A call that is dropped may leave a change behind that nobody knows of. Web frameworks drop a handler when its client
//! disconnects, so run the change in a task of its own (`tokio::spawn`).
//!
//! # Features
//!
//! Each builds alone, and without any: `Services` then hold the adapters that you bring.
//!
//! | feature | brings | default |
//! | --- | --- | --- |
//! | `zoom`, `identity` | a provider each | yes |
//! | `cli` | the command line; who embeds the library leaves it out with `default-features = false` | yes |
//! | `mock` | `MockPasswordService` and `InMemoryPasswordService`, for your tests | no |
//! | `sandbox` | both providers emulated over real HTTP, for your tests: the module `sandbox` | no |
//!
//! # Types of other crates
//!
//! Besides those of [the domain](repass_domain): `repass_provider` (what is known of a kind of provider), `secrecy`
//! (secrets given in code), `serde` (configurations and audit records can be written), `uuid` (the id of a call in the
//! audit), `validator` (how a configuration judges itself).

pub mod config;
#[cfg(doctest)]
mod guide;
mod layers;
#[doc(hidden)]
pub mod provider_factory;
mod rate_limiters;
#[doc(hidden)]
pub mod rules;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod secrets;
mod services;

pub use config::{Config, ConfigError};
pub use layers::{AuditEvent, AuditRecord, AuditSink, JsonLines, Layers, LocalPolicy, describe_metrics};
pub use repass_domain::*;
pub use services::{Services, ServicesBuilder, UnknownProvider};
