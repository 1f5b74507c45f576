//! LDAP version 3 (RFC 4511): messages in both directions, and the way to a directory.
//!
//! An [`LdapTransport`] opens a [`Session`] for each call, which carries one change at most. Whether a change that got no
//! response may have been made follows from its last byte: a server acts on whole messages only. The table behind
//! [`AttemptOutcome`](crate::AttemptOutcome) is the same as for HTTP.
//!
//! Requests are encoded into buffers of exactly their size that are wiped, and responses are read without a panic from
//! any bytes. Both directions are public, so that test servers and emulations share the codec.

pub mod ber;
pub mod code;
mod connection;
mod connector;
mod control;
pub mod oid;
mod request;
mod response;
mod transport;
mod url;

pub use connector::{LdapConnector, LdapLink, LdapStream, NetworkConnector};
pub use control::{Control, PasswordPolicyControl, PasswordWarning};
pub use request::{
    Authentication, Filter, Modification, Operation, PasswordModify, Request, Scope, Search, Value,
};
pub use response::{Entry, Extended, LdapResult, Message, Response};
pub use transport::{Identity, LdapChange, LdapCredentials, LdapTransport, Reply, Session};
pub use url::{InvalidLdapUrl, LdapUrl};
