//! LDAP version 3 (RFC 4511): messages in both directions.
//!
//! Requests are encoded into buffers of exactly their size that are wiped, and responses are read without a panic from
//! any bytes. Both directions are public, so that test servers and emulations share the codec.

pub mod ber;
mod control;
pub mod oid;
mod request;
mod response;

pub use control::{Control, PasswordPolicyControl, PasswordWarning};
pub use request::{
    Authentication, Filter, Modification, Operation, PasswordModify, Request, Scope, Search, Value,
};
pub use response::{Entry, Extended, LdapResult, Message, Response};
