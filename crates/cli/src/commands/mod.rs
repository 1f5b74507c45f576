//! One file for each command.

pub(super) mod bulk;
pub(super) mod change;
pub(super) mod completions;
pub(super) mod config;
pub(super) mod demo;
pub(super) mod doctor;
pub(super) mod generate;
pub(super) mod man;
pub(super) mod policy;
pub(super) mod providers;
pub(super) mod reset;
pub(super) mod resolve;
pub(super) mod sandbox;
pub(super) mod serve;
pub(super) mod shared;
pub(super) mod user;
