//! The portal's errors in the shapes of the framework that it is built on.

use repass::ErrorKind::{
    Conflict, InvalidRequest, LockedOut, PasswordRefused, PermissionDenied, Unauthenticated,
    UnexpectedAnswer, UserNotFound, WrongCurrentPassword,
};
use repass::Resolution;

use crate::case::Call::{Portal, PortalProbe};
use crate::case::Expected::{NotApplied, Resolved, Unknown};
use crate::case::{case, json, problem, raw, replay};

fn failed(code: &str, text: &str) -> String {
    format!(r#"{{"succeeded":false,"errors":[{{"code":"{code}","description":"{text}"}}]}}"#)
}

#[tokio::test(flavor = "multi_thread")]
async fn shapes_of_the_framework_are_read_with_400() {
    let mut cases = Vec::new();
    for body in [
        r#"[{"code":"PasswordMismatch","description":"Incorrect password."}]"#,
        r#"{"errors":{"PasswordMismatch":["Incorrect password."]},"status":400}"#,
        r#"{"PasswordMismatch":["Incorrect password."]}"#,
        r#"{"Succeeded":false,"Errors":[{"Code":"PasswordMismatch","Description":"Incorrect password."}]}"#,
        r#"{"result":{"succeeded":false,"errors":[{"code":"PasswordMismatch"}]},"users":[]}"#,
    ] {
        cases.push(case(
            body,
            Portal,
            json(400, body),
            NotApplied(WrongCurrentPassword),
        ));
        cases.push(case(
            format!("403 {body}"),
            Portal,
            json(403, body),
            Unknown(UnexpectedAnswer),
        ));
        cases.push(case(
            format!("422 {body}"),
            Portal,
            json(422, body),
            Unknown(UnexpectedAnswer),
        ));
    }
    for body in [
        r#"[{"code":"PasswordTooShort","description":"Passwords must be at least 8 characters."}]"#,
        r#"{"errors":{"PasswordTooShort":["Passwords must be at least 8 characters."]},"status":400}"#,
        r#"{"PasswordTooShort":["Passwords must be at least 8 characters."]}"#,
    ] {
        cases.push(
            case(body, Portal, json(400, body), NotApplied(PasswordRefused)).violates("min_length", Some(8)),
        );
    }
    let long = r#"{"errors":{"NewPassword":["The field NewPassword must be a string or array type with a maximum length of 100."]}}"#;
    cases
        .push(case(long, Portal, json(400, long), NotApplied(PasswordRefused)).says("maximum length of 100"));
    let texts = r#"{"Succeeded":false,"Errors":["Incorrect password."]}"#;
    cases.push(case(texts, Portal, json(400, texts), NotApplied(InvalidRequest)).says("Incorrect password."));
    let state = r#"{"Message":"The request is invalid.","ModelState":{"":["Incorrect password."]}}"#;
    cases.push(case(state, Portal, json(400, state), NotApplied(InvalidRequest)).says("Incorrect password."));
    let legacy = r#"{"result":null,"success":false,"error":{"code":400,"message":"Incorrect password."},"__abp":true}"#;
    cases.push(
        case(legacy, Portal, json(200, legacy), NotApplied(InvalidRequest)).says("Incorrect password."),
    );
    let foreign = r#"{"result":null,"success":false,"error":{"code":400,"message":"no"}}"#;
    cases.push(case(
        foreign,
        Portal,
        json(200, foreign),
        Unknown(UnexpectedAnswer),
    ));
    cases.push(case(
        "no such user",
        Portal,
        json(400, &failed("UserNotFound", "")),
        NotApplied(UserNotFound),
    ));
    cases.push(case(
        "locked",
        Portal,
        json(400, &failed("UserLockedOut", "User is locked out.")),
        NotApplied(LockedOut),
    ));
    replay(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parameter_of_a_rule_is_never_invented() {
    let mut cases = Vec::new();
    for (text, limit) in [
        ("Passwords must be at least 12 characters.", Some(12)),
        ("", None),
        ("\u{ff11}\u{ff16} characters", None),
        ("at least sixteen characters", None),
        ("2024-05 policy: at least 16 characters.", None),
        ("between 8 and 100 characters", None),
        ("at least 99999 characters", None),
        ("Canary'New+Passw0rd-77 is too short", None),
    ] {
        cases.push(
            case(
                text,
                Portal,
                json(400, &failed("PasswordTooShort", text)),
                NotApplied(PasswordRefused),
            )
            .violates("min_length", limit),
        );
    }
    cases.push(
        case(
            "unique",
            Portal,
            json(200, &failed("PasswordRequiresUniqueChars", "More.")),
            NotApplied(PasswordRefused),
        )
        .violates("distinct_characters", None),
    );
    replay(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn problem_document_counts_if_the_framework_wrote_it() {
    let framework = |status: u16| {
        format!(
            r#"{{"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"No","status":{status},"traceId":"00-0-0-00"}}"#
        )
    };
    let mut cases = Vec::new();
    for (status, kind) in [
        (400, InvalidRequest),
        (401, Unauthenticated),
        (403, PermissionDenied),
        (404, UserNotFound),
        (409, Conflict),
    ] {
        cases.push(case(
            format!("{status}"),
            Portal,
            problem(status, &framework(status)),
            NotApplied(kind),
        ));
        if status != 404 {
            cases.push(case(
                format!("{status} of another"),
                Portal,
                problem(status, &framework(499)),
                Unknown(UnexpectedAnswer),
            ));
        }
    }
    let challenge = raw(
        "403 No",
        &["WWW-Authenticate: Bearer error=\"insufficient_scope\""],
        "",
    );
    cases.push(case(
        "insufficient scope",
        Portal,
        challenge,
        NotApplied(PermissionDenied),
    ));
    let scope = r#"{"errorMessage":"Scope(s) 'x' is(are) invalid. Expect to have 'PM.User.Write'. "}"#;
    cases.push(case("a scope", Portal, json(403, scope), NotApplied(PermissionDenied)).says("PM.User.Write"));
    replay(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn probe_counts_only_what_follows_the_check_of_the_old_password() {
    let mut cases = vec![
        case(
            "a success",
            PortalProbe,
            json(200, r#"{"succeeded":true,"errors":[]}"#),
            Resolved(Resolution::InPlace),
        ),
        case(
            "a mismatch",
            PortalProbe,
            json(400, &failed("PasswordMismatch", "")),
            Resolved(Resolution::NotInPlace),
        ),
        case(
            "a mismatch with 200",
            PortalProbe,
            json(200, &failed("PasswordMismatch", "")),
            Resolved(Resolution::NotInPlace),
        ),
        case(
            "a later check",
            PortalProbe,
            json(400, &failed("DuplicateEmail", "")),
            Resolved(Resolution::InPlace),
        ),
        // A portal may check the rules for new passwords before the old one.
        case(
            "a rule",
            PortalProbe,
            json(400, &failed("PasswordRequiresUpper", "")),
            Unknown(PasswordRefused),
        ),
        case(
            "locked",
            PortalProbe,
            json(400, &failed("UserLockedOut", "")),
            Unknown(LockedOut),
        ),
    ];
    cases.push(case(
        "a mismatch with 403",
        PortalProbe,
        json(403, &failed("PasswordMismatch", "")),
        Unknown(UnexpectedAnswer),
    ));
    replay(cases).await;
}
