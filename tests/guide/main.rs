//! The guide, held to what it says: its samples work, its commands exist, its answers can be found; and what
//! `ARCHITECTURE.md` says of dependencies.
//! Its Rust is compiled with the documentation's tests.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod commands;
mod configuration;
mod configuration_keys;
mod dependencies;
mod faults;
mod links;
mod pages;
mod questions;
mod start;
