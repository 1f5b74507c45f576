//! Every documented response to a password change at Zoom, raw: one row for each. `fact` says which
//! endpoint's or page's table the row comes from, and how it is graded.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::Arc;

use repass_domain::{
    CallContext, ChangeReceipt, Error, ErrorKind, Outcome, Password, PasswordServiceExt as _,
};
use repass_transport::{
    Credentials, HttpTransport, MockHttpClient, MockTransport, Response, StatusCode, Timeouts, Token,
};
use repass_zoom::{BodyEncoding, ZoomService, ZoomSettings, server_to_server};

const TRACKING: &str = "v=2.0;clid=us02;rid=WEB_0123456789abcdef0123456789abcdef";

/// What goes in.
struct Row {
    fact: &'static str,
    status: u16,
    header: Option<(&'static str, &'static str)>,
    body: &'static str,
    /// What comes out.
    kind: ErrorKind,
    effect: Outcome,
    rule: Option<(&'static str, Option<u32>)>,
    code: Option<&'static str>,
    says: &'static str,
}

const fn row(fact: &'static str, status: u16, body: &'static str, kind: ErrorKind) -> Row {
    Row {
        fact,
        status,
        header: None,
        body,
        kind,
        effect: Outcome::NotApplied,
        rule: None,
        code: None,
        says: "",
    }
}

impl Row {
    const fn rule(mut self, code: &'static str, limit: Option<u32>) -> Self {
        self.rule = Some((code, limit));
        self
    }

    const fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    const fn says(mut self, part: &'static str) -> Self {
        self.says = part;
        self
    }

    const fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }

    const fn unknown(mut self) -> Self {
        self.effect = Outcome::Unknown;
        self
    }

    fn response(&self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap();
        let response = Response::new(status)
            .with_header("x-zm-trackingid", TRACKING)
            .with_body(self.body);
        match self.header {
            Some((name, value)) => response.with_header(name, value),
            None => response,
        }
    }
}

use ErrorKind::{
    InvalidRequest, Misconfigured, NotEligible, PasswordRefused, PermissionDenied, ProviderFault,
    RateLimited, Unauthenticated, UnexpectedAnswer, UserNotFound,
};

const TABLE: &[Row] = &[
    // The endpoint's own table (documented, 2022; the same in the 2018 draft except 1129 and the cap).
    row("documented 400/300, old password", 400, r#"{"code":300,"message":"Your new password can not match the old password."}"#, PasswordRefused).rule("not_current", None).code("300"),
    row("documented 400/300, 24 hours", 400, r#"{"code":300,"message":"This password cannot be changed because it has already been changed the maximum number of times over the past 24 hours."}"#, PasswordRefused).rule("changes_per_day", None).code("300"),
    row("documented 400/1117", 400, r#"{"code":1117,"message":"Can not update Admin's password"}"#, NotEligible).code("1117").says("administrator"),
    row("documented 400/1123", 400, r#"{"code":1123,"message":"Can only update password of Zoom work email account"}"#, NotEligible).code("1123").says("single sign-on"),
    row("documented 400/1124, first text", 400, r#"{"code":1124,"message":"Minimum of 6 characters."}"#, PasswordRefused).rule("min_length", Some(6)).code("1124"),
    row("documented 400/1124, second text", 400, r#"{"code":1124,"message":"Have at least 10 characters"}"#, PasswordRefused).rule("min_length", Some(10)).code("1124"),
    row("documented 400/1125", 400, r#"{"code":1125,"message":"Have at least 1 letter (a, b, c…)"}"#, PasswordRefused).rule("letter", None).code("1125"),
    row("documented 400/1126", 400, r#"{"code":1126,"message":"Have at least 1 number (1, 2, 3…)"}"#, PasswordRefused).rule("digit", None).code("1126"),
    row("documented 400/1127", 400, r#"{"code":1127,"message":"Have at least 1 special character (!, @, #…)"}"#, PasswordRefused).rule("special", None).code("1127"),
    row("documented 400/1128", 400, r#"{"code":1128,"message":"Include both Upper case and Lower case characters"}"#, PasswordRefused).rule("mixed_case", None).code("1128"),
    row("documented 400/1129", 400, r#"{"code":1129,"message":"Users cannot reuse any of the last 12 passwords created."}"#, PasswordRefused).rule("not_recent", Some(12)).code("1129"),
    row("documented 400/1130", 400, r#"{"code":1130,"message":"Password can't use the same character."}"#, PasswordRefused).rule("not_one_character", None).code("1130"),
    row("documented 400/1131", 400, r#"{"code":1131,"message":"Password can't use continuation character.Such as 'abcdef','123456'."}"#, PasswordRefused).rule("no_consecutive_run", None).code("1131"),
    row("documented 400/1136", 400, r#"{"code":1136,"message":"Your password is too easy to guess. Try another one."}"#, PasswordRefused).rule("not_common", None).code("1136"),
    row("documented 404/1001", 404, r#"{"code":1001,"message":"User does not exist: alice@example.com."}"#, UserNotFound).code("1001").says("[user]"),
    row("2018 draft, 1010", 404, r#"{"code":1010,"message":"User not exist or not belong to this account"}"#, UserNotFound).code("1010"),
    row("outcome 1010, later text", 400, r#"{"code":1010,"message":"User not found on this account"}"#, UserNotFound).code("1010"),
    // Code 300 in its other meanings.
    row("outcome 415/300, encoding", 415, r#"{"code":300,"message":"Unsupported Content Type"}"#, Misconfigured).code("300").says("`body`"),
    row("outcome 400/300, encoding", 400, r#"{"code":300,"message":"Unsupported Content Type"}"#, Misconfigured).code("300"),
    row("documented 400/300, unparsable body", 400, r#"{"code":300,"message":"Request Body should be a valid JSON object."}"#, Misconfigured).code("300"),
    row("documented 400/300, validation", 400, r#"{"code":300,"message":"Validation Failed.","errors":[{"field":"password","message":"Invalid field."}]}"#, InvalidRequest).code("300").says("[password: Invalid field.]"),
    // The gateway.
    row("outcome 401/124, expired", 401, r#"{"code":124,"message":"Access token is expired."}"#, Unauthenticated).code("124"),
    row("outcome 400/124, expired", 400, r#"{"code":124,"message":"Access token is expired."}"#, Unauthenticated).code("124"),
    row("outcome 401/124, invalid", 401, r#"{"code":124,"message":"Invalid access token."}"#, Unauthenticated).code("124"),
    row("outcome 401/124, query string", 401, r#"{"code":124,"message":"Invalid access token, this access token is not supported as query parameter string."}"#, Unauthenticated).code("124"),
    row("community 400/4711, scope", 400, r#"{"code":4711,"message":"Invalid access token, does not contain scopes:[user:update:password:admin]."}"#, PermissionDenied).code("4711").says("user:update:password:admin"),
    row("outcome 400/104, scope", 400, r#"{"code":104,"message":"Invalid access token, does not contain scopes:[user:update:password:admin]."}"#, PermissionDenied).code("104").says("scope"),
    row("documented 4700, scope", 400, r#"{"code":4700,"message":"Invalid access token, does not contain scopes."}"#, PermissionDenied).code("4700").says("scope"),
    row("documented 400/200, role", 400, r#"{"code":200,"message":"No permission."}"#, PermissionDenied).code("200"),
    row("outcome 400/200, plan", 400, r#"{"code":200,"message":"No privilege."}"#, PermissionDenied).code("200"),
    row("documented 400/200, paid accounts", 400, r#"{"code":200,"message":"Only available for paid accounts."}"#, PermissionDenied).code("200").says("paid"),
    row("the same with 200, documented for reads only", 200, r#"{"code":200,"message":"Only available for paid accounts."}"#, UnexpectedAnswer).code("200").unknown(),
    row("documented 429, per second", 429, r#"{"code":429,"message":"You have reached the maximum per-second rate limit for this API. Try again later."}"#, RateLimited).code("429").says("try again in 1 s"),
    row("documented 429, daily, ISO instant", 429, r#"{"code":429,"message":"You have reached the maximum daily rate limit for this API. Refer to the response header for details on when you can make another request."}"#, RateLimited).header("retry-after", "2020-05-31T00:00:00Z").code("429").says("try again in 1 s"),
    row("RFC 9110 429, seconds", 429, "", RateLimited).header("retry-after", "12").says("try again in 12 s"),
    row("RFC 9110 429, HTTP date", 429, "", RateLimited).header("retry-after", "Sun, 31 May 2020 00:00:00 GMT").says("try again in 1 s"),
    row("documented 429, reset", 429, "", RateLimited).header("x-ratelimit-reset", "1590883200").says("try again in 1 s"),
    row("outcome 404/2300", 404, r#"{"code":2300,"message":"This API endpoint is not recognized."}"#, Misconfigured).code("2300").says("/v2"),
    // Shapes to tolerate (community).
    row("community, error_message", 400, r#"{"code":1126,"error_message":"Have at least 1 number (1, 2, 3…)"}"#, PasswordRefused).rule("digit", None).code("1126"),
    row("community, no message", 400, r#"{"code":1126}"#, PasswordRefused).rule("digit", None).code("1126"),
    row("outcome, cannot", 400, r#"{"code":300,"message":"Your new password cannot match the old password."}"#, PasswordRefused).rule("not_current", None).code("300"),
    row("outcome, pending user", 400, r#"{"code":1000,"message":"You can not access settings of users that are still in pending state."}"#, NotEligible).code("1000").says("invitation"),
    row("outcome, no list of errors", 400, r#"{"code":1126,"message":"Have at least 1 number (1, 2, 3…)","errors":null}"#, PasswordRefused).rule("digit", None).code("1126"),
    row("errors as texts", 400, r#"{"code":1126,"message":"m","errors":["x"]}"#, PasswordRefused).rule("digit", None).code("1126").says("x"),
    row("errors as an object", 400, r#"{"code":1126,"message":"m","errors":{"password":"x"}}"#, PasswordRefused).rule("digit", None).code("1126").says("[password: x]"),
    row("both names of the message", 400, r#"{"code":1126,"message":"m","error_message":"n"}"#, PasswordRefused).rule("digit", None).code("1126"),
    row("outcome, other names", 400, r#"{"status":false,"errorCode":4711,"errorMessage":"Invalid access token, does not contain scopes:[x]."}"#, PermissionDenied).code("4711").says("scope"),
    row("a code as a text", 400, r#"{"code":"1126","message":"m"}"#, PasswordRefused).rule("digit", None).code("1126"),
    row("a byte order mark", 404, "\u{feff}{\"code\":1001,\"message\":\"User does not exist: x.\"}", UserNotFound).code("1001"),
    row("outcome, XML", 404, r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?><result><code>1001</code><message>User does not exist: alice@example.com.</message></result>"#, UserNotFound).code("1001").says("[user]"),
    row("XML with references", 400, "<result><code>1127</code><message>Have at least 1 special character (!, &amp;, #)</message></result>", PasswordRefused).rule("special", None).code("1127").says("(!, &, #)"),
    // A rule's parameter is never invented, nor taken from an echo.
    row("a length without a number", 400, r#"{"code":1124,"message":"Too short."}"#, PasswordRefused).rule("min_length", None).code("1124"),
    row("a length beside other numbers", 400, r#"{"code":1124,"message":"Between 9 and 32 characters"}"#, PasswordRefused).rule("min_length", None).code("1124"),
    row("an implausible length", 400, r#"{"code":1124,"message":"3141592653 is too short"}"#, PasswordRefused).rule("min_length", None).code("1124"),
    row("a number inside an echo", 400, r#"{"code":1129,"message":"New-Passw0rd was used before"}"#, PasswordRefused).rule("not_recent", None).code("1129"),
    // Rows under statuses with which they are not known.
    row("an error code with 200", 200, r#"{"code":1001,"message":"User does not exist: alice@example.com."}"#, UnexpectedAnswer).code("1001").unknown(),
    row("the old password with 200", 200, r#"{"code":300,"message":"Your new password can not match the old password."}"#, UnexpectedAnswer).code("300").unknown(),
    row("a token error with 200", 200, r#"{"code":124,"message":"Access token is expired."}"#, UnexpectedAnswer).code("124").unknown(),
    row("a rate limit with 200", 200, r#"{"code":429}"#, UnexpectedAnswer).code("429").unknown(),
    row("an encoding error with 200", 200, r#"{"code":300,"message":"Unsupported Content Type"}"#, UnexpectedAnswer).code("300").unknown(),
    row("a rule with 422", 422, r#"{"code":1126,"message":"Have at least 1 number"}"#, UnexpectedAnswer).code("1126").unknown(),
    row("a success with 202", 202, r#"{"code":0}"#, UnexpectedAnswer).code("0").says("accepted").unknown(),
    row("a success that says no", 200, r#"{"status":false,"errorCode":0,"errorMessage":""}"#, UnexpectedAnswer).code("0").unknown(),
    row("a success that says no in a number", 200, r#"{"code":0,"success":0}"#, UnexpectedAnswer).code("0").unknown(),
    row("a success with an error's text", 200, r#"{"code":0,"message":"request queued"}"#, UnexpectedAnswer).code("0").unknown(),
    row("a success with an error beside it", 200, r#"{"code":0,"errors":"password rejected"}"#, UnexpectedAnswer).code("0").unknown(),
    row("a body that contradicts itself", 400, r#"{"code":1126,"code":0}"#, UnexpectedAnswer).says("contradict").unknown(),
    // Codes that no one has documented pass through.
    row("unknown code", 400, r#"{"code":9999,"message":"Something new about New-Passw0rd."}"#, InvalidRequest).code("9999").says("Something new about [redacted]."),
    row("unknown code with 200", 200, r#"{"code":9999,"message":"Something new."}"#, UnexpectedAnswer).code("9999").unknown(),
    row("403 without a body", 403, "", UnexpectedAnswer).unknown(),
    row("403 in Zoom's format", 403, r#"{"code":4711,"message":"No."}"#, PermissionDenied).code("4711"),
    row("a 403 page", 403, "<html></html>", UnexpectedAnswer).says("firewall").unknown(),
    row("a 401 page", 401, "<html></html>", UnexpectedAnswer).says("401").unknown(),
    row("401 with a challenge", 401, "", Unauthenticated).header("www-authenticate", "Bearer realm=\"zoom\""),
    row("a 404 page", 404, "<html></html>", Misconfigured).says("base URL"),
    row("Kong, no route", 404, r#"{"message":"no Route matched with those values"}"#, Misconfigured).says("base URL"),
    row("AWS, forbidden", 403, r#"{"message":"Forbidden"}"#, UnexpectedAnswer).says("firewall").unknown(),
    row("a 400 that is not Zoom's", 400, r#"{"message":"Bad Request"}"#, UnexpectedAnswer).unknown(),
    row("a 400 page", 400, "<html></html>", UnexpectedAnswer).unknown(),
    row("a redirect that keeps the method", 307, "", Misconfigured).says("redirects"),
    row("a redirect that may follow a change", 302, "", UnexpectedAnswer).says("redirects").unknown(),
    row("a redirect to what became of it", 303, "", UnexpectedAnswer).says("redirects").unknown(),
    row("414", 414, "", Misconfigured).says("path"),
    row("500", 500, r#"{"code":300,"message":"Internal error"}"#, ProviderFault).unknown(),
    row("502 page", 502, "<html>Bad Gateway</html>", ProviderFault).unknown(),
    row("503", 503, "", ProviderFault).header("retry-after", "1").unknown(),
    row("504", 504, "", ProviderFault).unknown(),
    row("408", 408, "", ProviderFault).unknown(),
    row("a page with 200", 200, "<!DOCTYPE html>", UnexpectedAnswer).unknown(),
    row("JSON of somebody else's with 200", 200, r#"{"status":"maintenance"}"#, UnexpectedAnswer).unknown(),
    row("a list with 200, in the order of the fields", 200, "[0,null,[]]", UnexpectedAnswer).unknown(),
    row("an empty object with 202", 202, "{}", UnexpectedAnswer).unknown(),
    row("a teapot", 418, "", UnexpectedAnswer).unknown(),
];

async fn change(response: Response) -> Result<ChangeReceipt, Error> {
    let mut transport = MockTransport::new();
    transport.expect_deliver().times(1).return_once(|_| Ok(response));
    reset(Arc::new(transport)).await
}

async fn reset(transport: Arc<dyn repass_transport::Transport>) -> Result<ChangeReceipt, Error> {
    let config = ZoomSettings {
        body: BodyEncoding::Json,
        ..ZoomSettings::default()
    };
    let service = ZoomService::new("zoom", config, transport);
    let new = Password::new("New-Passw0rd").unwrap();
    service
        .reset(&CallContext::default(), "alice@example.com".parse().unwrap(), new)
        .await
}

#[tokio::test]
async fn password_response_maps_to_kind_outcome_and_detail() {
    assert!(TABLE.len() >= 30);
    for row in TABLE {
        let fact = row.fact;
        let error = change(row.response()).await.expect_err(fact);
        assert_eq!((error.kind(), error.outcome()), (row.kind, row.effect), "{fact}");
        let reported = error
            .violations()
            .first()
            .map(|reported| (reported.rule().code(), reported.rule().limit()));
        assert_eq!(reported, row.rule, "{fact}");
        let detail = error.provider_detail().expect(fact);
        assert_eq!(detail.status, Some(row.status), "{fact}");
        assert_eq!(detail.code.as_deref(), row.code, "{fact}");
        assert_eq!(detail.tracking_id.as_deref(), Some(TRACKING), "{fact}");
        let text = error.to_string();
        assert!(text.contains(row.says), "{fact}: {text}");
        assert!(
            !text.contains("alice") && !text.contains("New-Passw0rd"),
            "{fact}: {text}"
        );
        assert_eq!(
            error.unknown_outcome().is_some(),
            row.effect == Outcome::Unknown,
            "{fact}"
        );
    }
}

#[tokio::test]
async fn password_success_is_applied() {
    for (status, body) in [
        (204, ""),
        (200, r#"{"code":0}"#),
        (200, r#"{"code":"0"}"#),
        (
            200,
            r#"{"code":0,"message":"Success","errors":[],"success":true}"#,
        ),
    ] {
        let response = Response::new(StatusCode::from_u16(status).unwrap()).with_body(body);
        assert!(change(response).await.is_ok(), "{status} {body}");
    }
}

/// An error object with a code that has no row is Zoom's only if the response names its exchange.
#[tokio::test]
async fn password_unknown_code_without_tracking_id_is_unproven() {
    for (status, body) in [
        (400, r#"{"code":3,"message":"invalid argument","details":[]}"#),
        (400, r#"{"code":400,"message":"Bad Request"}"#),
        (403, r#"{"code":7,"message":"permission denied"}"#),
    ] {
        let response = Response::new(StatusCode::from_u16(status).unwrap()).with_body(body);
        let error = change(response).await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown, "{body}: {error}");
    }
}

/// A gateway that sent the request again may be passing on the refusal of the second sending.
#[tokio::test]
async fn password_rejection_after_a_gateway_resend_is_unknown() {
    let refusal = || {
        Response::new(StatusCode::BAD_REQUEST)
            .with_body(r#"{"code":300,"message":"Your new password can not match the old password."}"#)
    };
    for (count, effect) in [
        ("1", Outcome::NotApplied),
        ("2", Outcome::Unknown),
        ("x", Outcome::Unknown),
    ] {
        let response = refusal().with_header("x-envoy-attempt-count", count);
        assert_eq!(change(response).await.unwrap_err().outcome(), effect, "{count}");
    }
    let applied = Response::new(StatusCode::NO_CONTENT).with_header("x-envoy-attempt-count", "2");
    assert!(change(applied).await.is_ok());
}

/// The token endpoint's documented refusals, through a service that needs a token.
#[tokio::test]
async fn token_rejection_names_what_to_fix() {
    for (fact, status, body, kind, says) in [
        (
            "documented invalid_client",
            400,
            r#"{"reason":"Invalid client_id or client_secret","error":"invalid_client"}"#,
            Unauthenticated,
            "`client_secret`",
        ),
        (
            "outcome invalid_client as 401",
            401,
            r#"{"reason":"Invalid client_id or client_secret","error":"invalid_client"}"#,
            Unauthenticated,
            "`client_secret`",
        ),
        (
            "outcome unsupported_grant_type",
            400,
            r#"{"reason":"unsupported grant type","error":"unsupported_grant_type"}"#,
            Unauthenticated,
            "server-to-server",
        ),
        (
            "outcome invalid_grant",
            400,
            r#"{"reason":"Invalid Token!","error":"invalid_grant"}"#,
            Unauthenticated,
            "`account_id`",
        ),
        (
            "outcome invalid_request, 2020",
            401,
            r#"{"reason":"Invalid Token!","error":"invalid_request"}"#,
            Unauthenticated,
            "`account_id`",
        ),
        (
            "outcome invalid_grant, no reason",
            400,
            r#"{"error":"invalid_grant"}"#,
            Unauthenticated,
            "`account_id`",
        ),
        (
            "outcome disabled app",
            400,
            r#"{"error":"invalid_client","reason":"The app has been disabled by the developer"}"#,
            Unauthenticated,
            "activate",
        ),
        (
            "documented 4702",
            400,
            r#"{"code":4702,"message":"Invalid client."}"#,
            Unauthenticated,
            "`client_id`",
        ),
        (
            "documented 4735",
            400,
            r#"{"code":4735,"message":"Owner gone."}"#,
            Unauthenticated,
            "owner",
        ),
        (
            "documented 4738",
            400,
            r#"{"code":4738,"message":"Disabled by admin."}"#,
            Unauthenticated,
            "activate",
        ),
        ("a page", 200, "<!DOCTYPE html>", Misconfigured, "`token_url`"),
        (
            "a failing endpoint",
            503,
            "",
            ErrorKind::Unreachable,
            "cannot answer now",
        ),
    ] {
        let mut endpoint = MockTransport::new();
        let response = Response::new(StatusCode::from_u16(status).unwrap()).with_body(body);
        endpoint.expect_deliver().returning(move |_| Ok(response.clone()));
        let credentials = server_to_server(Arc::new(endpoint), "an-account");
        let transport = HttpTransport::new(MockHttpClient::new(), credentials, Timeouts::default());
        let error = reset(Arc::new(transport)).await.expect_err(fact);
        // Whether trying again helps is the delivery loop's to say, so only the first try counts here.
        assert_eq!(
            (error.kind(), error.outcome()),
            (kind, Outcome::NotApplied),
            "{fact}"
        );
        assert!(error.to_string().contains(says), "{fact}: {error}");
    }
}

#[tokio::test]
async fn token_request_is_basic_with_grant_and_account() {
    let mut wire = MockHttpClient::new();
    wire.expect_attempt()
        .withf(|request, authorization, _| {
            let body = request.secret_body().unwrap().bytes();
            body == "grant_type=account_credentials&account_id=an+account%26x"
                && authorization.as_ref().unwrap() == "Basic aWQ6c2VjcmV0"
        })
        .times(1)
        .returning(|_, _, _| {
            Ok(Response::new(StatusCode::OK).with_body(r#"{"access_token":"granted","expires_in":3600}"#))
        });
    let basic = Token::basic("id", &"secret".into()).unwrap();
    let endpoint = HttpTransport::new(wire, Credentials::Fixed(basic), Timeouts::default());
    let mut api = MockHttpClient::new();
    api.expect_attempt()
        .withf(|_, authorization, _| authorization.as_ref().unwrap() == "Bearer granted")
        .times(1)
        .returning(|_, _, _| Ok(Response::new(StatusCode::NO_CONTENT)));
    let credentials = server_to_server(Arc::new(endpoint), "an account&x");
    let transport = HttpTransport::new(api, credentials, Timeouts::default());
    assert!(reset(Arc::new(transport)).await.is_ok());
}
