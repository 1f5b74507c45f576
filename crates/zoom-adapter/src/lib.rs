//! Password changes at Zoom: `PUT /v2/users/{userId}/password`, by an administrator; and its
//! neighbour, profile updates: `PATCH /v2/users/{userId}`.
//!
//! Every adapter has the same files: `settings`, `kind` (its [`ProviderKind`](repass_provider::ProviderKind)), `request`
//! (from a change to a request), `errors` (from a response to its classification: one table), `token` (how it gets
//! tokens), `policy` and `service`.
//!
//! Facts about Zoom are graded where they are used: *documented* (Zoom's own specification, SDK or
//! help pages), *observed* (seen by others), *inferred* (ours).

mod errors;
mod kind;
mod policy;
mod preflight;
mod profile;
mod request;
mod service;
mod settings;
mod token;

pub use service::ZoomService;
pub use settings::{BodyEncoding, Plan, ZoomSettings};
pub use token::{TOKEN_URL, server_to_server, token_url};
