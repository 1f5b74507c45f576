//! Password changes at the UiPath identity portal: `POST {base}/api/User/{userId}/changepassword`
//! by the user, `PUT {base}/api/User/{userId}` by an administrator.
//!
//! Every adapter has the same rooms: `config`, `kind` (what others must know of it), `request` (change → wire
//! request, pure), `verdict` (answer → what it means, one table), `token` (the provider's way to grant them) and
//! `service`.
//!
//! Facts about the portal are graded where they are used: *documented* (its guides or published
//! schema), *observed* (by public clients of the real service), *framework* (the source of the
//! framework it is built on), *inferred* (ours).

mod config;
mod kind;
mod lookup;
mod policy;
mod preflight;
mod request;
mod service;
mod token;
mod verdict;

pub use config::{Deployment, IdentityConfig};
pub use service::IdentityService;
pub use token::client_credentials;
