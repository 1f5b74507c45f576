//! The laws that every [`PasswordService`](repass_domain::PasswordService) must obey, to be run over anyone's
//! adapter.
//!
//! A tester implements [`Subject`] and [`World`]: a service, an oracle that knows what its provider really did,
//! and a way to make things go wrong. [`check`] then makes one call for each [`Fault`] of the catalogue, judges
//! it by each [`Law`], and tells all of it in a [`Report`]. No opinion of the service enters: a service that
//! always says "unknown" breaks [`Law::Doubt`], and one that never does breaks [`Law::Truth`].
//!
//! For an adapter that speaks HTTP all of that is there but the provider itself: [`OverHttp`] makes a subject of
//! an adapter and a function that answers as the provider does. What follows is for other services.
//!
//! ```
//! use std::sync::Arc;
//!
//! use async_trait::async_trait;
//! use repass_conformance::{By, Seen, Subject, World};
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
//!     fn by(&self) -> By {
//!         By::Administrator
//!     }
//!     async fn world(&self) -> Box<dyn World> {
//!         let service = InMemoryPasswordService::new("memory").with_user("alice", "Canary-0");
//!         Box::new(OneUser(Arc::new(service)))
//!     }
//! }
//!
//! #[async_trait]
//! impl World for OneUser {
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
//!     async fn seen(&self) -> Seen {
//!         Seen { set: self.0.applied().len() as u64, ..Seen::default() }
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

mod bench;
mod call;
mod check;
mod drive;
mod dropped;
mod fault;
mod http;
mod law;
mod order;
mod report;
mod still;
mod subject;
mod table;

pub use check::{Suite, check};
pub use drive::until_pending;
pub use fault::{AnswerPart, Delay, Ending, Fault, Format, RequestPart, When};
pub use http::{Asked, OverHttp, Told};
pub use law::Law;
pub use report::{CallOutcome, Counts, Report, Row, Verdict};
pub use subject::{By, Seen, Skip, Subject, World};
pub use table::Summary;
