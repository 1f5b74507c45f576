//! The file of secrets: the new passwords, encrypted.
//!
//! The file is a sequence of complete age files in ASCII armor, one per batch of rows, each durable before any of its
//! rows is sent. Each contains one JSON object per line. With a passphrase, the first age file is encrypted with it and
//! contains a key for all others: deriving a key from a passphrase is slow by design, too slow to repeat per batch.

mod given;
mod key;
mod reader;
mod writer;

pub(crate) use given::{GivenPasswords, open_given, seal_given};
pub use key::{Key, Recipients};
pub(crate) use reader::needs_passphrase;
pub(crate) use reader::read_sealed;
pub use reader::{SecretRecord, SecretStatus, read_secrets};
pub(crate) use writer::{Entry, SecretsWriter};
