//! The new passwords, where only their reader can read them.
//!
//! The file is a sequence of complete age files in ASCII armor, one for each batch of rows, each on the disk
//! before any of its rows is sent. Inside is one JSON object a line. With a passphrase, the first age file is
//! sealed with it and holds a key made for this file, to which all others are sealed: a passphrase is made slow
//! to guess, which would be slow for every batch too.

mod key;
mod reader;
mod writer;

pub use key::{Key, Recipients};
pub use reader::{SecretRecord, SecretStatus, SecretStatuses, read_secrets};
pub(crate) use writer::{Entry, SecretsWriter};
