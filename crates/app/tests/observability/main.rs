//! What can be watched, and the page that says so.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod documented;
mod metrics;
