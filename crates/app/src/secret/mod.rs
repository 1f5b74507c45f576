//! Secrets of the configuration: where they come from, and how they are read without leaving a copy behind.

mod bytes;
mod file;
mod reference;

#[cfg(feature = "cli")]
pub(crate) use bytes::{read_at_most, remove_paste_marks, without_byte_order_mark, without_final_newline};
#[cfg(feature = "cli")]
pub(crate) use file::open_private;
pub use reference::{SecretError, SecretRef};
