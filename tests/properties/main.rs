//! What must hold for anything: that others' answers and custom files can be whatever they like, and
//! that what is written can be read back.
//!
//! `PROPTEST_CASES=100000` tries a number of of each instead of 256. What once failed is tried first, from the
//! files beside these.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod answers;
mod bodies;
mod config;
mod paths;
mod seeds;
mod tokens;
