//! Password changes at Zoom: `PUT /v2/users/{userId}/password`, by an administrator; and its
//! neighbour, profile updates: `PATCH /v2/users/{userId}`.
//!
//! Every adapter has the same rooms: `config`, `kind` (what others must know of it), `request` (change → wire
//! request, pure), `verdict` (answer → what it means, one table), `token` (the provider's way to grant them) and
//! `service`.
//!
//! Facts about Zoom are graded where they are used: *documented* (Zoom's own specification, SDK or
//! help pages), *observed* (seen on the wire by others), *inferred* (ours).

mod config;
mod kind;
mod policy;
mod preflight;
mod profile;
mod request;
mod service;
mod token;
mod verdict;

pub use config::{BodyEncoding, Plan, ZoomConfig};
pub use service::ZoomService;
pub use token::{TOKEN_URL, server_to_server, token_url};
