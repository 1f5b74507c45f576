//! Profile updates: what is taken reaches Zoom as it is, in either encoding.

use repass::{CallContext, ProfileUpdate, UserProfileService as _};
use repass_transport::{Request, Response, StatusCode};
use repass_zoom::{BodyEncoding, ZoomService, ZoomSettings};
use serde_json::{Map, Value};

use super::fake_transport::{FakeTransport, wait};
use super::{json, multipart, shown};

/// Fuzzes profile updates. The bytes are an object of fields, in JSON.
///
/// # Panics
/// If a law is broken.
pub fn target(data: &[u8]) {
    if let Ok(Value::Object(fields)) = serde_json::from_slice(data) {
        check(&fields);
    }
}

/// Checks the laws of profile updates with this one.
///
/// # Panics
/// If a law is broken.
pub fn check(fields: &Map<String, Value>) {
    let Some(as_json) = sent(fields, BodyEncoding::Json) else {
        return;
    };
    let as_form = sent(fields, BodyEncoding::FormData).unwrap();
    assert_eq!(as_json.path(), as_form.path());
    let query = as_json.path().contains('?');
    let body = json::read(as_json.secret_body().unwrap());
    let body = body.as_object().unwrap();
    assert!(query || body.len() == fields.len(), "{body:?}");

    let parts = multipart::read(as_form.secret_body().unwrap());
    let parts: Map<_, _> = parts
        .into_iter()
        .map(|(name, text)| (name, text.into()))
        .collect();
    // Both say the same: each, given again, is sent as the same object.
    for again in [body, &parts] {
        assert!(again.keys().all(|name| fields.contains_key(name)), "{again:?}");
        if !again.is_empty() {
            let sent = sent(again, BodyEncoding::Json).unwrap();
            assert_eq!(json::read(sent.secret_body().unwrap()).as_object(), Some(body));
        }
    }
}

// The one request of an update, unless it is refused here.
fn sent(fields: &Map<String, Value>, body: BodyEncoding) -> Option<Request> {
    let mut update = ProfileUpdate::new("alice@example.com".parse().unwrap());
    for (name, value) in fields {
        update = update.set(name, value.clone());
    }
    let fake = FakeTransport::new([Response::new(StatusCode::NO_CONTENT)]);
    let config = ZoomSettings {
        body,
        ..ZoomSettings::default()
    };
    let service = ZoomService::new("zoom", config, fake.transport());
    if let Err(error) = wait(service.update_profile(&CallContext::default(), &update)) {
        assert!(fake.requests().is_empty());
        shown::plain(&error.to_string());
        return None;
    }
    fake.requests().pop()
}
