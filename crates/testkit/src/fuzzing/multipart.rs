//! Form data, read back by an independent reader.

use repass_transport::SecretBody;

use super::fake_transport::wait;
use super::fields::{borrowed, fields};

/// Fuzzes multipart bodies. The bytes are fields.
///
/// # Panics
/// If a law is broken.
pub fn target(data: &[u8]) {
    check(&fields(data));
}

/// Checks the laws of multipart bodies with this one.
///
/// # Panics
/// If a law is broken.
pub fn check(fields: &[(String, String)]) {
    let body = SecretBody::multipart(&borrowed(fields));
    assert_eq!(read(&body), fields);
}

/// The parts of a body.
pub(super) fn read(body: &SecretBody) -> Vec<(String, String)> {
    let boundary = multer::parse_boundary(body.content_type()).unwrap();
    let bytes = body.bytes();
    wait(async {
        let mut parts = multer::Multipart::with_reader(&bytes[..], boundary);
        let mut read = Vec::new();
        while let Some(part) = parts.next_field().await.unwrap() {
            let name = part.name().unwrap().to_owned();
            let text = String::from_utf8(part.bytes().await.unwrap().to_vec());
            read.push((name, text.unwrap()));
        }
        read
    })
}
