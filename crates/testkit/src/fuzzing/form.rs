//! Forms as browsers send them, read back by an independent reader.

use repass_transport::SecretBody;

use super::fields::{borrowed, fields};

/// Fuzzes form bodies. The bytes are fields.
///
/// # Panics
/// If a law is broken.
pub fn target(data: &[u8]) {
    check(&fields(data));
}

/// Checks the laws of form bodies with this one.
///
/// # Panics
/// If a law is broken.
pub fn check(fields: &[(String, String)]) {
    let bytes = SecretBody::form(&borrowed(fields)).bytes();
    assert!(bytes.is_ascii());
    let read: Vec<_> = url::form_urlencoded::parse(&bytes).into_owned().collect();
    assert_eq!(read, fields);
}
