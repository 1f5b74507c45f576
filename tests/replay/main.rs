//! Raw answers, replayed byte for byte: what gateways, frameworks and providers really send, each with the one
//! right outcome. A row is a case of a kind; a new provider adds its calls to [`case::Call`] and its rows beside
//! these.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod case;
mod echoes;
mod foreign;
mod heads;
mod limits;
mod portal;
mod proof;
mod server;
mod tokens;
mod zoom;
