//! What can be asked, a file for each route.

mod answer;
mod body;
mod call;
mod changes;
mod policy;
mod problem;
mod providers;
mod resolutions;
mod state;
mod trace;

pub(crate) use answer::{Answer, Retention};
pub(crate) use body::MOST_BYTES;
pub(crate) use call::OVERLOADED;
pub(crate) use changes::change;
pub(crate) use policy::{check, generate, show};
pub(crate) use problem::{CODES, Problem, Told};
pub(crate) use providers::{capabilities, list};
pub(crate) use resolutions::resolve;
pub(crate) use state::{health, metrics, ready};

// utoipa's macro looks for what it makes beside the handler.
pub(crate) mod paths {
    pub(crate) use super::changes::__path_change;
    pub(crate) use super::policy::{__path_check, __path_generate, __path_show};
    pub(crate) use super::providers::{__path_capabilities, __path_list};
    pub(crate) use super::resolutions::__path_resolve;
    pub(crate) use super::state::{__path_health, __path_metrics, __path_ready};
}
