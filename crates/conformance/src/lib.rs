//! The laws that every [`PasswordService`](repass_domain::PasswordService) must obey, as a test suite for any adapter.
//!
//! Implement [`Subject`] and [`TestEnv`]: a service, an oracle that knows what its provider really did, and a way to
//! inject faults. [`check`] then makes one call under each [`Fault`], judges it by each [`Law`], and returns a
//! [`Report`]. The service's own claims prove nothing: a service that always returns "unknown" breaks
//! [`Law::Doubt`], and one that never does breaks [`Law::Truth`].
//!
//! For an adapter that speaks HTTP, [`HttpSubject`] does all of this: pass it the adapter and a function that responds
//! as the provider does. Other services implement the traits:
//!
//! ```
//! use std::sync::Arc;
//!
//! use async_trait::async_trait;
//! use repass_conformance::{OracleCounts, Subject, SubjectMode, TestEnv};
//! use repass_domain::{InMemoryPasswordService, PasswordService, UserId};
//!
//! struct InMemory;
//! struct OneUser(Arc<InMemoryPasswordService>);
//!
//! #[async_trait]
//! impl Subject for InMemory {
//!     fn name(&self) -> &str {
//!         "in memory"
//!     }
//!     fn mode(&self) -> SubjectMode {
//!         SubjectMode::AdminReset
//!     }
//!     async fn env(&self) -> Box<dyn TestEnv> {
//!         let service = InMemoryPasswordService::new("memory").with_user("alice", "Canary-0");
//!         Box::new(OneUser(Arc::new(service)))
//!     }
//! }
//!
//! #[async_trait]
//! impl TestEnv for OneUser {
//!     fn service(&self) -> Arc<dyn PasswordService> {
//!         Arc::clone(&self.0) as _
//!     }
//!     fn user(&self) -> UserId {
//!         "alice".parse().unwrap()
//!     }
//!     fn current(&self) -> String {
//!         "Canary-0".to_owned()
//!     }
//!     fn password(&self, n: usize) -> String {
//!         format!("Canary-{n}")
//!     }
//!     async fn counts(&self) -> OracleCounts {
//!         OracleCounts { set: self.0.applied().len() as u64, ..OracleCounts::default() }
//!     }
//!     async fn accepts(&self, password: &str) -> bool {
//!         self.0.accepts("alice", password)
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let report = repass_conformance::check(&InMemory).await;
//! report.assert();
//! println!("{report}");
//! # })
//! ```

mod cancellation;
mod check;
mod drive;
mod fault;
mod harness;
mod http;
mod law;
mod no_send;
mod order;
mod report;
mod subject;
mod table;
mod trial;

pub use check::{Suite, check};
pub use drive::until_pending;
pub use fault::{Delay, Ending, Fault, Format, RequestPart, ResponsePart, Timing};
pub use http::{HttpSubject, ProviderRequest, ProviderResponse};
pub use law::Law;
pub use report::{CallOutcome, Counts, LawResult, Report, Row};
pub use subject::{OracleCounts, Skip, Subject, SubjectMode, TestEnv};
pub use table::Summary;
