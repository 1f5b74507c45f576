//! Servers that mean ill or have gone mad, over real sockets: a call ends all the same, tells the truth,
//! reads little, and shows nothing that could hurt.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod answers;
mod echoes;
mod peer;
