//! Zoom's errors in the shapes in which they were observed.

use repass::ErrorKind::{
    InvalidRequest, Misconfigured, NotEligible, PasswordRefused, PermissionDenied, Unauthenticated,
    UnexpectedAnswer, UserNotFound,
};
use repass::Resolution;

use crate::case::Call::{Zoom, ZoomAuto, ZoomGranted, ZoomProbe};
use crate::case::Expected::{Applied, NotApplied, Resolved, Unknown};
use crate::case::{case, empty, json, raw, replay, xml};

fn error_xml(code: u32, message: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?><result><code>{code}</code><message>{message}</message></result>"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_in_xml_mean_what_they_mean_in_json() {
    let same = "Your new password can not match the old password.";
    replay(vec![
        case(
            "1001",
            Zoom,
            xml(404, &error_xml(1001, "User does not exist: alice@example.com.")),
            NotApplied(UserNotFound),
        )
        .code("1001"),
        case(
            "300, the old password",
            ZoomProbe,
            xml(400, &error_xml(300, same)),
            Resolved(Resolution::InPlace),
        ),
        case(
            "300, the encoding",
            ZoomAuto,
            xml(
                400,
                &error_xml(300, "Request Body should be a valid JSON object."),
            ),
            Applied,
        )
        .then(empty(204))
        .requests(2),
        case(
            "124",
            ZoomGranted,
            xml(400, &error_xml(124, "Access token is expired.")),
            Applied,
        )
        .then(empty(204))
        .requests(2)
        .token_requests(2),
        case(
            "4711",
            Zoom,
            xml(
                400,
                &error_xml(4711, "Invalid access token, does not contain scopes:[x]."),
            ),
            NotApplied(PermissionDenied),
        ),
        case(
            "1117",
            Zoom,
            xml(400, &error_xml(1117, "Can not update Admin's password")),
            NotApplied(NotEligible),
        ),
        case(
            "1123",
            Zoom,
            xml(
                400,
                &error_xml(1123, "Can only update password of Zoom work email account"),
            ),
            NotApplied(NotEligible),
        ),
        case(
            "1126",
            Zoom,
            xml(400, &error_xml(1126, "Have at least 1 number")),
            NotApplied(PasswordRefused),
        )
        .violates("digit", None),
        case(
            "1127, with references",
            Zoom,
            xml(400, &error_xml(1127, "special character (!, &amp;, #)")),
            NotApplied(PasswordRefused),
        )
        .violates("special", None),
        case(
            "an unknown root",
            Zoom,
            xml(400, "<error><code>1126</code></error>"),
            Unknown(UnexpectedAnswer),
        ),
        case(
            "two codes",
            Zoom,
            xml(400, "<result><code>1126</code><code>0</code></result>"),
            Unknown(UnexpectedAnswer),
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_fields_do_not_lose_the_code() {
    let mut cases = Vec::new();
    for body in [
        r#"{"code":1126,"message":"Have at least 1 number","errors":null}"#,
        r#"{"code":1126,"message":"Have at least 1 number","errors":["x"]}"#,
        r#"{"code":1126,"message":"Have at least 1 number","errors":{"password":"x"}}"#,
        r#"{"code":1126,"message":"Have at least 1 number","errors":[{"field":7,"message":null}]}"#,
        r#"{"code":1126,"message":null,"error_message":"Have at least 1 number"}"#,
        r#"{"code":1126,"message":"a","error_message":"b"}"#,
        r#"{"code":1126,"message":{"text":"a"}}"#,
        r#"{"code":"1126","message":"Have at least 1 number"}"#,
        r#"{"Code":1126,"Message":"Have at least 1 number"}"#,
        r#"{"code":1126}"#,
    ] {
        cases.push(
            case(body, Zoom, json(400, body), NotApplied(PasswordRefused))
                .violates("digit", None)
                .code("1126"),
        );
    }
    let odd = r#"{"status":false,"errorCode":4711,"errorMessage":"Invalid access token, does not contain scopes:[x]."}"#;
    cases.push(case(odd, Zoom, json(400, odd), NotApplied(PermissionDenied)).code("4711"));
    let gone = r#"{"status":false,"errorCode":1001,"errorMessage":"User does not exist"}"#;
    cases.push(case(gone, Zoom, json(404, gone), NotApplied(UserNotFound)).code("1001"));
    let expired = r#"{"code":124,"message":"Access token is expired.","errors":null}"#;
    for status in [400, 401] {
        cases.push(
            case(expired, ZoomGranted, json(status, expired), Applied)
                .then(empty(204))
                .requests(2)
                .token_requests(2),
        );
        cases.push(case(
            expired,
            Zoom,
            json(status, expired),
            NotApplied(Unauthenticated),
        ));
    }
    for text in [
        "Your new password can not match the old password.",
        "Your new password cannot match the old password.",
    ] {
        let body = format!(r#"{{"code":300,"message":"{text}","errors":null}}"#);
        cases.push(
            case(text, Zoom, json(400, &body), NotApplied(PasswordRefused)).violates("not_current", None),
        );
        cases.push(case(
            text,
            ZoomProbe,
            json(400, &body),
            Resolved(Resolution::InPlace),
        ));
    }
    replay(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_count_under_their_status_only() {
    let encoding = r#"{"code":300,"message":"Unsupported Content Type"}"#;
    let pending =
        r#"{"code":1000,"message":"You can not access settings of users that are still in pending state."}"#;
    let mut cases = vec![
        case("the encoding with 415", ZoomAuto, json(415, encoding), Applied)
            .then(empty(204))
            .requests(2),
        case(
            "the encoding with 415, for good",
            Zoom,
            json(415, encoding),
            NotApplied(Misconfigured),
        ),
        case(
            "a pending user",
            Zoom,
            json(400, pending),
            NotApplied(NotEligible),
        )
        .says("invitation"),
        case(
            "an unknown code of Zoom's",
            Zoom,
            raw(
                "400 Bad",
                &["x-zm-trackingid: WEB_1"],
                r#"{"code":9999,"message":"New."}"#,
            ),
            NotApplied(InvalidRequest),
        ),
        case(
            "the same of somebody's",
            Zoom,
            json(400, r#"{"code":9999,"message":"New."}"#),
            Unknown(UnexpectedAnswer),
        ),
        case(
            "no number in the text",
            Zoom,
            json(400, r#"{"code":1124,"message":"Too short."}"#),
            NotApplied(PasswordRefused),
        )
        .violates("min_length", None),
        case(
            "an implausible number",
            Zoom,
            json(400, r#"{"code":1124,"message":"'3141592653' is too short"}"#),
            NotApplied(PasswordRefused),
        )
        .violates("min_length", None),
        case(
            "the documented number",
            Zoom,
            json(400, r#"{"code":1124,"message":"Have at least 10 characters"}"#),
            NotApplied(PasswordRefused),
        )
        .violates("min_length", Some(10)),
    ];
    for status in [402, 403, 409, 422] {
        let body = r#"{"code":1126,"message":"Have at least 1 number"}"#;
        cases.push(case(
            format!("a rule with {status}"),
            Zoom,
            json(status, body),
            Unknown(UnexpectedAnswer),
        ));
    }
    replay(cases).await;
}
