//! What token endpoints answer.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use repass_testkit::fuzzing::token_response;
use repass_transport::oauth;
use serde_json::{Map, Value, json};

use crate::answers::answer;

fn body() -> impl Strategy<Value = Vec<u8>> {
    let name = select(vec![
        "access_token",
        "expires_in",
        "error",
        "reason",
        "error_description",
        "code",
        "message",
    ]);
    let value = prop_oneof![
        any::<String>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[0-9]{1,30}".prop_map(Value::from),
        Just(Value::Null),
        Just(json!({"error": []})),
    ];
    let object = vec((name, value), 0..8).prop_map(|members| {
        let members = members.into_iter().map(|(name, value)| (name.to_owned(), value));
        Value::from(members.collect::<Map<_, _>>())
            .to_string()
            .into_bytes()
    });
    prop_oneof![4 => object, 1 => vec(any::<u8>(), 0..200)]
}

proptest! {
    #[test]
    fn token_response_never_panics(status in 200_u16..=599, body in body()) {
        token_response::check(&answer(status, &[], &body));
    }

    #[test]
    fn token_response_lifetime_is_read_exactly(token in "[!-~]{1,200}", seconds in 0_u64..2_000_000, text in any::<bool>()) {
        let expires_in = if text { json!(seconds.to_string()) } else { json!(seconds) };
        let body = json!({"access_token": token, "expires_in": expires_in, "token_type": "bearer"});
        let granted = oauth::granted(&answer(200, &[], body.to_string().as_bytes())).unwrap();
        prop_assert_eq!(granted.lifetime.map(|lifetime| lifetime.as_secs()), Some(seconds));
    }
}
