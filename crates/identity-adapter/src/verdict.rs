//! What the portal's answers mean: one table.
//!
//! The status does not decide: rejected input comes as 400 (documented) and as 200 (observed), so
//! an answer is judged by `succeeded`. Other shapes come from the layers around the portal.

use repass_adapter_kit::Verdict;
use repass_domain::{ErrorKind, Resolution, Rule};
use repass_transport::{Answer, Observed, StatusCode};
use serde_json::Value;

use crate::json::{field, fields, plain, text_of};

/// Reads the answer to a password change or reset.
pub(crate) fn password(answer: &Answer) -> Verdict {
    let around = read(answer);
    if around.observed != Observed::Done {
        return around;
    }
    let result = serde_json::from_slice::<Value>(answer.body()).unwrap_or_default();
    match said(&result) {
        Some(Said::Succeeded) => Verdict::done(),
        _ => unreadable(),
    }
}

/// Reads the answer to any call: done means that its body is JSON and says nothing else.
pub(crate) fn read(answer: &Answer) -> Verdict {
    let by_status = Verdict::by_status(answer);
    // How far a failing portal came, no body can tell.
    if matches!(by_status.observed, Observed::Faulted | Observed::SuccessCut) {
        return by_status;
    }
    let elsewhere = answer.status().is_success()
        || matches!(
            answer.status(),
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED
        );
    if elsewhere && is_html(answer) {
        // A wrong base path falls through to the web application's start page (observed).
        return Verdict::refused(ErrorKind::Misconfigured).advise(
            "a web page answered: this is not the identity base URL; it ends in /identity or /identity_",
        );
    }
    if by_status.observed == Observed::RateLimited {
        return by_status;
    }
    match serde_json::from_slice::<Value>(answer.body()) {
        Ok(body) => by_shape(&body, answer, by_status),
        Err(_) if answer.status().is_success() => unreadable(),
        Err(_) => by_status.quoting(None, challenge(answer)),
    }
}

/// What the answer to a probe, the change of the new password to itself, tells about it. The old
/// password is checked first (framework), so these codes come only after it was found right; of
/// other answers nobody knows.
pub(crate) fn probe(answer: &Answer) -> Option<Resolution> {
    const AFTER_THE_OLD_PASSWORD: [&str; 11] = [
        "ConcurrencyFailure",
        "DuplicateEmail",
        "DuplicateUserName",
        "InvalidEmail",
        "InvalidUserName",
        "PasswordRequiresDigit",
        "PasswordRequiresLower",
        "PasswordRequiresNonAlphanumeric",
        "PasswordRequiresUniqueChars",
        "PasswordRequiresUpper",
        "PasswordTooShort",
    ];
    let verdict = password(answer);
    match (verdict.observed, verdict.kind) {
        (Observed::Done, _) => return Some(Resolution::InPlace),
        (Observed::Refused, ErrorKind::WrongCurrentPassword) => return Some(Resolution::NotInPlace),
        (Observed::Refused, kind) if kind != ErrorKind::LockedOut => {}
        _ => return None,
    }
    let body: Value = serde_json::from_slice(answer.body()).ok()?;
    let errors = identity_errors(nested(&body));
    let passed = errors
        .iter()
        .any(|(code, _)| AFTER_THE_OLD_PASSWORD.contains(&code.as_str()));
    let passed = passed && matches!(said(&body), Some(Said::Failed));
    passed.then_some(Resolution::InPlace)
}

// Some calls nest the same result (observed).
fn nested(body: &Value) -> &Value {
    let result = field(body, "result").filter(|result| field(result, "succeeded").is_some());
    result.unwrap_or(body)
}

/// What a result says of itself.
enum Said {
    Succeeded,
    Failed,
    /// One thing here and another there.
    Both,
}

fn said(body: &Value) -> Option<Said> {
    let results = fields(body, "result").chain([body]);
    let said = results.flat_map(|result| fields(result, "succeeded"));
    let said: Vec<Option<bool>> = said.map(Value::as_bool).collect();
    let all = |succeeded| said.iter().all(|said| *said == succeeded);
    if all(None) {
        None
    } else if all(Some(true)) {
        Some(Said::Succeeded)
    } else if all(Some(false)) {
        Some(Said::Failed)
    } else {
        Some(Said::Both)
    }
}

fn by_shape(body: &Value, answer: &Answer, by_status: Verdict) -> Verdict {
    let success = answer.status().is_success();
    match said(body) {
        Some(Said::Succeeded) if success => return Verdict::done(),
        Some(Said::Succeeded | Said::Both) => return unreadable(),
        Some(Said::Failed) => return by_codes(&identity_errors(nested(body))),
        None => {}
    }
    if let Some(Value::Object(fields)) = field(body, "errors") {
        let text = fields
            .iter()
            .map(|(field, messages)| format!("{field}: {}", texts(messages)));
        let text = text.collect::<Vec<_>>().join("; ");
        let verdict = if success {
            unreadable()
        } else if fields.keys().any(|field| field.eq_ignore_ascii_case("userId")) {
            Verdict::refused(ErrorKind::InvalidRequest)
                .advise("the portal knows users by their GUID, not by this id")
        } else {
            by_status
        };
        return verdict.quoting(None, Some(text));
    }
    if let Some(text) = text_of(body, "errorMessage") {
        return Verdict::refused(ErrorKind::PermissionDenied)
            .advise("the token lacks the scope; grant PM.User.Write (or PM.User) to the external application")
            .quoting(None, Some(text));
    }
    if let Some(error) = field(body, "error").filter(|error| error.is_object()) {
        let code = field(error, "code").map(plain).filter(|code| code != "0");
        let verdict = match code.as_deref() {
            Some("UnsupportedApiVersion") => Verdict::refused(ErrorKind::Misconfigured).advise(
                "this address does not serve the identity API; a standalone server has it under /identity",
            ),
            // The older portal answers 200 to what it rejects (documented).
            _ if success && field(body, "success").and_then(Value::as_bool) == Some(false) => Verdict {
                kind: ErrorKind::InvalidRequest,
                observed: Observed::Refused,
                ..by_status
            },
            _ if success => unreadable(),
            _ => by_status,
        };
        return verdict.quoting(code, text_of(error, "message"));
    }
    if success {
        return Verdict::done();
    }
    let code = field(body, "errorCode").map(plain);
    let text = ["message", "detail", "title"]
        .iter()
        .find_map(|name| text_of(body, name));
    let verdict = match answer.status() {
        // A problem document for a path that exists: the user does not (inferred).
        StatusCode::NOT_FOUND => Verdict::refused(ErrorKind::UserNotFound),
        _ => by_status,
    };
    verdict.quoting(code, text)
}

/// Code and description of each error, as the framework's result lists them; `errors` may be null.
fn identity_errors(result: &Value) -> Vec<(String, String)> {
    let errors = field(result, "errors")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let part = |error, name| text_of(error, name).unwrap_or_default();
    errors
        .iter()
        .map(|error| (part(error, "code"), part(error, "description")))
        .collect()
}

// The codes are the framework's, matched because its texts may be localised; those for lock-out
// are published nowhere, so any code or text that speaks of it is taken (inferred).
fn by_codes(errors: &[(String, String)]) -> Verdict {
    let any = |test: fn(&str) -> bool| errors.iter().any(|(code, _)| test(code));
    let locked = |(code, text): &(String, String)| {
        code.to_ascii_lowercase().contains("lockedout") || text.to_ascii_lowercase().contains("locked out")
    };
    let rules: Vec<Rule> = errors
        .iter()
        .filter_map(|(code, text)| rule(code, text))
        .collect();
    let verdict = if any(|code| code == "PasswordMismatch") {
        Verdict::refused(ErrorKind::WrongCurrentPassword)
            .advise("the current password is not the valid one (or the user has no password at this portal)")
    } else if errors.iter().any(locked) {
        Verdict::refused(ErrorKind::LockedOut)
    } else if any(|code| code == "ConcurrencyFailure") {
        Verdict::refused(ErrorKind::Conflict)
    } else if !rules.is_empty() {
        Verdict {
            rules,
            ..Verdict::refused(ErrorKind::PasswordRefused)
        }
    } else {
        Verdict::refused(ErrorKind::InvalidRequest).advise("the portal refuses the change")
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
    verdict.quoting(join(|error| &error.0, "+"), join(|error| &error.1, " "))
}

fn rule(code: &str, text: &str) -> Option<Rule> {
    let number = || {
        text.split(|c: char| !c.is_ascii_digit())
            .find_map(|digits| digits.parse().ok())
    };
    Some(match code {
        "PasswordTooShort" => Rule::MinLength(number().unwrap_or(8)),
        "PasswordRequiresUniqueChars" => Rule::DistinctCharacters(number().unwrap_or(1)),
        "PasswordRequiresNonAlphanumeric" => Rule::Special,
        "PasswordRequiresDigit" => Rule::Digit,
        "PasswordRequiresLower" => Rule::Lowercase,
        "PasswordRequiresUpper" => Rule::Uppercase,
        code if code.starts_with("Password") && code != "PasswordMismatch" => Rule::Other(code.to_owned()),
        _ => return None,
    })
}

fn unreadable() -> Verdict {
    Verdict::new(Observed::Faulted, ErrorKind::UnexpectedAnswer)
}

// By what it is: a gateway may call a result so too.
fn is_html(answer: &Answer) -> bool {
    let body = answer.body();
    let text = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    text.trim_ascii_start().starts_with(b"<")
}

// What a bearer refusal without a body says in its header.
fn challenge(answer: &Answer) -> Option<String> {
    answer.header("www-authenticate").map(str::to_owned)
}

fn texts(value: &Value) -> String {
    match value.as_array() {
        Some(items) => items.iter().map(plain).collect::<Vec<_>>().join(" "),
        None => plain(value),
    }
}
