//! LDAP messages in both directions.

use repass_transport::ldap::ber::sequence_size;
use repass_transport::ldap::{
    Filter, Message, PasswordModify, PasswordPolicyControl, Request, Response, Value,
};

/// The most bytes of a message that a reader waits for.
const LIMIT: usize = 1 << 16;

/// Fuzzes LDAP messages. The bytes are what a peer sends.
///
/// # Panics
/// If a law is broken.
pub fn target(data: &[u8]) {
    let size = sequence_size(data, LIMIT);
    // What is known of a size does not change with more bytes.
    for end in 0..data.len().min(8) {
        let early = sequence_size(&data[..end], LIMIT);
        assert!(early == size || early == Ok(None), "{early:?}, then {size:?}");
    }
    let message = match size {
        Ok(Some(size)) => data.get(..size).unwrap_or(data),
        _ => data,
    };
    response(message);
    request(message);
}

fn response(bytes: &[u8]) {
    let Ok(message) = Message::decode(bytes) else {
        return;
    };
    let _ = PasswordPolicyControl::find(&message.controls);
    if matches!(message.response, Response::Other(_)) {
        assert!(message.encode().is_err());
        return;
    }
    let again = message.encode().unwrap();
    assert_eq!(sequence_size(&again, usize::MAX), Ok(Some(again.len())));
    assert_eq!(Message::decode(&again), Ok(message));
}

fn request(bytes: &[u8]) {
    let Ok((id, request, controls)) = Request::decode(bytes) else {
        return;
    };
    if let Request::Extended {
        value: Some(Value::Bytes(value)),
        ..
    } = &request
    {
        let _ = PasswordModify::decode(value);
    }
    let is_encodable = match &request {
        Request::Other(_) => false,
        Request::Search(search) => !matches!(search.filter, Filter::Other(_)),
        _ => true,
    };
    let again = request.encode(id, &controls);
    assert_eq!(again.is_ok(), is_encodable, "{request:?}");
    if let Ok(again) = again {
        assert_eq!(Request::decode(&again), Ok((id, request, controls)));
    }
}
