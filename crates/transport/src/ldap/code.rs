//! Result codes (RFC 4511, appendix A) that repass reads.

/// LDAP result code 0: the operation succeeded.
pub const SUCCESS: u32 = 0;
/// LDAP result code: the server failed inside, or the operation does not fit the connection.
pub const OPERATIONS_ERROR: u32 = 1;
/// LDAP result code: the server does not understand the request.
pub const PROTOCOL_ERROR: u32 = 2;
/// LDAP result code: the bind must be stronger, or encrypted.
pub const STRONGER_AUTH_REQUIRED: u32 = 8;
/// LDAP result code: another server is responsible.
pub const REFERRAL: u32 = 10;
/// LDAP result code: the server does not know a critical control or extension.
pub const UNAVAILABLE_CRITICAL_EXTENSION: u32 = 12;
/// LDAP result code: the connection must be encrypted.
pub const CONFIDENTIALITY_REQUIRED: u32 = 13;
/// LDAP result code: the attribute or value to delete is not there.
pub const NO_SUCH_ATTRIBUTE: u32 = 16;
/// LDAP result code: the schema or a policy forbids the value.
pub const CONSTRAINT_VIOLATION: u32 = 19;
/// LDAP result code: the attribute has the value already.
pub const ATTRIBUTE_OR_VALUE_EXISTS: u32 = 20;
/// LDAP result code: the value has the wrong syntax.
pub const INVALID_ATTRIBUTE_SYNTAX: u32 = 21;
/// LDAP result code: there is no such entry.
pub const NO_SUCH_OBJECT: u32 = 32;
/// LDAP result code: the DN cannot be read.
pub const INVALID_DN_SYNTAX: u32 = 34;
/// LDAP result code: the credentials are wrong, or cannot be used now.
pub const INVALID_CREDENTIALS: u32 = 49;
/// LDAP result code: the bound identity may not do this.
pub const INSUFFICIENT_ACCESS_RIGHTS: u32 = 50;
/// LDAP result code: the server is busy and did nothing.
pub const BUSY: u32 = 51;
/// LDAP result code: the server is shutting down or offline.
pub const UNAVAILABLE: u32 = 52;
/// LDAP result code: the server will not do what was requested.
pub const UNWILLING_TO_PERFORM: u32 = 53;
/// LDAP result code: the entry cannot have the attribute.
pub const OBJECT_CLASS_VIOLATION: u32 = 65;
/// LDAP result code: an assertion did not hold (RFC 4528).
pub const ASSERTION_FAILED: u32 = 122;
