//! Password changes at Zoom: `PUT /v2/users/{userId}/password`, by an administrator; and its
//! neighbour, profile updates: `PATCH /v2/users/{userId}`.
//!
//! Every adapter has the same rooms: `settings`, `kind` (what others must know of it), `request` (change → wire
//! request, pure), `classification` (response → what it means, one table), `token` (the provider's way to grant them) and
//! `service`.
//!
//! Facts about Zoom are graded where they are used: *documented* (Zoom's own specification, SDK or
//! help pages), *outcome* (seen on the wire by others), *inferred* (ours).

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
