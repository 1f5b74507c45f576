//! The HTTP API, one file per route.

mod body;
mod call;
mod changes;
mod docs_page;
mod health;
pub(crate) mod openapi;
mod policy;
mod problem;
mod providers;
mod resolutions;
mod response;
mod router;
mod trace;

pub(crate) use body::MAX_BODY_BYTES;
pub(crate) use call::OVERLOADED;
pub(crate) use problem::{Problem, ProblemBody};
pub(crate) use response::{ApiResponse, Retention};
pub(crate) use router::{DescriptionCache, description, respond, router};
