//! Errors of gateways: a route that is missing is not a missing user, and a refusal in a foreign format is none.

use repass::ErrorKind::{InvalidRequest, Misconfigured, UnexpectedAnswer, UserNotFound};

use crate::case::Call::{Portal, PortalByEmail, Zoom};
use crate::case::Expected::{NotApplied, Unknown};
use crate::case::{case, json, problem, replay};

const NO_ROUTE: [&str; 11] = [
    r#"{"message":"no Route matched with those values"}"#,
    r#"{"message":"no Route matched with those values","request_id":"0"}"#,
    r#"{"statusCode":404,"message":"Resource not found"}"#,
    r#"{"timestamp":"2026-01-01T00:00:00Z","status":404,"error":"Not Found","path":"/api/User"}"#,
    r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"No static resource api/User.","instance":"/api/User"}"#,
    r#"{"message":"Not Found"}"#,
    r#"{"error":"Not Found"}"#,
    r#"{"detail":"Not Found"}"#,
    r#"{"code":5,"message":"Not Found","details":[]}"#,
    r#"{"fault":{"faultstring":"Unable to identify proxy","detail":{"errorcode":"messaging.adaptors.http.flow.ApplicationNotFound"}}}"#,
    r#"{"errors":[{"title":"Not Found","status":"404"}]}"#,
];

#[tokio::test(flavor = "multi_thread")]
async fn missing_route_is_misconfigured_and_not_a_missing_user() {
    let mut cases = Vec::new();
    for call in [Portal, Zoom, PortalByEmail] {
        for body in NO_ROUTE {
            cases.push(case(body, call, json(404, body), NotApplied(Misconfigured)).says("base URL"));
        }
    }
    let framework = r#"{"type":"https://tools.ietf.org/html/rfc9110#section-15.5.5","title":"Not Found","status":404,"traceId":"00-0-0-00"}"#;
    cases.push(case(
        "the framework's problem",
        Portal,
        problem(404, framework),
        NotApplied(UserNotFound),
    ));
    cases.push(case(
        "Zoom's own",
        Zoom,
        json(404, r#"{"code":1001,"message":"User does not exist: x."}"#),
        NotApplied(UserNotFound),
    ));
    cases.push(
        case(
            "Zoom's own route",
            Zoom,
            json(
                404,
                r#"{"code":2300,"message":"This API endpoint is not recognized."}"#,
            ),
            NotApplied(Misconfigured),
        )
        .says("/v2"),
    );
    replay(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusal_in_a_foreign_format_proves_nothing() {
    let mut cases = Vec::new();
    for call in [Portal, Zoom] {
        for (status, body) in [
            (403, r#"{"message":"Forbidden"}"#),
            (
                403,
                r#"{"message":"User is not authorized to access this resource"}"#,
            ),
            (403, r#"{"error":"access_denied"}"#),
            (403, r#"{"errors":[{"code":1020,"message":"Access denied"}]}"#),
            (403, r#"{"code":7,"message":"permission denied","details":[]}"#),
            (400, r#"{"message":"Bad Request"}"#),
            (400, r#"{"errors":{"message":"Bad Request","code":400}}"#),
            (
                409,
                r#"{"error":{"code":"UnsupportedApiVersion","message":"no"}}"#,
            ),
            (400, r#"{"code":3,"message":"invalid argument","details":[]}"#),
            (400, r#"{"code":400,"message":"Bad Request"}"#),
            (400, r#"{"error":{"code":"BadRequest","message":"no"}}"#),
            (
                400,
                r#"{"type":"about:blank","title":"Bad Request","status":400}"#,
            ),
            (409, r#"{"type":"about:blank","title":"Conflict","status":409}"#),
            (409, r#"{"message":"Conflict"}"#),
            (
                422,
                r#"{"message":"The given data was invalid.","errors":{"password":["no"]}}"#,
            ),
            (422, r#"{"detail":[{"loc":["body"],"msg":"field required"}]}"#),
            (401, r#"{"message":"Unauthorized"}"#),
            (401, r#"{"code":401,"message":"Unauthorized"}"#),
            (401, r#"{"message":"No API key found in request"}"#),
            (451, r#"{"message":"Unavailable For Legal Reasons"}"#),
        ] {
            cases.push(case(
                format!("{status} {body}"),
                call,
                json(status, body),
                Unknown(UnexpectedAnswer),
            ));
        }
    }
    replay(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn look_up_names_what_is_missing() {
    let framework = r#"{"type":"https://tools.ietf.org/html/rfc7231#section-6.5.4","title":"Not Found","status":404,"traceId":"00-0-0-00"}"#;
    let user = |n: usize| {
        format!(
            r#"{{"id":"00000000-0000-4000-8000-{n:012}","userName":"user{n}","email":"user{n}@example.com","padding":"{}"}}"#,
            "x".repeat(900)
        )
    };
    let many: Vec<_> = (0..100).map(user).collect();
    let of_250 = format!(r#"{{"totalCount":250,"results":[{}]}}"#, many.join(","));
    let mut with_alice = many.clone();
    with_alice
        .push(r#"{"id":"a11ce000-0000-4000-8000-000000000001","email":"Alice@Example.com"}"#.to_owned());
    let large = format!(r#"{{"totalCount":101,"results":[{}]}}"#, with_alice.join(","));
    replay(vec![
        case(
            "a wrong organisation",
            PortalByEmail,
            problem(404, framework),
            NotApplied(Misconfigured),
        )
        .says("`organization`"),
        case(
            "nobody of that name",
            PortalByEmail,
            json(200, r#"{"totalCount":0,"results":[]}"#),
            NotApplied(UserNotFound),
        ),
        case(
            "more than are listed",
            PortalByEmail,
            json(200, &of_250),
            NotApplied(InvalidRequest),
        )
        .says("GUID"),
        case(
            "a large answer is read whole",
            PortalByEmail,
            json(200, &large),
            crate::case::Expected::Applied,
        )
        .then(json(200, r#"{"succeeded":true,"errors":[]}"#))
        .requests(2),
    ])
    .await;
}
