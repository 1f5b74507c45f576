//! Providers may answer whatever they like.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use repass_testkit::fuzzing::raw_response::response;
use repass_testkit::fuzzing::{
    identity_change, identity_lookup, identity_reset, provider_policy, retry_after, zoom_password,
    zoom_profile,
};
use repass_transport::{HeaderMap, HeaderValue, Response, StatusCode};
use serde_json::{Map, Value, json};

const NEW: &str = "Canary-\"New\"-Passw0rd-77";
const OLD: &str = "Canary\\Old&Passw0rd-76";
const GUID: &str = "a11ce000-0000-4000-8000-000000000001";

// The names and values that the adapters look for, in any place and of any type.
fn json_like() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        select(vec![300_i64, 124, 429, 1001, 1117, 1124, 1129, 2300, 4711]).prop_map(Value::from),
        select(vec![
            NEW,
            OLD,
            GUID,
            "\u{1b}[31mred",
            "PasswordMismatch",
            "PasswordTooShort",
            "at least 99999999999999999999 characters",
            "can not match the old password",
            "unsupported content type",
            "UserLockedOut",
        ])
        .prop_map(Value::from),
    ];
    let name = select(vec![
        "code",
        "message",
        "error_message",
        "errors",
        "field",
        "succeeded",
        "Succeeded",
        "result",
        "success",
        "error",
        "errorMessage",
        "description",
        "title",
        "detail",
        "security",
        "password_requirement",
        "minimum_password_length",
        "maximum_password_length",
        "weak_enhance_detection",
        "requiredLength",
        "passwordPolicy",
    ]);
    leaf.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((name.clone(), inner), 0..6).prop_map(|members| {
                let members = members.into_iter().map(|(name, value)| (name.to_owned(), value));
                Value::from(members.collect::<Map<_, _>>())
            }),
        ]
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => json_like().prop_map(|value| value.to_string().into_bytes()),
        1 => vec(any::<u8>(), 0..200),
        1 => (1_usize..3000, select(vec!["[", "{\"a\":", "{\"errors\":[", "<", "\u{1b}["]))
            .prop_map(|(times, piece)| piece.repeat(times).into_bytes()),
        1 => Just(format!("<html>{NEW} {OLD}\r\n\u{7}</html>").into_bytes()),
        // As they were sent, cut anywhere.
        1 => (0_usize..60).prop_map(|end| {
            let mut body = json!({"oldPassword": OLD, "newPassword": NEW}).to_string().into_bytes();
            body.truncate(end);
            body
        }),
    ]
}

fn any_answer() -> impl Strategy<Value = Response> {
    let headers = vec(
        (
            select(vec![
                "content-type",
                "retry-after",
                "x-zm-trackingid",
                "traceparent",
                "www-authenticate",
            ]),
            prop_oneof![
                any::<String>(),
                Just(NEW.to_owned()),
                Just("text/html".to_owned()),
                Just("9".repeat(400))
            ],
        ),
        0..4,
    );
    let status = prop_oneof![200_u16..=599, select(vec![200, 204, 400, 401, 404, 429, 500])];
    (status, headers, body(), any::<bool>()).prop_map(|(status, headers, body, cut)| {
        let answer = answer(status, &headers, &body);
        if cut { answer.cut() } else { answer }
    })
}

/// A response of these parts; a header that cannot be is left out.
pub(crate) fn answer(status: u16, headers: &[(&'static str, String)], body: &[u8]) -> Response {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            map.insert(*name, value);
        }
    }
    response(StatusCode::from_u16(status).unwrap(), map, body)
}

proptest! {
    #[test]
    fn no_answer_breaks_a_change_or_a_probe_or_is_shown_raw(answer in any_answer()) {
        for check in [
            zoom_password::check,
            zoom_profile::check,
            identity_change::check,
            identity_reset::check,
            identity_lookup::check,
        ] {
            check(&answer);
        }
    }

    #[test]
    fn no_answer_breaks_a_policy(answer in any_answer()) {
        provider_policy::check(&answer);
    }

    #[test]
    fn a_server_may_say_anything_about_coming_back(
        after in prop_oneof![any::<String>(), "[0-9]{1,40}", "[0-9TZ:.+-]{1,30}", "[A-Za-z0-9:, ]{0,40}"],
        reset in "|-?[0-9]{1,20}",
    ) {
        retry_after::read(after.as_bytes(), reset.as_bytes());
    }

    #[test]
    fn every_form_of_a_delay_reads_back(seconds in any::<u32>()) {
        retry_after::every_form_reads_back(seconds);
    }
}
