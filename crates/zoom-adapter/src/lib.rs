//! Password changes at Zoom: `PUT /v2/users/{userId}/password`, by an administrator.
//!
//! Every adapter has the same rooms: `config`, `request` (change → wire request, pure), `verdict`
//! (answer → what it means, one table) and `service`.
//!
//! Facts about Zoom are graded where they are used: *documented* (Zoom's own specification, SDK or
//! help pages), *observed* (seen on the wire by others), *inferred* (ours).

mod config;
mod request;
mod service;
mod verdict;

pub use config::{BodyEncoding, Plan, ZoomConfig};
pub use service::ZoomService;
