//! Secrets of the configuration: where they come from, and how they are read without leaving a copy behind.

mod access;
mod bytes;
mod command;
mod file;
mod reference;

pub use bytes::{read_at_most, remove_paste_marks, without_byte_order_mark, without_final_newline};
pub use command::kill_commands;
pub use file::open_private;
pub use file::{OpenError, open_trusted};
pub use reference::{SecretError, SecretRef};
