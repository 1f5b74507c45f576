//! Password changes at the UiPath identity portal: `POST {base}/api/User/{userId}/changepassword`
//! by the user, `PUT {base}/api/User/{userId}` by an administrator.
//!
//! Every adapter has the same files: `settings`, `kind` (its [`ProviderKind`](repass_provider::ProviderKind)), `request`
//! (from a change to a request), `errors` (from a response to its classification: one table), `token` (how it gets
//! tokens), `policy` and `service`.
//!
//! Facts about the portal are graded where they are used: *documented* (its guides or published
//! schema), *outcome* (by public clients of the real service), *framework* (the source of the
//! framework it is built on), *inferred* (ours).

mod errors;
mod kind;
mod lookup;
mod policy;
mod preflight;
mod request;
mod service;
mod settings;
mod token;

pub use service::IdentityService;
pub use settings::{Deployment, IdentitySettings};
pub use token::client_credentials;
