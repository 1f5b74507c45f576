//! Password changes in directories: at OpenLDAP, 389 Directory Server and others by LDAP, and at Active Directory.
//!
//! A call finds the user by an attribute, reads what will prove the change afterwards, and sends one change over one
//! connection. The outcome is that of the server that answered: replicas follow later.

mod dialect;
mod errors;
mod guard;
mod kind;
mod lookup;
mod policy;
mod preflight;
mod request;
mod server;
mod service;
mod settings;

pub use service::DirectoryService;
pub use settings::{ActiveDirectorySettings, LdapSettings, MarkerSettings};
