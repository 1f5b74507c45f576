//! HTTP messages: reading what any client sends, writing what a provider responses.

pub(crate) mod basic;
pub(crate) mod content_type;
pub(crate) mod multipart;
pub(crate) mod path;
pub(crate) mod response;
