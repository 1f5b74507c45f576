//! Checks the guide: samples work, commands exist, questions are answered, dependencies are documented. Its Rust
//! samples are compiled as documentation tests.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod commands;
mod configuration;
mod configuration_keys;
mod dependencies;
mod faults;
mod links;
mod pages;
mod questions;
mod quick_start;
