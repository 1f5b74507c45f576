//! Object identifiers of operations and controls.

/// Operation: Password Modify (RFC 3062).
pub const PASSWORD_MODIFY: &str = "1.3.6.1.4.1.4203.1.11.1";
/// Operation: `StartTLS` (RFC 4511, section 4.14).
pub const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
/// Notice of Disconnection (RFC 4511, section 4.4.1).
pub const NOTICE_OF_DISCONNECTION: &str = "1.3.6.1.4.1.1466.20036";
/// Control: what the password policy says (draft-behera-ldap-password-policy).
pub const PASSWORD_POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";
/// Control: an assertion that must hold (RFC 4528).
pub const ASSERTION: &str = "1.3.6.1.1.12";
/// Control of 389 Directory Server: the password has expired or must be changed.
pub const PASSWORD_EXPIRED: &str = "2.16.840.1.113730.3.4.4";
/// Capability: Active Directory.
pub const ACTIVE_DIRECTORY: &str = "1.2.840.113556.1.4.800";
/// Capability: the server is a read-only domain controller, with the secrets of some users.
pub const READ_ONLY_DOMAIN_CONTROLLER: &str = "1.2.840.113556.1.4.1920";
