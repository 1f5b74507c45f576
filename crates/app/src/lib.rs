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
//! A call that is dropped may leave a change behind whose outcome is never reported. Web frameworks drop a handler when its
//! client disconnects, so run the change in a separate task (`tokio::spawn`).
//!
//! # Features
//!
//! Each works alone. Without any of them, `Services` hold the adapters that you add.
//!
//! | feature | adds | default |
//! | --- | --- | --- |
//! | `zoom`, `identity` | one provider type each | yes |
//! | `mock` | `MockPasswordService` and `InMemoryPasswordService`, for your tests | no |
//! | `postgres` | `[shared]`: state that several processes share in PostgreSQL | no |
//! | `sandbox` | both providers emulated over real HTTP, for your tests: the module `sandbox` | no |
//!
//! # Types of other crates
//!
//! Besides the types of [the domain](repass_domain), the API uses `repass_provider` (provider types), `repass_transport` (the
//! HTTP client of a provider's addresses), `secrecy` (secrets given in code), `serde` (configurations and audit records are
//! serialized), `serde_json` (the JSON schema of a configuration), `uuid` (the id of a call in the audit), `validator` (how a configuration checks itself) and `zeroize`
//! (buffers that are wiped).

pub mod config;
#[cfg(doctest)]
mod guide;
mod layers;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod secrets;
mod services;

pub use config::{Config, ConfigError};
pub use layers::{AuditEvent, AuditRecord, AuditSink, JsonLines, Layers, LocalPolicy, describe_metrics};
pub use repass_domain::*;
#[cfg(feature = "postgres")]
pub use services::SharedState;
pub use services::{Services, ServicesBuilder, UnknownProvider};
