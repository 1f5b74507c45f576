//! Whole runs against providers in memory.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod again;
mod aliases;
mod given;
mod input;
mod runs;
mod secrets;
mod service;
mod stops;
mod world;
