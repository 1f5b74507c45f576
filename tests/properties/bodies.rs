//! What is written can be read back, by others' readers.

use proptest::collection::vec;
use proptest::prelude::*;
use repass_transport::SecretBody;
use serde_json::Value;

use crate::fixed::wait;

fn fields() -> impl Strategy<Value = Vec<(String, String)>> {
    vec(("[a-zA-Z_]{1,12}", any::<String>()), 1..6)
}

fn borrowed(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

async fn form_data(body: &SecretBody) -> Vec<(String, String)> {
    let boundary = multer::parse_boundary(body.content_type()).unwrap();
    let bytes = body.bytes();
    let mut parts = multer::Multipart::with_reader(&bytes[..], boundary);
    let mut read = Vec::new();
    while let Some(part) = parts.next_field().await.unwrap() {
        let name = part.name().unwrap().to_owned();
        read.push((
            name,
            String::from_utf8(part.bytes().await.unwrap().to_vec()).unwrap(),
        ));
    }
    read
}

proptest! {
    #[test]
    fn form_data_reads_back(fields in fields()) {
        let body = SecretBody::multipart(&borrowed(&fields));
        prop_assert_eq!(wait(form_data(&body)), fields);
    }

    #[test]
    fn a_form_reads_back(fields in fields()) {
        let body = SecretBody::form(&borrowed(&fields));
        let bytes = body.bytes();
        prop_assert!(bytes.is_ascii());
        let read: Vec<_> = url::form_urlencoded::parse(&bytes).into_owned().collect();
        prop_assert_eq!(read, fields);
    }

    #[test]
    fn json_reads_back(text in any::<String>()) {
        let body = SecretBody::json(&text);
        let read: Value = serde_json::from_slice(&body.bytes()).unwrap();
        prop_assert_eq!(read, Value::from(text));
    }
}
