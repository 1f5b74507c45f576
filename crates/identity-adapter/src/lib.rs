//! Password changes at the UiPath identity portal: `POST {base}/api/User/{userId}/changepassword`
//! by the user, `PUT {base}/api/User/{userId}` by an administrator.
//!
//! Every adapter has the same rooms: `config`, `request` (change → wire request, pure), `verdict`
//! (answer → what it means, one table) and `service`.
//!
//! Facts about the portal are graded where they are used: *documented* (its guides or published
//! schema), *observed* (by public clients of the real service), *framework* (the source of the
//! framework it is built on), *inferred* (ours).

mod config;
mod request;
mod service;
mod verdict;

pub use config::IdentityConfig;
pub use service::IdentityService;
