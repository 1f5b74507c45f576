//! *Not applied* needs proof: what anybody in front of a provider can write proves nothing.

use repass::ErrorKind::{
    Misconfigured, PermissionDenied, ProviderFault, RateLimited, Unauthenticated, UnexpectedAnswer,
};

use crate::case::Call::{Portal, PortalProbe, Table, Zoom, ZoomProbe};
use crate::case::Expected::{Applied, NotApplied, Unknown};
use crate::case::{case, empty, json, page, raw, replay, xml};

const UNKNOWN: crate::case::Expected = Unknown(UnexpectedAnswer);

#[tokio::test(flavor = "multi_thread")]
async fn page_in_place_of_the_provider_is_unknown() {
    let mut cases = Vec::new();
    for call in [Portal, Table, Zoom] {
        for status in [
            200, 201, 202, 203, 400, 401, 402, 403, 409, 410, 418, 422, 423, 451,
        ] {
            cases.push(case(format!("a page with {status}"), call, page(status), UNKNOWN));
        }
        for status in [500, 502, 503, 504, 520, 521] {
            cases.push(case(
                format!("a page with {status}"),
                call,
                page(status),
                Unknown(ProviderFault),
            ));
        }
        let modsecurity = raw(
            "403 ModSecurity Action",
            &["Content-Type: text/html"],
            "<html><h1>No</h1></html>",
        );
        cases.push(case("a firewall's page", call, modsecurity, UNKNOWN).says("firewall"));
        let typed_as_json = raw(
            "200 OK",
            &["Content-Type: application/json"],
            "\r\n <html></html>",
        );
        cases.push(case("a page that is called JSON", call, typed_as_json, UNKNOWN));
        let utf16: Vec<u8> = "\u{feff}<html></html>"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        cases.push(case("a page in UTF-16", call, raw("200 OK", &[], utf16), UNKNOWN));
        cases.push(case(
            "plain text",
            call,
            raw("200 OK", &["Content-Type: text/plain"], "OK"),
            UNKNOWN,
        ));
        cases.push(case(
            "a text with 400",
            call,
            raw("400 Bad", &["Content-Type: text/plain"], "Bad Request"),
            UNKNOWN,
        ));
        // Decided: a 404 stays a refusal, although a load balancer may write one after the fact.
        cases.push(case(
            "a page with 404",
            call,
            page(404),
            NotApplied(Misconfigured),
        ));
    }
    let result = "<IdentityResult><Succeeded>true</Succeeded></IdentityResult>";
    cases.push(case("a result in XML", Portal, xml(200, result), UNKNOWN));
    cases.push(case("SOAP", Portal, xml(200, "<soap:Envelope/>"), UNKNOWN));
    cases.push(case(
        "a fault in XML",
        Zoom,
        xml(400, "<error><code>400</code></error>"),
        UNKNOWN,
    ));
    replay(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redirect_is_a_refusal_only_if_it_keeps_the_method() {
    let mut cases = Vec::new();
    for call in [Portal, Table, Zoom] {
        for status in [301, 307, 308] {
            let there = raw(
                &format!("{status} X"),
                &["Location: https://elsewhere.invalid/"],
                "",
            );
            cases.push(case(format!("{status}"), call, there, NotApplied(Misconfigured)).says("base URL"));
        }
        for status in [300, 302, 303, 304, 305, 306] {
            let there = raw(
                &format!("{status} X"),
                &["Location: https://elsewhere.invalid/login"],
                "",
            );
            cases.push(case(format!("{status}"), call, there, UNKNOWN).says("redirect"));
        }
    }
    replay(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn status_that_http_defines_as_not_processed_is_a_refusal() {
    let mut cases = Vec::new();
    for call in [Portal, Table, Zoom] {
        for (status, word) in [
            (404, "base URL"),
            (405, "base URL"),
            (406, "JSON"),
            (411, "length"),
            (413, "too large"),
            (414, "path"),
            (415, "encoding"),
            (417, "form of the request"),
            (421, "host name"),
            (426, "protocol"),
            (428, "form of the request"),
            (431, "headers"),
        ] {
            cases.push(
                case(
                    format!("{status}"),
                    call,
                    empty(status),
                    NotApplied(Misconfigured),
                )
                .says(word),
            );
        }
        for status in [402, 407, 409, 410, 412, 416, 422, 423, 424, 425, 451] {
            cases.push(case(format!("{status}"), call, empty(status), UNKNOWN));
        }
        cases.push(case("407", call, empty(407), UNKNOWN).says("407"));
        cases.push(case("408", call, empty(408), Unknown(ProviderFault)));
        let challenge = raw(
            "401 No",
            &["WWW-Authenticate: Bearer error=\"invalid_token\""],
            "",
        );
        cases.push(case("a challenge", call, challenge, NotApplied(Unauthenticated)));
        cases.push(case("401 alone", call, empty(401), UNKNOWN));
        let basic = raw("401 No", &["WWW-Authenticate: Basic realm=\"proxy\""], "");
        cases.push(case("another scheme", call, basic, NotApplied(Unauthenticated)).says("another scheme"));
        let limited = raw("429 No", &["Retry-After: 60"], "");
        cases.push(case("429", call, limited, NotApplied(RateLimited)).says("60 s"));
    }
    // The framework refuses a token without the scope so; Zoom always says why.
    cases.push(case(
        "an empty 403",
        Portal,
        empty(403),
        NotApplied(PermissionDenied),
    ));
    cases.push(case("an empty 403", Zoom, empty(403), UNKNOWN));
    replay(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn success_needs_its_documented_shape() {
    let done = r#"{"succeeded":true,"errors":[]}"#;
    let mut cases = vec![
        case("the documented success", Portal, json(200, done), Applied),
        case("the documented success", Zoom, empty(204), Applied),
        case(
            "the success of the row",
            Table,
            json(200, r#"{"done":true}"#),
            Applied,
        ),
        case("an observed success", Zoom, json(200, r#"{"code":0}"#), Applied),
    ];
    // Accepted, partial, altered or not yet invented: only a row makes a status mean that the change was made.
    for status in [201, 202, 203, 205, 206, 207, 208, 226, 299] {
        let name = format!("{status}");
        cases.push(case(&name, Portal, json(status, done), UNKNOWN));
        cases.push(case(&name, Table, json(status, r#"{"done":true}"#), UNKNOWN));
        cases.push(case(&name, Zoom, json(status, r#"{"code":0}"#), UNKNOWN));
        cases.extend(
            [Portal, Table, Zoom].map(|call| case(format!("an empty {name}"), call, empty(status), UNKNOWN)),
        );
    }
    cases.push(case("204 without a row", Table, empty(204), UNKNOWN));
    cases.push(case("204 at the portal", Portal, empty(204), UNKNOWN));
    for call in [Portal, Table, Zoom] {
        cases.push(case("an empty 200", call, empty(200), UNKNOWN));
        for body in [
            r#"{"id":"1","userName":"a","errorMessage":"Mail could not be sent"}"#,
            r#"{"status":"maintenance"}"#,
            r#"{"error":{"code":"X","message":"no"}}"#,
            r#"{"code":300,"message":"Your new password can not match the old password."}"#,
            r#"{"code":1001,"message":"User does not exist"}"#,
            r#"{"code":124,"message":"Access token is expired."}"#,
            r#"{"code":300,"message":"Unsupported Content Type"}"#,
            r#"{"code":429,"message":"rate limit"}"#,
            "[]",
            "{}",
            "null",
            "true",
        ] {
            cases.push(case(format!("200 with {body}"), call, json(200, body), UNKNOWN));
        }
    }
    replay(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn body_that_contradicts_itself_is_unknown() {
    let mut cases = Vec::new();
    for body in [
        r#"{"succeeded":false,"succeeded":true}"#,
        r#"{"succeeded":true,"succeeded":false}"#,
        r#"{"Succeeded":true,"succeeded":false}"#,
        r#"{"succeeded":false,"result":{"succeeded":true}}"#,
        r#"{"succeeded":true,"errors":[{"code":"PasswordMismatch","description":"Incorrect password."}]}"#,
        r#"{"succeeded":true,"result":{"errors":[{"code":"X"}]}}"#,
        r#"{"succeeded":"true"}"#,
        r#"{"succeeded":true,"errors":"Incorrect password."}"#,
        r#"{"succeeded":true,"error":{"code":"X","message":"no"}}"#,
        r#"{"succeeded":true,"errorMessage":"Mail could not be sent"}"#,
        r#"{"succeeded":true,"success":false}"#,
        r#"{"succeeded":true,"isSuccess":false}"#,
        r#"{"succeeded":true,"errors":[],"result":[{"succeeded":false,"errors":[{"code":"PasswordMismatch"}]}]}"#,
        r#"{"succeeded":true,"errorCode":1009}"#,
        r#"{"succeeded":true}{"succeeded":false}"#,
    ] {
        cases.push(case(body, Portal, json(200, body), UNKNOWN));
    }
    cases.push(case(
        "a success with 400",
        Portal,
        json(400, r#"{"succeeded":true,"errors":[]}"#),
        UNKNOWN,
    ));
    let beside_errors = r#"{"code":0,"errors":[{"field":"password","message":"no"}]}"#;
    cases.push(case(beside_errors, Zoom, json(200, beside_errors), UNKNOWN));
    for body in [r#"{"code":1126,"code":0}"#, r#"{"code":0,"errorCode":1126}"#] {
        cases.push(case(body, Zoom, json(400, body), UNKNOWN));
        cases.push(case(body, Zoom, json(200, body), UNKNOWN));
    }
    replay(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusal_of_a_request_that_a_gateway_resent_is_unknown() {
    let mismatch =
        r#"{"succeeded":false,"errors":[{"code":"PasswordMismatch","description":"Incorrect password."}]}"#;
    let same = r#"{"code":300,"message":"Your new password can not match the old password."}"#;
    let counted = |status: &str, count: &str, body: &str| {
        raw(
            status,
            &[
                &format!("x-envoy-attempt-count: {count}"),
                "Content-Type: application/json",
            ],
            body,
        )
    };
    let mut cases = Vec::new();
    for count in ["2", "3", " 2 "] {
        cases.push(case(
            format!("sent {count} times"),
            Portal,
            counted("400 Bad", count, mismatch),
            Unknown(repass::ErrorKind::WrongCurrentPassword),
        ));
        cases.push(case(
            format!("sent {count} times"),
            Zoom,
            counted("400 Bad", count, same),
            Unknown(repass::ErrorKind::PasswordRefused),
        ));
    }
    cases.push(case(
        "sent once",
        Portal,
        counted("400 Bad", "1", mismatch),
        NotApplied(repass::ErrorKind::WrongCurrentPassword),
    ));
    // What would be sent again is not, and even HTTP's own refusals speak for the last sending only.
    cases.push(case(
        "a limit",
        Zoom,
        counted("429 No", "2", ""),
        Unknown(RateLimited),
    ));
    cases.push(case(
        "a wrong address",
        Zoom,
        counted("404 No", "2", ""),
        Unknown(Misconfigured),
    ));
    cases.push(case(
        "a success",
        Zoom,
        counted("204 No Content", "2", ""),
        Applied,
    ));
    replay(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn probe_that_a_page_answers_settles_nothing() {
    let mut cases = Vec::new();
    for call in [PortalProbe, ZoomProbe] {
        cases.push(case("a page", call, page(200), UNKNOWN));
        cases.push(case("a firewall", call, page(403), UNKNOWN));
        cases.push(case(
            "a login page",
            call,
            raw("302 Found", &["Location: /login"], ""),
            UNKNOWN,
        ));
    }
    replay(cases).await;
}
