//! Object identifiers of operations and controls.

/// The OID of the Password Modify operation (RFC 3062).
pub const PASSWORD_MODIFY: &str = "1.3.6.1.4.1.4203.1.11.1";
/// The OID of the `StartTLS` operation (RFC 4511, section 4.14).
pub const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
/// The OID of the Notice of Disconnection (RFC 4511, section 4.4.1).
pub const NOTICE_OF_DISCONNECTION: &str = "1.3.6.1.4.1.1466.20036";
/// The OID of the password policy control (draft-behera-ldap-password-policy).
pub const PASSWORD_POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";
/// The OID of the assertion control (RFC 4528).
pub const ASSERTION: &str = "1.3.6.1.1.12";
/// The OID of 389 Directory Server's control: the password has expired or must be changed.
pub const PASSWORD_EXPIRED: &str = "2.16.840.1.113730.3.4.4";
/// The OID of the capability that identifies an Active Directory.
pub const ACTIVE_DIRECTORY: &str = "1.2.840.113556.1.4.800";
/// The OID of the capability that identifies a read-only domain controller, with the secrets of some users.
pub const READ_ONLY_DOMAIN_CONTROLLER: &str = "1.2.840.113556.1.4.1920";
