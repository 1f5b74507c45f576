//! Whole runs against providers in memory.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod aliases;
mod input;
mod input_passwords;
mod reports;
mod resume;
mod runs;
mod secrets;
mod service;
mod stop_reasons;
mod world;
