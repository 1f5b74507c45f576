//! Every known response to a password change at the portal, raw: one row for each. `fact` names the
//! shape or code and its grade: *documented*, *schema* (the published OpenAPI file), *outcome*,
//! *framework*, *inferred*.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::Arc;

use repass_domain::{
    CallContext, ChangeReceipt, Error, ErrorKind, Outcome, Password, PasswordServiceExt as _,
};
use repass_identity::{IdentityService, IdentitySettings, client_credentials};
use repass_transport::{
    Credentials, HttpTransport, MockHttpClient, MockTransport, Response, StatusCode, Timeouts, Transport,
};

use ErrorKind::{
    Conflict, InvalidRequest, LockedOut, Misconfigured, PasswordRefused, PermissionDenied, ProviderFault,
    RateLimited, Unauthenticated, UnexpectedAnswer, UserNotFound, WrongCurrentPassword,
};

const JSON: &str = "application/json; charset=utf-8";
const PROBLEM: &str = "application/problem+json; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// What goes in, and what comes out.
struct Row {
    fact: &'static str,
    status: u16,
    content_type: &'static str,
    body: &'static str,
    header: Option<(&'static str, &'static str)>,
    kind: ErrorKind,
    effect: Outcome,
    rules: &'static [(&'static str, Option<u32>)],
    code: Option<&'static str>,
    says: &'static str,
}

const fn row(fact: &'static str, status: u16, body: &'static str, kind: ErrorKind) -> Row {
    Row {
        fact,
        status,
        content_type: JSON,
        body,
        header: None,
        kind,
        effect: Outcome::NotApplied,
        rules: &[],
        code: None,
        says: "",
    }
}

impl Row {
    const fn rules(mut self, rules: &'static [(&'static str, Option<u32>)]) -> Self {
        self.rules = rules;
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

    const fn of_type(mut self, content_type: &'static str) -> Self {
        self.content_type = content_type;
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
            .with_header("content-type", self.content_type)
            .with_body(self.body);
        match self.header {
            Some((name, value)) => response.with_header(name, value),
            None => response,
        }
    }
}

macro_rules! code {
    ($code:literal, $text:literal) => {
        concat!(
            r#"{"succeeded":false,"errors":[{"code":""#,
            $code,
            r#"","description":""#,
            $text,
            r#""}]}"#
        )
    };
}

macro_rules! code_with_success {
    ($code:literal) => {
        concat!(
            r#"{"succeeded":true,"errors":[{"code":""#,
            $code,
            r#"","description":"no"}]}"#
        )
    };
}

const TABLE: &[Row] = &[
    // The framework's 22 describer codes, in the shape of the schema; 400 by it, 200 as outcome.
    row("framework DefaultError", 400, code!("DefaultError", "An unknown failure has occurred."), InvalidRequest).code("DefaultError").says("unknown failure"),
    row("framework ConcurrencyFailure", 400, code!("ConcurrencyFailure", "Optimistic concurrency failure, object has been modified."), Conflict).code("ConcurrencyFailure"),
    row("framework PasswordMismatch, 400", 400, code!("PasswordMismatch", "Incorrect password."), WrongCurrentPassword).code("PasswordMismatch").says("current password"),
    row("outcome PasswordMismatch, 200", 200, code!("PasswordMismatch", "Incorrect password."), WrongCurrentPassword).code("PasswordMismatch").says("current password"),
    row("framework InvalidToken", 400, code!("InvalidToken", "Invalid token."), InvalidRequest).code("InvalidToken"),
    row("framework RecoveryCodeRedemptionFailed", 400, code!("RecoveryCodeRedemptionFailed", "Recovery code redemption failed."), InvalidRequest).code("RecoveryCodeRedemptionFailed"),
    row("framework LoginAlreadyAssociated", 400, code!("LoginAlreadyAssociated", "A user with this login already exists."), InvalidRequest).code("LoginAlreadyAssociated"),
    row("framework InvalidUserName", 400, code!("InvalidUserName", "Username 'x y' is invalid, can only contain letters or digits."), InvalidRequest).code("InvalidUserName").says("Username"),
    row("framework InvalidEmail", 400, code!("InvalidEmail", "Email 'x' is invalid."), InvalidRequest).code("InvalidEmail"),
    row("outcome DuplicateUserName", 400, code!("DuplicateUserName", "Username 'a@b' is already taken."), InvalidRequest).code("DuplicateUserName"),
    row("outcome DuplicateEmail", 400, code!("DuplicateEmail", "Email 'a@b' is already taken."), InvalidRequest).code("DuplicateEmail"),
    row("framework InvalidRoleName", 400, code!("InvalidRoleName", "Role name 'x' is invalid."), InvalidRequest).code("InvalidRoleName"),
    row("framework DuplicateRoleName", 400, code!("DuplicateRoleName", "Role name 'x' is already taken."), InvalidRequest).code("DuplicateRoleName"),
    row("framework UserAlreadyHasPassword", 400, code!("UserAlreadyHasPassword", "User already has a password set."), InvalidRequest).code("UserAlreadyHasPassword"),
    row("framework UserLockoutNotEnabled", 400, code!("UserLockoutNotEnabled", "Lockout is not enabled for this user."), InvalidRequest).code("UserLockoutNotEnabled"),
    row("framework UserAlreadyInRole", 400, code!("UserAlreadyInRole", "User already in role 'x'."), InvalidRequest).code("UserAlreadyInRole"),
    row("framework UserNotInRole", 400, code!("UserNotInRole", "User is not in role 'x'."), InvalidRequest).code("UserNotInRole"),
    row("framework PasswordTooShort", 400, code!("PasswordTooShort", "Passwords must be at least 8 characters."), PasswordRefused).rules(&[("min_length", Some(8))]).code("PasswordTooShort"),
    row("framework PasswordRequiresUniqueChars", 400, code!("PasswordRequiresUniqueChars", "Passwords must use at least 4 different characters."), PasswordRefused).rules(&[("distinct_characters", Some(4))]).code("PasswordRequiresUniqueChars"),
    row("framework PasswordRequiresNonAlphanumeric", 400, code!("PasswordRequiresNonAlphanumeric", "Passwords must have at least one non alphanumeric character."), PasswordRefused).rules(&[("special", None)]).code("PasswordRequiresNonAlphanumeric"),
    row("framework PasswordRequiresDigit", 200, code!("PasswordRequiresDigit", "Passwords must have at least one digit ('0'-'9')."), PasswordRefused).rules(&[("digit", None)]).code("PasswordRequiresDigit"),
    row("framework PasswordRequiresLower", 400, code!("PasswordRequiresLower", "Passwords must have at least one lowercase ('a'-'z')."), PasswordRefused).rules(&[("lowercase", None)]).code("PasswordRequiresLower"),
    row("framework PasswordRequiresUpper", 400, code!("PasswordRequiresUpper", "Passwords must have at least one uppercase ('A'-'Z')."), PasswordRefused).rules(&[("uppercase", None)]).code("PasswordRequiresUpper"),
    row("framework, all failing rules at once", 200, r#"{"succeeded":false,"errors":[{"code":"PasswordTooShort","description":"Passwords must be at least 8 characters."},{"code":"PasswordRequiresDigit","description":"…"}]}"#, PasswordRefused).rules(&[("min_length", Some(8)), ("digit", None)]).code("PasswordTooShort+PasswordRequiresDigit"),
    row("framework text in another language", 400, code!("PasswordTooShort", "Das Passwort braucht mindestens 10 Zeichen."), PasswordRefused).rules(&[("min_length", Some(10))]).code("PasswordTooShort"),
    row("unknown code about passwords", 400, code!("PasswordWasUsedBefore", "…"), PasswordRefused).rules(&[("other", None)]).code("PasswordWasUsedBefore"),
    row("an echo in a code", 400, code!("PasswordNew-Passw0rd-1", "…"), PasswordRefused).rules(&[("other", None)]).code("Password[redacted]"),
    row("unknown code", 400, code!("SomethingNew", "Something new about New-Passw0rd-1."), InvalidRequest).code("SomethingNew").says("about [redacted]."),
    row("inferred lock-out code", 400, code!("UserLockedOut", "User is locked out."), LockedOut).code("UserLockedOut"),
    row("framework lock-out text", 200, code!("X", "User is locked out."), LockedOut).code("X"),
    row("schema, no errors reported", 400, r#"{"succeeded":false,"errors":null}"#, InvalidRequest).says("refuses"),
    // E2: the same nested.
    row("outcome, nested result", 200, r#"{"result":{"succeeded":false,"errors":[{"code":"DuplicateUserName","description":"Username 'a@b' is already taken."}]},"users":[]}"#, InvalidRequest).code("DuplicateUserName"),
    // E3: validation problems.
    row("documented validation problem", 400, r#"{"errors":{"newPassword":["The value is not valid."]},"type":"https://tools.ietf.org/html/rfc7231#section-6.5.1","title":"One or more validation errors occurred.","status":400,"traceId":"00-0-0-00"}"#, InvalidRequest).of_type(PROBLEM).says("newPassword: The value is not valid."),
    row("outcome, the same of a newer runtime", 400, r#"{"errors":{"":["A non-empty request body is required."]},"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400}"#, InvalidRequest).of_type(PROBLEM).says("non-empty request body"),
    row("framework, an id that is no GUID", 400, r#"{"errors":{"userId":["The value 'har-3107' is not valid."]},"title":"One or more validation errors occurred.","status":400}"#, InvalidRequest).of_type(PROBLEM).says("GUID"),
    row("framework 404 problem", 404, r#"{"type":"https://tools.ietf.org/html/rfc7231#section-6.5.4","title":"Not Found","status":404,"traceId":"00-0-0-00"}"#, UserNotFound).of_type(PROBLEM).says("Not Found"),
    row("framework 409 problem", 409, r#"{"type":"https://tools.ietf.org/html/rfc7231#section-6.5.8","title":"Conflict","status":409}"#, Conflict).of_type(PROBLEM),
    row("framework 403 problem", 403, r#"{"title":"Forbidden","status":403,"traceId":"00-0-0-00"}"#, PermissionDenied).of_type(PROBLEM),
    row("framework 400 problem", 400, r#"{"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"Bad Request","status":400}"#, InvalidRequest).of_type(PROBLEM),
    row("a 409 problem document that is not the framework's", 409, r#"{"type":"about:blank","title":"Conflict","status":409}"#, UnexpectedAnswer).of_type(PROBLEM).unknown(),
    row("a framework problem under another status than its own", 403, r#"{"title":"Conflict","status":409,"traceId":"00-0-0-00"}"#, UnexpectedAnswer).of_type(PROBLEM).unknown(),
    row("framework 415 problem", 415, r#"{"title":"Unsupported Media Type","status":415}"#, Misconfigured).of_type(PROBLEM).says("encoding"),
    // E4: scopes.
    row("outcome, scopes", 403, r#"{"errorMessage":"Scope(s) 'OR.Folders.Read' is(are) invalid. Expect to have 'PM.User' or 'PM.User.Write'. "}"#, PermissionDenied).says("PM.User.Write"),
    row("outcome, no scope at all", 403, r#"{"errorMessage":"OAuth authorization failed. 'IdentityServerApi' scope not found."}"#, PermissionDenied).says("scope"),
    // E5 to E7: neighbours behind the same host.
    row("outcome, Orchestrator's shape", 400, r#"{"message":"No such thing.","errorCode":1009,"traceId":"00-0-01"}"#, InvalidRequest).code("1009").says("No such thing."),
    row("outcome, PascalCase", 400, r#"{"StatusCode":400,"StatusDescription":"BadRequest","Message":"Invalid Entity Names. (Parameter 'entityIdentifiers')"}"#, InvalidRequest).says("Invalid Entity Names."),
    row("outcome, ABP envelope", 401, r#"{"message":"You are not authorized!","errorCode":0,"success":false,"error":{"code":0,"message":"You are not authorized!","details":null},"__abp":true}"#, Unauthenticated).says("not authorized"),
    row("documented, ABP envelope with 200", 200, r#"{"result":null,"targetUrl":null,"success":false,"error":{"code":400,"message":"Incorrect password."},"unAuthorizedRequest":false,"__abp":true}"#, InvalidRequest).code("400").says("Incorrect password."),
    // E8: web pages.
    row("outcome, start page", 200, "<!DOCTYPE html><html></html>", UnexpectedAnswer).of_type(HTML).says("identity base URL").unknown(),
    row("a start page with a byte order mark", 200, "\u{feff}<!DOCTYPE html>", UnexpectedAnswer).of_type(HTML).says("identity base URL").unknown(),
    row("outcome, start page, mistyped", 200, "\r\n <html></html>", UnexpectedAnswer).says("identity base URL").unknown(),
    row("a result in XML", 200, "<IdentityResult><Succeeded>true</Succeeded></IdentityResult>", UnexpectedAnswer).of_type("application/xml").unknown(),
    row("a 404 page", 404, "<html></html>", Misconfigured).of_type(HTML),
    // E9: bearer refusals without a body.
    row("a 401 without a challenge", 401, "", UnexpectedAnswer).unknown(),
    row("a challenge of another scheme", 401, "", Unauthenticated).header("www-authenticate", "Negotiate").says("another scheme"),
    row("framework 401", 401, "", Unauthenticated).header("www-authenticate", "Bearer error=\"invalid_token\", error_description=\"The token expired\"").says("The token expired"),
    row("framework 403", 403, "", PermissionDenied),
    // E11: no such route on a standalone server.
    row("outcome, 405", 405, r#"{"error":{"code":"UnsupportedApiVersion","message":"The HTTP resource does not support HTTP method 'POST'.","innerError":null}}"#, Misconfigured).code("UnsupportedApiVersion").says("/identity"),
    // The gateway.
    row("documented 429", 429, "", RateLimited).header("retry-after", "30").says("try again in 30 s"),
    row("documented 429, no delay", 429, r#"{"message":"slow down"}"#, RateLimited).says("try again in 1 s"),
    row("a page with 429", 429, "<html></html>", RateLimited).of_type(HTML).header("retry-after", "3").says("try again in 3 s"),
    row("a page with 401", 401, "<html></html>", UnexpectedAnswer).of_type(HTML).unknown(),
    row("a page with 403", 403, "<html></html>", UnexpectedAnswer).of_type(HTML).says("firewall").unknown(),
    row("a redirect that keeps the method", 308, "", Misconfigured).says("redirects"),
    row("a redirect that may follow a change", 302, "", UnexpectedAnswer).says("redirects").unknown(),
    row("a redirect to what became of it", 303, "", UnexpectedAnswer).says("redirects").unknown(),
    // Shapes of the framework beside its result (framework, inferred for this call).
    row("the bare list of errors", 400, r#"[{"code":"PasswordMismatch","description":"Incorrect password."}]"#, WrongCurrentPassword).code("PasswordMismatch"),
    row("errors keyed by code", 400, r#"{"errors":{"PasswordMismatch":["Incorrect password."]},"status":400}"#, WrongCurrentPassword).code("PasswordMismatch"),
    row("a bare dictionary keyed by code", 400, r#"{"PasswordTooShort":["Passwords must be at least 8 characters."]}"#, PasswordRefused).rules(&[("min_length", Some(8))]).code("PasswordTooShort"),
    row("a result with texts alone", 400, r#"{"Succeeded":false,"Errors":["Incorrect password."]}"#, InvalidRequest).says("Incorrect password."),
    row("model state", 400, r#"{"Message":"The request is invalid.","ModelState":{"":["Incorrect password."]}}"#, InvalidRequest).says("Incorrect password."),
    row("a constraint on the new password", 400, r#"{"errors":{"NewPassword":["The field NewPassword must be a string with a maximum length of 100."]}}"#, PasswordRefused).says("maximum length of 100"),
    row("no such user in a result", 400, r#"{"succeeded":false,"errors":[{"code":"UserNotFound"}]}"#, UserNotFound).code("UserNotFound"),
    // A rule's parameter is never invented.
    row("a length in digits of another script", 400, code!("PasswordTooShort", "\u{ff11}\u{ff16} characters at least."), PasswordRefused).rules(&[("min_length", None)]).code("PasswordTooShort"),
    row("a length in words", 400, code!("PasswordTooShort", "At least sixteen characters."), PasswordRefused).rules(&[("min_length", None)]).code("PasswordTooShort"),
    row("a length without a text", 400, r#"{"succeeded":false,"errors":[{"code":"PasswordTooShort"}]}"#, PasswordRefused).rules(&[("min_length", None)]).code("PasswordTooShort"),
    row("a length beside another number", 400, code!("PasswordTooShort", "2024-05 policy: at least 16 characters."), PasswordRefused).rules(&[("min_length", None)]).code("PasswordTooShort").says("policy"),
    row("unique characters without a number", 400, code!("PasswordRequiresUniqueChars", "More of them."), PasswordRefused).rules(&[("distinct_characters", None)]).code("PasswordRequiresUniqueChars"),
    // Own shapes under statuses with which they are not known.
    row("a result with 403", 403, code!("PasswordMismatch", "Incorrect password."), UnexpectedAnswer).code("PasswordMismatch").unknown(),
    row("a result with 422", 422, code!("PasswordTooShort", "Passwords must be at least 8 characters."), UnexpectedAnswer).code("PasswordTooShort").unknown(),
    row("a validation problem with 200", 200, r#"{"errors":{"newPassword":["no"]},"title":"t","status":400}"#, UnexpectedAnswer).unknown(),
    row("a scope error with 200", 200, r#"{"errorMessage":"Scope(s) 'x' is(are) invalid."}"#, UnexpectedAnswer).unknown(),
    row("another error with 403", 403, r#"{"errorMessage":"Mail could not be sent."}"#, UnexpectedAnswer).says("Mail").unknown(),
    row("a success with 202", 202, r#"{"succeeded":true,"errors":[]}"#, UnexpectedAnswer).says("contradict").unknown(),
    row("a success with 206", 206, r#"{"succeeded":true,"errors":[]}"#, UnexpectedAnswer).unknown(),
    row("a success that lists errors", 200, code_with_success!("PasswordMismatch"), UnexpectedAnswer).says("contradict").unknown(),
    row("a result that repeats itself otherwise", 200, r#"{"succeeded":false,"succeeded":true}"#, UnexpectedAnswer).says("contradict").unknown(),
    // Gateways.
    row("Kong, no route", 404, r#"{"message":"no Route matched with those values"}"#, Misconfigured).says("base URL"),
    row("API Management, no route", 404, r#"{"statusCode":404,"message":"Resource not found"}"#, Misconfigured).says("base URL"),
    row("Spring, no route", 404, r#"{"timestamp":"2026-01-01T00:00:00Z","status":404,"error":"Not Found","path":"/x"}"#, Misconfigured).says("base URL"),
    row("Spring, no route, as a problem", 404, r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"No static resource x."}"#, Misconfigured).says("base URL"),
    row("AWS, no route", 404, r#"{"message":"Not Found"}"#, Misconfigured).says("base URL"),
    row("AWS, forbidden", 403, r#"{"message":"Forbidden"}"#, UnexpectedAnswer).says("firewall").unknown(),
    row("gRPC transcoding", 400, r#"{"code":3,"message":"invalid argument","details":[]}"#, UnexpectedAnswer).says("invalid argument").unknown(),
    row("an error object of a gateway", 400, r#"{"error":{"code":"BadRequest","message":"no"}}"#, UnexpectedAnswer).code("BadRequest").unknown(),
    row("a text with 400", 400, "Bad Request", UnexpectedAnswer).of_type("text/plain").says("provider's own format").unknown(),
    row("nothing with 400", 400, "", UnexpectedAnswer).unknown(),
    row("a proxy's own log-in", 407, "", UnexpectedAnswer).says("407").unknown(),
    row("headers too large", 431, "", Misconfigured).says("headers"),
    row("misdirected", 421, "", Misconfigured).says("host name"),
    // What proves nothing.
    row("500 with a result", 500, r#"{"succeeded":false,"errors":[]}"#, ProviderFault).unknown(),
    row("502 page", 502, "<html></html>", ProviderFault).of_type(HTML).unknown(),
    row("503", 503, "", ProviderFault).unknown(),
    row("504", 504, "", ProviderFault).unknown(),
    row("200, empty", 200, "", UnexpectedAnswer).unknown(),
    row("200, other JSON", 200, r#"{"id":"x"}"#, UnexpectedAnswer).unknown(),
    row("200, broken JSON", 200, r#"{"succeeded":tr"#, UnexpectedAnswer).unknown(),
    row("200 that says both", 200, r#"{"succeeded":false,"result":{"succeeded":true}}"#, UnexpectedAnswer).unknown(),
    row("200 that says both in one", 200, r#"{"Succeeded":true,"succeeded":false}"#, UnexpectedAnswer).unknown(),
    row("204 that is called a page", 204, "", UnexpectedAnswer).of_type(HTML).unknown(),
    row("400 that says it succeeded", 400, r#"{"succeeded":true,"errors":[]}"#, UnexpectedAnswer).unknown(),
];

async fn change_over(transport: impl Transport) -> Result<ChangeReceipt, Error> {
    let service = IdentityService::new("portal", IdentitySettings::default(), Arc::new(transport));
    let user = "7d5cbf1d-3c4e-4b43-8c1b-5e6a1f0f0a01".parse().unwrap();
    let password = |text| Password::new(text).unwrap();
    service
        .change(
            &CallContext::default(),
            user,
            password("Old-Passw0rd-1"),
            password("New-Passw0rd-1"),
        )
        .await
}

async fn change(response: Response) -> Result<ChangeReceipt, Error> {
    let mut transport = MockTransport::new();
    transport.expect_deliver().times(1).return_once(|_| Ok(response));
    change_over(transport).await
}

#[tokio::test]
async fn password_response_maps_to_kind_outcome_and_detail() {
    assert!(TABLE.len() >= 35);
    for row in TABLE {
        let fact = row.fact;
        let error = change(row.response()).await.expect_err(fact);
        assert_eq!((error.kind(), error.outcome()), (row.kind, row.effect), "{fact}");
        let reported: Vec<_> = error
            .violations()
            .iter()
            .map(|reported| (reported.rule().code(), reported.rule().limit()))
            .collect();
        assert_eq!(reported, row.rules, "{fact}");
        let detail = error.provider_detail().expect(fact);
        assert_eq!(
            (detail.status, detail.code.as_deref()),
            (Some(row.status), row.code),
            "{fact}"
        );
        let text = error.to_string();
        assert!(text.contains(row.says), "{fact}: {text}");
        assert!(!text.contains("Passw0rd-1"), "{fact}: {text}");
        assert_eq!(
            error.unknown_outcome().is_some(),
            row.effect == Outcome::Unknown,
            "{fact}"
        );
    }
}

#[tokio::test]
async fn password_success_is_applied() {
    for body in [
        r#"{"succeeded":true,"errors":[]}"#,
        r#"{"succeeded":true,"errors":null}"#,
        r#"{"Succeeded":true}"#,
        r#"{"result":{"succeeded":true,"errors":[]},"users":[]}"#,
    ] {
        // A gateway may call it what it likes.
        let response = Response::new(StatusCode::OK).with_header("content-type", HTML);
        assert!(change(response.with_body(body)).await.is_ok(), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn token_rejection_names_what_to_fix() {
    for (fact, status, body, kind, says) in [
        (
            "framework invalid_client, 400",
            400,
            r#"{"error":"invalid_client"}"#,
            Unauthenticated,
            "`client_secret`",
        ),
        (
            "RFC 6749 invalid_client, 401",
            401,
            r#"{"error":"invalid_client"}"#,
            Unauthenticated,
            "`client_secret`",
        ),
        (
            "outcome invalid_scope",
            400,
            r#"{"error":"invalid_scope"}"#,
            Unauthenticated,
            "exactly the names",
        ),
        (
            "framework unauthorized_client",
            400,
            r#"{"error":"unauthorized_client"}"#,
            Unauthenticated,
            "confidential",
        ),
        (
            "framework unsupported_grant_type",
            400,
            r#"{"error":"unsupported_grant_type"}"#,
            Unauthenticated,
            "confidential",
        ),
        (
            "framework invalid_request",
            400,
            r#"{"error":"invalid_request"}"#,
            Unauthenticated,
            "`token_url`",
        ),
        (
            "framework invalid_grant",
            400,
            r#"{"error":"invalid_grant"}"#,
            Unauthenticated,
            "`token_url`",
        ),
        (
            "outcome page",
            200,
            "<!DOCTYPE html>",
            Misconfigured,
            "/identity/connect/token",
        ),
        (
            "outcome 405",
            405,
            r#"{"error":{"code":"UnsupportedApiVersion"}}"#,
            Misconfigured,
            "/identity/connect/token",
        ),
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
        let credentials = client_credentials(Arc::new(endpoint), "id", &"secret".into(), "PM.User.Write");
        let error = change_over(HttpTransport::new(
            MockHttpClient::new(),
            credentials,
            Timeouts::default(),
        ))
        .await;
        let error = error.expect_err(fact);
        assert_eq!(
            (error.kind(), error.outcome()),
            (kind, Outcome::NotApplied),
            "{fact}"
        );
        assert!(error.to_string().contains(says), "{fact}: {error}");
    }
}

#[tokio::test]
async fn token_request_is_a_form_with_the_scope() {
    let mut wire = MockHttpClient::new();
    wire.expect_attempt()
        .withf(|request, authorization, _| {
            let body = request.secret_body().unwrap();
            body.content_type() == "application/x-www-form-urlencoded"
                && body.bytes()
                    == "grant_type=client_credentials&client_id=id&client_secret=s%26c&scope=PM.User.Write"
                && authorization.is_none()
        })
        .times(1)
        .returning(|_, _, _| {
            Ok(Response::new(StatusCode::OK).with_body(r#"{"access_token":"granted","expires_in":"3600"}"#))
        });
    let endpoint = HttpTransport::new(wire, Credentials::None, Timeouts::default());
    let mut api = MockHttpClient::new();
    api.expect_attempt()
        .withf(|_, authorization, _| authorization.as_ref().unwrap() == "Bearer granted")
        .times(1)
        .returning(|_, _, _| Ok(Response::new(StatusCode::OK).with_body(r#"{"succeeded":true}"#)));
    let credentials = client_credentials(Arc::new(endpoint), "id", &"s&c".into(), "PM.User.Write");
    assert!(
        change_over(HttpTransport::new(api, credentials, Timeouts::default()))
            .await
            .is_ok()
    );
}
