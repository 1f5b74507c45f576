//! Secrets of the configuration: where they come from, and how they are read without leaving a copy behind.

mod access;
mod bytes;
mod command;
mod file;
mod reference;

#[cfg(feature = "cli")]
pub(crate) use bytes::{read_at_most, remove_paste_marks, without_byte_order_mark, without_final_newline};
#[cfg(feature = "cli")]
pub(crate) use command::end_all as end_commands;
#[cfg(feature = "cli")]
pub(crate) use file::open_private;
pub(crate) use file::{Refused, open_trusted};
pub use reference::{SecretError, SecretRef};
