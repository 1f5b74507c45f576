//! The sandbox over real sockets.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod client;
mod directory;

mod faults;
mod faults_answers;
mod identity;
mod identity_limits;
mod identity_reads;
mod identity_token;
mod ledger;
mod multipart;
mod start;
mod zoom;
mod zoom_limits;
mod zoom_profile;
mod zoom_reads;
mod zoom_token;
