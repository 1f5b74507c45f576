//! Profile updates over a mocked transport: what Zoom's answers mean, and which encodings are
//! tried.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::Arc;
use std::time::Duration;

use mockall::Sequence;
use repass_domain::ErrorKind::{
    InvalidRequest, Misconfigured, NotEligible, PermissionDenied, ProviderFault, RateLimited, TimedOut,
    Unauthenticated, UnexpectedAnswer, UserNotFound,
};
use repass_domain::Outcome::{NotApplied, Unknown};
use repass_domain::{CallContext, ChangeReceipt, Error, ErrorKind, ProfileUpdate, UserProfileService as _};
use repass_transport::{Cause, MockTransport, Request, Response, StatusCode, TransportError};
use repass_zoom::{BodyEncoding, ZoomService, ZoomSettings};

fn zoom(transport: MockTransport, body: BodyEncoding) -> ZoomService {
    let config = ZoomSettings {
        body,
        ..ZoomSettings::default()
    };
    ZoomService::new("zoom", config, Arc::new(transport))
}

fn response(status: u16, body: impl Into<String>) -> Response {
    Response::new(StatusCode::from_u16(status).unwrap())
        .with_header("x-zm-trackingid", "WEB_1")
        .with_body(body.into())
}

async fn update(service: &ZoomService) -> Result<ChangeReceipt, Error> {
    let update = ProfileUpdate::new("alice@example.com".parse().unwrap())
        .set("first_name", "Annabel")
        .set("type", 1);
    service.update_profile(&CallContext::default(), &update).await
}

async fn answered(response: Response) -> Result<ChangeReceipt, Error> {
    let mut transport = MockTransport::new();
    transport.expect_deliver().times(1).return_once(|_| Ok(response));
    update(&zoom(transport, BodyEncoding::Json)).await
}

/// One documented response: what it is, status and body, and what is made of it. The last text is
/// part of the sentence that people read.
type Row = (&'static str, u16, i64, &'static str, ErrorKind, &'static str);

#[rustfmt::skip]
const ROWS: [Row; 46] = [
    ("documented 400/200", 400, 200, "A Zoom Room user cannot be updated to a free user type: u", NotEligible, "a Zoom Room"),
    ("documented 400/200", 400, 200, "A Zoom Room user cannot be updated to a no-meeting-license user type: u.", NotEligible, "a Zoom Room"),
    ("documented 400/200", 400, 200, "You cannot update PMI information for a \"No Meetings License\" user.", NotEligible, "no personal meeting ID"),
    ("documented 400/200", 400, 200, "Only an account administrator can change a user's name.", PermissionDenied, "an administrator of the account"),
    ("documented 400/200", 400, 200, "Only an account administrator can change the host key.", PermissionDenied, "an administrator of the account"),
    ("documented 400/200", 400, 200, "Only an account administrator can change a Personal Meeting ID (PMI).", PermissionDenied, "an administrator of the account"),
    ("documented 400/200", 400, 200, "Only an account administrator can change a vanity name.", PermissionDenied, "an administrator of the account"),
    ("documented 400/300", 400, 300, "Your request could not be completed because the name contains an invalid word: Annabel", InvalidRequest, "choose another name"),
    ("documented 400/300", 400, 300, "You cannot change the user type to \"Basic\" because this user has an upcoming Zoom Events scheduled.", NotEligible, "upcoming Zoom Event"),
    ("documented 400/300", 400, 300, "Invalid parameter: password", InvalidRequest, "password is not changed here"),
    ("documented 400/300", 400, 300, "The value provided for \"plan_united_type\" parameter is invalid. Try again with a valid value.", InvalidRequest, "plan_united_type is not a plan"),
    ("documented 400/300", 400, 300, "You can't change the \"type\" or \"plan_united_type\" or \"zoom_one_type\" at the same time.", InvalidRequest, "cannot change together"),
    ("documented 400/300", 400, 300, "You can't turn off your Zoom One license now because you are having Zoom One as your basic plan type.", NotEligible, "basic plan is Zoom One"),
    ("documented 400/1108", 400, 1108, "Permission requirements to change the user type of this user were not met.", PermissionDenied, "may not change the type"),
    ("documented 400/1109", 400, 1109, "Host is not a paid user.", NotEligible, "takes a licensed user"),
    ("documented 400/1120", 400, 1120, "A valid invitation to join the Zoom account was not found for this user.", NotEligible, "invite again"),
    ("documented 400/2033", 400, 2033, "Your request to convert the user type to \"Basic\" was not approved because you have already reached the maximum basic user limit allowed in your account.", NotEligible, "as many Basic users"),
    ("documented 400/2034", 400, 2034, "Your request to convert the plan type of this user to \"Pro\" was not approved at this time because your account has reached the permitted maximum number of \"Pro\" users.", NotEligible, "buy or free one"),
    ("documented 400/2038", 400, 2038, "Your request to convert the plan type of this user was not approved at this time because your account has reached the permitted maximum number.", NotEligible, "buy or free one"),
    ("documented 400/2039", 400, 2039, "You can't turn off your Zoom United license now because you don't have enough basic licenses.", NotEligible, "too few Basic licences"),
    ("documented 400/2039", 400, 2039, "You can't turn off your Zoom One license now because you don't have enough basic licenses.", NotEligible, "too few Basic licences"),
    ("documented 400/3412, in its sense", 400, 3412, "You have reached the maximum number of Basic users allowed: 10.", NotEligible, "as many users of this type"),
    ("documented 400/3412, in its sense", 400, 3412, "You have reached the maximum number of paying users allowed: 10.", NotEligible, "as many users of this type"),
    ("documented 400/3412, in its sense", 400, 3412, "You have reached the maximum number of No Meeting License users allowed: 10.", NotEligible, "as many users of this type"),
    ("documented 400/4100", 400, 4100, "User is already taken by a user from your account. Choose another \"Personal Link Name\".", InvalidRequest, "vanity_name is taken"),
    ("documented 404/1001", 404, 1001, "User does not exist: alice@example.com", UserNotFound, "no such user"),
    ("drafted in 2018, 300", 400, 300, "User cannot update host key. There is a started meeting.", NotEligible, "wait for its end"),
    ("drafted in 2018, 300", 400, 300, "Host key cannot be same as personal audio conference password.", InvalidRequest, "host_key is the same"),
    ("drafted in 2018, 1108", 400, 1108, "Only paid user can own host key.", NotEligible, "only a licensed user"),
    ("drafted in 2018, 1010", 404, 1010, "User not exist or not belong to this account", UserNotFound, "no such user"),
    ("outcome 401/124", 401, 124, "Access token is expired.", Unauthenticated, "token"),
    ("outcome 400/124", 400, 124, "Invalid access token.", Unauthenticated, "token"),
    ("outcome 400/104", 400, 104, "Invalid access token, does not contain scopes:[user:update:user:admin].", PermissionDenied, "user:update:user:admin"),
    ("documented 400/4700, in its sense", 400, 4700, "A scope is missing.", PermissionDenied, "user:update:user:admin"),
    ("seen in fixtures 400/4711", 400, 4711, "Invalid access token, does not contain scopes:[user:write:admin].", PermissionDenied, "user:update:user:admin"),
    ("the same text with a code of its own", 400, 4800, "Invalid access token, does not contain scopes:[user:write:admin].", PermissionDenied, "user:update:user:admin"),
    ("documented 400/200", 400, 200, "No permission.", PermissionDenied, "the account's owner or an admin"),
    ("outcome 415/300", 415, 300, "Unsupported Content Type", Misconfigured, "encoding"),
    ("documented 400/300", 400, 300, "Request Body should be a valid JSON object.", Misconfigured, "encoding"),
    ("documented 429", 429, 429, "You have reached the maximum per-second rate limit for this API. Try again later.", RateLimited, "try again in 1 s"),
    ("documented 429", 429, 429, "You have reached the maximum daily rate limit for this API. Refer to the response header for details on when you can make another request.", RateLimited, "rate limit"),
    ("documented 429", 429, 429, "Too many concurrent requests. A request to disassociate this user has already been made.", RateLimited, "rate limit"),
    ("outcome 404/2300", 404, 2300, "This API endpoint is not recognized.", Misconfigured, "/v2"),
    ("no document, 400", 400, 9999, "Something new.", InvalidRequest, "is not valid at this provider"),
    ("no document, 403", 403, 9999, "Something new.", PermissionDenied, "lack the permission"),
    ("no document, 300", 400, 300, "Something new about Annabel.", InvalidRequest, "is not valid at this provider"),
];

#[tokio::test]
async fn profile_error_code_with_another_status_is_unknown() {
    for (status, code) in [(200, 300), (200, 1001), (409, 9999), (422, 300)] {
        let body = serde_json::json!({ "code": code, "message": "No." }).to_string();
        let error = answered(response(status, body)).await.unwrap_err();
        assert_eq!(error.outcome(), Unknown, "{status} {code}");
    }
}

#[tokio::test]
async fn profile_documented_error_has_its_kind() {
    for (fact, status, code, message, kind, says) in ROWS {
        let body = serde_json::json!({ "code": code, "message": message }).to_string();
        let error = answered(response(status, body)).await.unwrap_err();
        let reported = format!("{fact}: {message}: {error}");
        assert_eq!((error.kind(), error.outcome()), (kind, NotApplied), "{reported}");
        assert!(error.to_string().contains(says), "{reported}");
        let detail = error.provider_detail().unwrap();
        let scrubbed = message
            .replace("alice@example.com", "[user]")
            .replace("Annabel", "[value]");
        assert_eq!(
            (
                detail.status,
                detail.code.as_deref(),
                detail.message.as_deref(),
                detail.tracking_id.as_deref()
            ),
            (
                Some(status),
                Some(&*code.to_string()),
                Some(&*scrubbed),
                Some("WEB_1")
            ),
            "{reported}"
        );
    }
}

#[tokio::test]
async fn profile_ambiguous_response_is_unknown() {
    let lost = "the same update can be made again";
    let table: [(&str, Response, ErrorKind); 8] = [
        (
            "500",
            response(500, r#"{"code":500,"message":"x"}"#),
            ProviderFault,
        ),
        ("504 without a body", response(504, ""), ProviderFault),
        ("200 with a page", response(200, "<html>"), UnexpectedAnswer),
        (
            "200 with an unknown code",
            response(200, r#"{"code":9999}"#),
            UnexpectedAnswer,
        ),
        (
            "200 of somebody else's",
            response(200, r#"{"status":"maintenance"}"#),
            UnexpectedAnswer,
        ),
        ("200, cut", response(200, "{").cut(), ErrorKind::ConnectionLost),
        ("418", response(418, ""), UnexpectedAnswer),
        // An earlier sending may have been the one that took the last licence.
        (
            "a refusal after a lost sending",
            response(400, r#"{"code":2034,"message":"…"}"#).in_doubt(),
            NotEligible,
        ),
    ];
    for (what, response, kind) in table {
        let error = answered(response).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome()),
            (kind, Unknown),
            "{what}: {error}"
        );
        assert!(error.to_string().contains(lost), "{what}: {error}");
        assert_eq!(error.unknown_outcome().unwrap().provider(), "zoom");
    }
}

#[tokio::test]
async fn profile_transport_failure_maps_to_outcome() {
    let failed = |failure: TransportError| async {
        let mut transport = MockTransport::new();
        transport.expect_deliver().return_once(|_| Err(failure));
        let error = update(&zoom(transport, BodyEncoding::Auto)).await.unwrap_err();
        (error.kind(), error.outcome())
    };
    let lost = TransportError::lost(Cause::TimedOut, "no response in time");
    assert_eq!(failed(lost).await, (TimedOut, Unknown));
    let unsent = TransportError::not_sent(Cause::BudgetExhausted, "no time was left");
    assert_eq!(failed(unsent).await, (ErrorKind::BudgetExhausted, NotApplied));
}

#[tokio::test]
async fn profile_204_is_applied_with_its_tracking_id() {
    let changed = answered(response(204, "").cut()).await.unwrap();
    assert_eq!(changed.tracking_id(), Some("WEB_1"));
}

#[tokio::test]
async fn profile_rejected_fields_are_named() {
    let body = r#"{"code":300,"message":"Validation Failed.","errors":[
        {"field":"user_info.timezone","message":"Invalid field."},{"field":"first_name","message":"No Annabel."}]}"#;
    let error = answered(response(400, body)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (InvalidRequest, NotApplied));
    let problems: Vec<String> = error.field_problems().iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "user_info.timezone is refused by Zoom: Invalid field.",
            "first_name is refused by Zoom: No [value]."
        ]
    );
    let taken = answered(response(400, r#"{"code":4100,"message":"…"}"#))
        .await
        .unwrap_err();
    let taken = &taken.field_problems()[0];
    assert_eq!((taken.field(), taken.code()), ("vanity_name", "taken"));
}

#[tokio::test]
async fn profile_rate_limit_reports_the_servers_delay() {
    let limited = response(429, "").with_header("retry-after", "7");
    let error = answered(limited).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
}

fn is_json(request: &Request) -> bool {
    request.secret_body().unwrap().content_type() == "application/json"
}

fn encoding_rejected() -> Response {
    response(415, r#"{"code":300,"message":"Unsupported Content Type"}"#)
}

#[tokio::test]
async fn profile_auto_encoding_falls_back_to_json_and_stays() {
    let mut transport = MockTransport::new();
    let mut order = Sequence::new();
    transport
        .expect_deliver()
        .withf(|request| !is_json(request))
        .times(1)
        .in_sequence(&mut order)
        .returning(|_| Ok(encoding_rejected()));
    transport
        .expect_deliver()
        .withf(is_json)
        .times(2)
        .in_sequence(&mut order)
        .returning(|_| Ok(response(204, "")));
    let service = zoom(transport, BodyEncoding::Auto);
    assert!(update(&service).await.is_ok());
    assert!(update(&service).await.is_ok());
}

#[tokio::test]
async fn profile_fixed_encoding_is_never_changed() {
    for (body, json) in [(BodyEncoding::FormData, false), (BodyEncoding::Json, true)] {
        let mut transport = MockTransport::new();
        transport
            .expect_deliver()
            .withf(move |request| is_json(request) == json)
            .times(1)
            .returning(|_| Ok(encoding_rejected()));
        let error = update(&zoom(transport, body)).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (Misconfigured, NotApplied));
    }
}
