//! Forms as browsers send them, read back by an independent reader.

use repass_transport::SecretBody;

use super::fields::{borrowed, fields};

/// The bytes are fields.
///
/// # Panics
/// A law is broken.
pub fn target(data: &[u8]) {
    check(&fields(data));
}

/// # Panics
/// A law is broken.
pub fn check(fields: &[(String, String)]) {
    let bytes = SecretBody::form(&borrowed(fields)).bytes();
    assert!(bytes.is_ascii());
    let read: Vec<_> = url::form_urlencoded::parse(&bytes).into_owned().collect();
    assert_eq!(read, fields);
}
