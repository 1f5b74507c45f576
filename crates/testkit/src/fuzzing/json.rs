//! JSON, read back.

use std::collections::BTreeMap;

use repass_transport::SecretBody;
use serde_json::Value;

use super::fields::fields;

/// Fuzzes JSON bodies. The bytes are fields.
///
/// # Panics
/// If a law is broken.
pub fn target(data: &[u8]) {
    check(&fields(data));
}

/// Checks the laws of JSON bodies with this one.
///
/// # Panics
/// If a law is broken.
pub fn check(fields: &[(String, String)]) {
    let members: BTreeMap<_, _> = fields.iter().map(|(name, text)| (name, text)).collect();
    let list: Vec<_> = fields.iter().map(|(_, text)| text).collect();
    for (body, value) in [
        (SecretBody::json(&members), serde_json::to_value(&members)),
        (SecretBody::json(&list), serde_json::to_value(&list)),
    ] {
        assert_eq!(read(&body), value.unwrap());
    }
}

/// The value of a body.
pub(super) fn read(body: &SecretBody) -> Value {
    assert_eq!(body.content_type(), "application/json");
    serde_json::from_slice(&body.bytes()).unwrap()
}
