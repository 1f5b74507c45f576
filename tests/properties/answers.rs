//! Providers may answer whatever they like.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use repass::{
    Attempt, Authority, CallContext, Effect, Error, Password, PasswordChange, PasswordService, Resolution,
};
use repass_identity::{IdentityConfig, IdentityService};
use repass_transport::{Answer, retry_after};
use repass_zoom::{ZoomConfig, ZoomService};
use serde_json::{Map, Value, json};

use crate::fixed::{answer, provider, wait};

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

fn any_answer() -> impl Strategy<Value = Answer> {
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
        let answer = answer(status, &headers, body);
        if cut { answer.cut() } else { answer }
    })
}

fn services(answer: &Answer) -> [Box<dyn PasswordService>; 2] {
    [
        Box::new(ZoomService::new(
            "zoom",
            ZoomConfig::default(),
            provider(answer.clone()),
        )),
        Box::new(IdentityService::new(
            "portal",
            IdentityConfig::default(),
            provider(answer.clone()),
        )),
    ]
}

fn changes() -> [PasswordChange; 2] {
    let password = |text| Password::new(text).unwrap();
    [
        PasswordChange::reset(GUID.parse().unwrap(), password(NEW)),
        PasswordChange::replace(GUID.parse().unwrap(), password(OLD), password(NEW)),
    ]
}

fn fit_to_be_shown(error: &Error, change: &PasswordChange) -> Result<(), TestCaseError> {
    let shown = format!(
        "{error} {error:?} {}",
        serde_json::to_string(error.violations()).unwrap()
    );
    let current = matches!(change.authority(), Authority::CurrentPassword(_));
    let old = [OLD, "Canary\\"].into_iter().filter(|_| current);
    for secret in [NEW, "Canary-", GUID].into_iter().chain(old) {
        prop_assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    prop_assert!(!error.to_string().chars().any(char::is_control), "{error:?}");
    prop_assert!(shown.len() < 20_000, "{} bytes", shown.len());
    Ok(())
}

proptest! {
    #[test]
    fn no_answer_breaks_a_change_or_is_shown_raw(answer in any_answer()) {
        for service in services(&answer) {
            for change in changes() {
                if service.capabilities().require(change.authority()).is_err() {
                    continue;
                }
                match wait(service.change_password(&CallContext::default(), &change)) {
                    Ok(_) => prop_assert!(answer.status().is_success()),
                    Err(error) => {
                        fit_to_be_shown(&error, &change)?;
                        let fault = answer.status().is_server_error();
                        prop_assert!(!fault || error.effect() == Effect::Unknown, "{error:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn no_answer_breaks_a_probe(answer in any_answer()) {
        for service in services(&answer) {
            let [reset, _] = changes();
            let (cx, attempt) = (CallContext::default(), Attempt::new("test"));
            match wait(service.resolve(&cx, &attempt, &reset)) {
                Ok(Resolution::InPlace | Resolution::NotInPlace) => {
                    prop_assert!(!answer.status().is_server_error());
                }
                Ok(_) => {}
                Err(error) => fit_to_be_shown(&error, &reset)?,
            }
        }
    }

    #[test]
    fn no_answer_breaks_a_policy(answer in any_answer()) {
        for service in services(&answer) {
            match wait(service.policy(&CallContext::default())) {
                Ok(policy) => prop_assert!(policy.to_string().len() < 20_000),
                Err(error) => prop_assert!(!error.to_string().chars().any(char::is_control)),
            }
        }
    }

    #[test]
    fn a_server_may_say_anything_about_coming_back(
        text in prop_oneof![any::<String>(), "[0-9]{1,40}", "[0-9TZ:.+-]{1,30}", "[A-Za-z0-9:, ]{0,40}"],
        name in select(vec!["retry-after", "x-ratelimit-reset"]),
    ) {
        let answer = answer(429, &[(name, text)], Vec::new());
        if let Some(delay) = retry_after(&answer, std::time::SystemTime::now()) {
            prop_assert!(delay.as_secs() <= 31 * 86_400);
        }
    }
}
