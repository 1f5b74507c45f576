//! Malicious and broken servers over real sockets: the call returns in time with a true outcome, reads a bounded
//! amount, and shows no secret and no terminal control.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod echoes;
mod responses;
