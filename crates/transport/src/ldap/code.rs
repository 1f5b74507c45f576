//! Result codes (RFC 4511, appendix A) that repass reads.

/// Done.
pub const SUCCESS: u32 = 0;
/// The server failed inside, or the operation does not fit the connection.
pub const OPERATIONS_ERROR: u32 = 1;
/// The request is not what the server understands.
pub const PROTOCOL_ERROR: u32 = 2;
/// The bind must be stronger, or encrypted.
pub const STRONGER_AUTH_REQUIRED: u32 = 8;
/// Another server is responsible.
pub const REFERRAL: u32 = 10;
/// A critical control or extension is not known.
pub const UNAVAILABLE_CRITICAL_EXTENSION: u32 = 12;
/// The connection must be encrypted.
pub const CONFIDENTIALITY_REQUIRED: u32 = 13;
/// The attribute or value to delete is not there.
pub const NO_SUCH_ATTRIBUTE: u32 = 16;
/// The schema or a policy forbids the value.
pub const CONSTRAINT_VIOLATION: u32 = 19;
/// The attribute has a value already.
pub const ATTRIBUTE_OR_VALUE_EXISTS: u32 = 20;
/// The value has the wrong syntax.
pub const INVALID_ATTRIBUTE_SYNTAX: u32 = 21;
/// There is no such entry.
pub const NO_SUCH_OBJECT: u32 = 32;
/// The DN cannot be read.
pub const INVALID_DN_SYNTAX: u32 = 34;
/// The credentials are wrong, or cannot be used now.
pub const INVALID_CREDENTIALS: u32 = 49;
/// The identity may not do this.
pub const INSUFFICIENT_ACCESS_RIGHTS: u32 = 50;
/// The server is busy and did nothing.
pub const BUSY: u32 = 51;
/// The server is shutting down or offline.
pub const UNAVAILABLE: u32 = 52;
/// The server will not do it.
pub const UNWILLING_TO_PERFORM: u32 = 53;
/// The entry cannot have the attribute.
pub const OBJECT_CLASS_VIOLATION: u32 = 65;
/// An assertion did not hold (RFC 4528).
pub const ASSERTION_FAILED: u32 = 122;
