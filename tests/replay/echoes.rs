//! The new password, sent back in every encoding that frameworks use: never shown. Each row's own check looks for
//! it; the words around it must stay.

use repass::ErrorKind::{InvalidRequest, PasswordRefused};

use crate::case::Call::{Portal, Zoom};
use crate::case::Expected::NotApplied;
use crate::case::{case, json, problem, replay};

const ECHOES: [&str; 12] = [
    "Canary'New+Passw0rd-77",
    "Canary&#x27;New&#x2B;Passw0rd-77",
    "Canary&#39;New&#43;Passw0rd-77",
    "Canary&apos;New&plus;Passw0rd-77",
    r"Canary\\u0027New\\u002BPassw0rd-77",
    r"Canary\\u0027New\\u002bPassw0rd-77",
    "Canary%27New%2BPassw0rd-77",
    "Canary%2527New%252BPassw0rd-77",
    "Canary'New+Passw0r...",
    "CANARY'NEW+PASSW0RD-77",
    "Q2FuYXJ5J05ldytQYXNzdzByZC03Nw==",
    "43616e617279274e65772b5061737377307264 2d3737",
];

#[tokio::test(flavor = "multi_thread")]
async fn password_in_a_provider_s_words_is_redacted_in_every_encoding() {
    let mut cases = Vec::new();
    for echo in ECHOES {
        let field =
            format!(r#"{{"errors":{{"newPassword":["The value '{echo}' is not valid."]}},"status":400}}"#);
        cases.push(case(echo, Portal, problem(400, &field), NotApplied(InvalidRequest)).says("[redacted]"));
        let result = format!(
            r#"{{"succeeded":false,"errors":[{{"code":"X","description":"Could not read {echo}"}}]}}"#
        );
        cases.push(case(echo, Portal, json(400, &result), NotApplied(InvalidRequest)).says("[redacted]"));
        let zoom = format!(
            r#"{{"code":300,"message":"Validation Failed.","errors":[{{"field":"password","message":"Invalid value: {echo}"}}]}}"#
        );
        cases.push(case(echo, Zoom, json(400, &zoom), NotApplied(InvalidRequest)).says("[redacted]"));
        let rule = format!(r#"{{"code":1124,"message":"{echo} is too short"}}"#);
        cases.push(
            case(echo, Zoom, json(400, &rule), NotApplied(PasswordRefused)).violates("min_length", None),
        );
    }
    replay(cases).await;
}
