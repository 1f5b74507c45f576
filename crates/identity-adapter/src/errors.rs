//! What the portal's responses mean: one table.
//!
//! The status alone does not decide: rejected input comes as 400 (documented) and as 200 (observed), so
//! a response is classified by `succeeded`. Nor does the body without its status: a shape counts under the
//! status with which it is documented, observed, or written by the framework that the portal is built
//! on. Other shapes come from the layers around the portal.

use std::iter::once;

use repass_domain::{CallRedactor, ErrorKind, Resolution, Rule};
use repass_provider::{Classification, only_number};
use repass_transport::{AttemptOutcome, Json, Response, StatusCode};

/// Reads the response to a password change or reset. `redactor` knows the secrets of the call.
pub(crate) fn password(response: &Response, redactor: &CallRedactor<'_>) -> Classification {
    let classification = classify(response, redactor);
    let said = response.json().and_then(said);
    match (classification.outcome, said) {
        (AttemptOutcome::Done, Some(Said::Succeeded)) => Classification::done(),
        (AttemptOutcome::Done, _) => Classification::unproven(response),
        _ => classification,
    }
}

/// Reads the response to a call that changes nothing: done means that its body is JSON and says nothing
/// else.
pub(crate) fn read(response: &Response) -> Classification {
    classify(response, &CallRedactor::for_nothing())
}

fn classify(response: &Response, redactor: &CallRedactor<'_>) -> Classification {
    let by_status = Classification::by_status(response);
    // The body of a fault cannot show how far the portal came.
    if matches!(
        by_status.outcome,
        AttemptOutcome::Faulted | AttemptOutcome::SuccessCut
    ) {
        return by_status;
    }
    match response.json() {
        Some(body) => by_shape(body, response, by_status, redactor),
        None => without_json(response, by_status),
    }
}

fn without_json(response: &Response, by_status: Classification) -> Classification {
    match response.status() {
        // A wrong base path falls through to the web application's start page (observed).
        StatusCode::OK | StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED if response.is_markup() => {
            let nothing_proven = Classification::unproven(response);
            let classification = match response.status() {
                StatusCode::OK => nothing_proven,
                _ => by_status,
            };
            classification.with_hint(
                "a web page answered: a sorry page or proxy is in between, or this is not the identity base URL, which ends in \
                 /identity or /identity_",
            )
        }
        status if status.is_success() => Classification::unproven(response),
        // The framework refuses so when the token lacks what the call takes.
        StatusCode::FORBIDDEN if response.body().is_empty() && response.is_complete() => {
            Classification::rejected(ErrorKind::PermissionDenied)
                .with_provider_error(None, challenge(response))
        }
        _ => by_status.with_provider_error(None, challenge(response)),
    }
}

/// What the response to a probe, the change of the new password to itself, shows. Only success, the
/// mismatch, and those refusals count that come after the old password was found right: the framework
/// judges the user itself last. The rules for new passwords do not count, because a portal may check
/// them first.
pub(crate) fn probe(response: &Response, redactor: &CallRedactor<'_>) -> Option<Resolution> {
    const AFTER_THE_OLD_PASSWORD: [&str; 5] = [
        "ConcurrencyFailure",
        "DuplicateEmail",
        "DuplicateUserName",
        "InvalidEmail",
        "InvalidUserName",
    ];
    let classification = password(response, redactor);
    match (classification.outcome, classification.kind) {
        (AttemptOutcome::Done, _) => return Some(Resolution::InPlace),
        (AttemptOutcome::Refused, ErrorKind::WrongCurrentPassword) => return Some(Resolution::NotInPlace),
        (AttemptOutcome::Refused, kind) if kind != ErrorKind::LockedOut => {}
        _ => return None,
    }
    let body = response.json()?;
    let passed = matches!(said(body), Some(Said::Failed))
        && identity_errors(nested(body))
            .iter()
            .any(|(code, _)| AFTER_THE_OLD_PASSWORD.contains(&code.as_str()));
    passed.then_some(Resolution::InPlace)
}

// Some calls nest the same result (observed).
fn nested(body: &Json) -> &Json {
    let result = body
        .get("result")
        .filter(|result| result.get("succeeded").is_some());
    result.unwrap_or(body)
}

/// What a result says about itself.
enum Said {
    Succeeded,
    Failed,
    /// One thing here and another there.
    Both,
}

// What contradicts a success that stands beside it.
const ERRORS: [&str; 4] = ["errors", "error", "errorMessage", "errorCode"];

fn says_something(part: &Json) -> bool {
    match part {
        Json::Null | Json::Bool(false) => false,
        Json::Bool(true) => true,
        Json::Number(number) => number.as_i64() != Some(0),
        Json::Text(text) => !text.is_empty(),
        Json::List(items) => !items.is_empty(),
        Json::Object(members) => !members.is_empty(),
    }
}

fn said(body: &Json) -> Option<Said> {
    let results = body
        .all("result")
        .flat_map(|result| once(result).chain(result.items()));
    let results: Vec<&Json> = results.chain([body]).collect();
    let said: Vec<Option<bool>> = results
        .iter()
        .flat_map(|result| result.all("succeeded"))
        .map(Json::as_bool)
        .collect();
    let names_error = |result: &&Json| {
        let mut parts = ERRORS.iter().flat_map(|name| result.all(name));
        parts.any(says_something)
            || ["success", "isSuccess", "isSucceeded"]
                .into_iter()
                .flat_map(|name| result.all(name))
                .any(|success| success.as_bool() == Some(false))
    };
    let lists_errors = results.iter().any(names_error);
    let all = |succeeded| said.iter().all(|said| *said == succeeded);
    if all(None) {
        None
    } else if all(Some(true)) && !lists_errors {
        Some(Said::Succeeded)
    } else if all(Some(false)) {
        Some(Said::Failed)
    } else {
        Some(Said::Both)
    }
}

// The portal's own shapes, each under its statuses; then those of the layers around it.
fn by_shape(
    body: &Json,
    response: &Response,
    by_status: Classification,
    redactor: &CallRedactor<'_>,
) -> Classification {
    let status = response.status();
    let bad_request = status == StatusCode::BAD_REQUEST;
    match said(body) {
        Some(Said::Succeeded) if status == StatusCode::OK => return Classification::done(),
        Some(Said::Succeeded | Said::Both) => {
            return Classification::unreadable()
                .with_hint("the response contradicts itself: a proxy in between may have altered it");
        }
        Some(Said::Failed) => {
            let classification = by_codes(&identity_errors(nested(body)), redactor);
            // 400 is the schema's, 200 was observed.
            if matches!(status, StatusCode::OK | StatusCode::BAD_REQUEST) {
                return classification;
            }
            return own(response, by_status).with_provider_error(classification.code, classification.message);
        }
        None => {}
    }
    // The bare list of a result's errors (framework).
    if bad_request && is_list_of_errors(body) {
        return by_codes(&errors_of(body), redactor);
    }
    // Errors by field, or by code: a validation problem, its older form, or the bare dictionary (framework).
    let by_field = body.get("errors").or_else(|| body.get("modelState"));
    let by_field = by_field.or_else(|| is_keyed_by_code(body).then_some(body));
    if let Some(fields) = by_field.filter(|errors| has_messages_by_name(errors)) {
        let classification = by_fields(fields.members(), redactor);
        if bad_request {
            return classification;
        }
        return by_status.with_provider_error(classification.code, classification.message);
    }
    if let Some(text) = body.text("errorMessage") {
        let of_scopes = text.to_ascii_lowercase().contains("scope");
        let classification = match status {
            StatusCode::FORBIDDEN if of_scopes => Classification::rejected(ErrorKind::PermissionDenied)
                .with_hint(
                    "the token lacks the scope; grant PM.User.Write (or PM.User) to the external application",
                ),
            _ if of_scopes => own(response, by_status),
            _ if status == StatusCode::OK => Classification::unproven(response),
            _ => by_status,
        };
        return classification.with_provider_error(None, Some(text.to_owned()));
    }
    if let Some(error) = body.get("error").filter(|error| !error.members().is_empty()) {
        return error_object(body, error, response, by_status);
    }
    if status.is_success() {
        return by_status;
    }
    let code = body.get("errorCode").map(Json::plain);
    let text = ["message", "detail", "title"]
        .iter()
        .find_map(|name| body.text(name));
    let classification = if is_framework_problem(body, status) {
        framework_problem(response, by_status)
    } else if bad_request && is_of_a_neighbour(body) {
        Classification::rejected(ErrorKind::InvalidRequest)
    } else {
        by_status
    };
    classification.with_provider_error(code, text.map(str::to_owned))
}

// `{"error": {"code", "message"}}`, which is a gateway's as often as the portal's.
fn error_object(body: &Json, error: &Json, response: &Response, by_status: Classification) -> Classification {
    let status = response.status();
    let code = error.get("code").map(Json::plain).filter(|code| code != "0");
    let of_legacy_portal = body.get("__abp").and_then(Json::as_bool) == Some(true)
        && body.get("success").and_then(Json::as_bool) == Some(false);
    let classification = match code.as_deref() {
        Some("UnsupportedApiVersion") if matches!(status.as_u16(), 400 | 404 | 405) => {
            Classification::rejected(ErrorKind::Misconfigured).with_hint(
                "this address does not serve the identity API; a standalone server has it under /identity",
            )
        }
        // The older portal answers 200 to what it rejects (documented).
        _ if of_legacy_portal && matches!(status, StatusCode::OK | StatusCode::BAD_REQUEST) => {
            Classification::rejected(ErrorKind::InvalidRequest)
        }
        _ if of_legacy_portal => own(response, by_status),
        _ if status.is_success() => Classification::unproven(response),
        _ => by_status,
    };
    classification.with_provider_error(code, error.text("message").map(str::to_owned))
}

// In the portal's own words: with 401 that suffices, as a challenge would.
fn own(response: &Response, by_status: Classification) -> Classification {
    match response.status() {
        StatusCode::UNAUTHORIZED => {
            Classification::new(AttemptOutcome::TokenRejected, ErrorKind::Unauthenticated)
        }
        _ => by_status,
    }
}

/// A problem document as the framework writes it: `title` and its own `status`, and the link or the trace
/// that others do not write so.
fn is_framework_problem(body: &Json, status: StatusCode) -> bool {
    let says_status = body.get("status").and_then(Json::as_integer) == Some(status.as_u16().into());
    let link = body
        .text("type")
        .is_some_and(|link| link.starts_with("https://tools.ietf.org/html/rfc"));
    says_status && body.text("title").is_some() && (link || body.text("traceId").is_some())
}

fn framework_problem(response: &Response, by_status: Classification) -> Classification {
    match response.status() {
        StatusCode::BAD_REQUEST => Classification::rejected(ErrorKind::InvalidRequest),
        StatusCode::FORBIDDEN => Classification::rejected(ErrorKind::PermissionDenied),
        // For a path that exists: the user does not (inferred; a 404 is a refusal in any case).
        StatusCode::NOT_FOUND => Classification::rejected(ErrorKind::UserNotFound),
        StatusCode::CONFLICT => Classification::rejected(ErrorKind::Conflict),
        _ => own(response, by_status),
    }
}

// Two shapes of the services behind the same host (observed).
fn is_of_a_neighbour(body: &Json) -> bool {
    let has = |name| body.get(name).is_some();
    (has("errorCode") && has("traceId")) || (has("statusCode") && has("statusDescription"))
}

fn is_list_of_errors(body: &Json) -> bool {
    let codes: Option<Vec<&str>> = body.items().iter().map(|error| error.text("code")).collect();
    codes.is_some_and(|codes| codes.into_iter().any(is_framework_code))
}

// The framework lists the messages of each field, be it one.
fn has_messages_by_name(errors: &Json) -> bool {
    let members = errors.members();
    !members.is_empty()
        && members
            .iter()
            .all(|(_, messages)| matches!(messages, Json::List(_)))
}

fn is_keyed_by_code(body: &Json) -> bool {
    body.members()
        .iter()
        .any(|(name, messages)| is_framework_code(name) && !messages.items().is_empty())
}

fn is_framework_code(code: &str) -> bool {
    rule_code(code) || OTHER_CODES.contains(&code)
}

// The framework's list of codes, but for those of rules, and the portal's that says who is missing.
const OTHER_CODES: [&str; 17] = [
    "ConcurrencyFailure",
    "DefaultError",
    "DuplicateEmail",
    "DuplicateRoleName",
    "DuplicateUserName",
    "InvalidEmail",
    "InvalidRoleName",
    "InvalidToken",
    "InvalidUserName",
    "LoginAlreadyAssociated",
    "PasswordMismatch",
    "RecoveryCodeRedemptionFailed",
    "UserAlreadyHasPassword",
    "UserAlreadyInRole",
    "UserLockoutNotEnabled",
    "UserNotFound",
    "UserNotInRole",
];

fn by_fields(fields: &[(String, Json)], redactor: &CallRedactor<'_>) -> Classification {
    if fields.iter().any(|(name, _)| is_framework_code(name)) {
        let errors: Vec<_> = fields
            .iter()
            .map(|(code, messages)| (code.clone(), messages.plain()))
            .collect();
        return by_codes(&errors, redactor);
    }
    let text = fields.iter().map(|(field, messages)| {
        let messages = messages.plain();
        if field.is_empty() {
            messages
        } else {
            format!("{field}: {messages}")
        }
    });
    let text = text.collect::<Vec<_>>().join("; ");
    let classification = if fields
        .iter()
        .any(|(field, _)| field.eq_ignore_ascii_case("userId"))
    {
        Classification::rejected(ErrorKind::InvalidRequest)
            .with_hint("the portal knows users by their GUID, not by this id")
    } else if fields
        .iter()
        .any(|(field, messages)| is_about_the_new_password(field, &messages.plain()))
    {
        Classification::rejected(ErrorKind::PasswordRefused)
    } else {
        Classification::rejected(ErrorKind::InvalidRequest)
    };
    classification.with_provider_error(None, Some(text))
}

// A constraint on the value, and not that the field is missing or could not be read (framework).
fn is_about_the_new_password(field: &str, message: &str) -> bool {
    let named = field.rsplit('.').next().unwrap_or(field);
    let of_password = ["newPassword", "password"]
        .iter()
        .any(|name| named.eq_ignore_ascii_case(name));
    let message = message.to_ascii_lowercase();
    of_password
        && ["length", "characters", "regular expression"]
            .iter()
            .any(|part| message.contains(part))
}

/// Code and description of each error, as the framework's result lists them; `errors` may be null, and
/// may list texts alone (framework).
fn identity_errors(result: &Json) -> Vec<(String, String)> {
    result.get("errors").map(errors_of).unwrap_or_default()
}

fn errors_of(list: &Json) -> Vec<(String, String)> {
    let part = |error: &Json, name| error.text(name).unwrap_or_default().to_owned();
    let errors = list.items().iter().map(|error| match error.as_text() {
        Some(text) => (String::new(), text.to_owned()),
        None => (part(error, "code"), part(error, "description")),
    });
    let keyed = list.members().iter();
    errors
        .chain(keyed.map(|(code, messages)| (code.clone(), messages.plain())))
        .collect()
}

// The codes are the framework's, matched because its texts may be localised; those for lock-out
// are published nowhere, so any code or text that speaks of it is taken (inferred).
fn by_codes(errors: &[(String, String)], redactor: &CallRedactor<'_>) -> Classification {
    let any = |code: &str| errors.iter().any(|(known, _)| known == code);
    let locked = |(code, text): &(String, String)| {
        code.to_ascii_lowercase().contains("lockedout") || text.to_ascii_lowercase().contains("locked out")
    };
    let rules: Vec<Rule> = errors
        .iter()
        .filter_map(|(code, text)| rule(code, text, redactor))
        .collect();
    let classification = if any("PasswordMismatch") {
        Classification::rejected(ErrorKind::WrongCurrentPassword).with_hint(
            "the current password is not the valid one (or the user has no password at this portal)",
        )
    } else if errors.iter().any(locked) {
        Classification::rejected(ErrorKind::LockedOut)
    } else if any("UserNotFound") {
        Classification::rejected(ErrorKind::UserNotFound)
    } else if any("ConcurrencyFailure") {
        Classification::rejected(ErrorKind::Conflict)
    } else if !rules.is_empty() {
        Classification {
            rules,
            ..Classification::rejected(ErrorKind::PasswordRefused)
        }
    } else {
        Classification::rejected(ErrorKind::InvalidRequest).with_hint("the portal refuses the change")
    };
    let join = |part: fn(&(String, String)) -> &String, with: &str| {
        let parts: Vec<_> = errors
            .iter()
            .map(part)
            .filter(|part| !part.is_empty())
            .map(String::as_str)
            .collect();
        Some(parts.join(with)).filter(|joined| !joined.is_empty())
    };
    classification.with_provider_error(join(|error| &error.0, "+"), join(|error| &error.1, " "))
}

fn rule_code(code: &str) -> bool {
    code.starts_with("Password") && code != "PasswordMismatch"
}

fn rule(code: &str, text: &str, redactor: &CallRedactor<'_>) -> Option<Rule> {
    // The portal's lengths go up to 256 (documented).
    let number = || only_number(&redactor.redact(text), 1..=256);
    Some(match code {
        "PasswordTooShort" => number().map_or(Rule::MinLengthUnnamed, Rule::MinLength),
        "PasswordRequiresUniqueChars" => {
            number().map_or(Rule::DistinctCharactersUnnamed, Rule::DistinctCharacters)
        }
        "PasswordRequiresNonAlphanumeric" => Rule::Special,
        "PasswordRequiresDigit" => Rule::Digit,
        "PasswordRequiresLower" => Rule::Lowercase,
        "PasswordRequiresUpper" => Rule::Uppercase,
        code if rule_code(code) => Rule::Other(code.to_owned()),
        _ => return None,
    })
}

// What a bearer refusal without a body says in its header.
fn challenge(response: &Response) -> Option<String> {
    response.header("www-authenticate").map(str::to_owned)
}
