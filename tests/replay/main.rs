//! Raw responses of gateways, frameworks and providers, replayed byte for byte, each with its one right outcome.
//! A new provider adds its calls to [`case::Call`] and its rows beside these.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod case;
mod echoes;
mod foreign;
mod heads;
mod limits;
mod portal;
mod proof;
mod tokens;
mod zoom;
