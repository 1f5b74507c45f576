//! What Zoom's answers mean: one table.
//!
//! Zoom tells errors by HTTP status, a numeric code and a text. The code alone does not decide:
//! 300 stands for the old password, the daily cap, the encoding and bad input alike.

use repass_adapter_kit::Verdict;
use repass_domain::{ErrorKind, Rule};
use repass_transport::{Answer, Observed, StatusCode};
use serde::Deserialize;

/// Zoom's error object. `message` may be missing or be called `error_message` (observed).
#[derive(Debug, Deserialize)]
pub(crate) struct ZoomError {
    code: Option<i64>,
    #[serde(alias = "error_message")]
    message: Option<String>,
    #[serde(default)]
    errors: Vec<FieldError>,
}

#[derive(Debug, Deserialize)]
struct FieldError {
    field: Option<String>,
    message: Option<String>,
}

impl ZoomError {
    /// Whether its text says this, which is given in lower case.
    pub(crate) fn says(&self, part: &str) -> bool {
        self.text().to_ascii_lowercase().contains(part)
    }

    /// The fields that it names, each with what is wrong with it.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.errors.iter().map(|part| {
            let field = part.field.as_deref().unwrap_or("?");
            (field, part.message.as_deref().unwrap_or("invalid"))
        })
    }

    fn text(&self) -> &str {
        self.message.as_deref().unwrap_or_default()
    }

    fn full_text(&self) -> String {
        let mut text = self.text().to_owned();
        for (field, message) in self.fields() {
            text.extend([" [", field, ": ", message, "]"]);
        }
        text.trim().to_owned()
    }
}

/// Reads the answer to a password change.
pub(crate) fn password(answer: &Answer) -> Verdict {
    changing(answer, password_row)
}

/// Reads the answer to a call that changes something, by the call's own rows first.
pub(crate) fn changing(answer: &Answer, own_row: fn(i64, &ZoomError) -> Option<Verdict>) -> Verdict {
    let verdict = read(answer, own_row);
    // The contract is 204. Any other success must say that it is one: a gateway's own page of JSON
    // would look the same.
    let said = answer.status() == StatusCode::NO_CONTENT || verdict.code.as_deref() == Some("0");
    if verdict.observed == Observed::Done && !said {
        return unreadable();
    }
    verdict
}

/// Reads the answer to a call that changes nothing.
pub(crate) fn reading(answer: &Answer) -> Verdict {
    read(answer, |_, _| None)
}

/// Reads the answer to any call: by the call's own rows, then by those that all calls share, then
/// by its status.
fn read(answer: &Answer, own_row: fn(i64, &ZoomError) -> Option<Verdict>) -> Verdict {
    let by_status = Verdict::by_status(answer);
    let success = answer.status().is_success();
    // A 204 has said all; a fault's body cannot tell how far Zoom came.
    if answer.status() == StatusCode::NO_CONTENT || by_status.observed == Observed::Faulted {
        return by_status;
    }
    if !answer.is_complete() {
        return by_status;
    }
    let is_object = answer.body().trim_ascii_start().starts_with(b"{");
    // A list would be read as an object without names.
    let body = if is_object { answer.body() } else { b"" };
    let Ok(error) = serde_json::from_slice::<ZoomError>(body) else {
        return if success { unreadable() } else { by_status };
    };
    let verdict = match error.code {
        // `code: 0` has been seen for success (observed).
        None | Some(0) => by_status,
        Some(_) if by_status.observed == Observed::RateLimited => by_status,
        Some(code) => match own_row(code, &error).or_else(|| shared_row(code, &error)) {
            Some(row) => row,
            // A success status with an error code Zoom is not known to use here proves nothing.
            None if by_status.observed == Observed::Done => unreadable(),
            None => by_status,
        },
    };
    let code = error.code.map(|code| code.to_string());
    let text = Some(error.full_text()).filter(|text| !text.is_empty());
    verdict.quoting(code, text)
}

fn unreadable() -> Verdict {
    Verdict::new(Observed::Faulted, ErrorKind::UnexpectedAnswer)
}

// Each arm, here and below: *documented* unless it says otherwise.
fn password_row(code: i64, error: &ZoomError) -> Option<Verdict> {
    Some(match code {
        300 if error.says("can not match the old password") => Verdict::breaks(Rule::NotCurrent),
        300 if error.says("maximum number of times over the past 24 hours") => {
            Verdict::breaks(Rule::ChangesPerDay)
        }
        1117 => Verdict::refused(ErrorKind::NotEligible)
            .advise("Zoom does not let anyone set an administrator's password here"),
        1123 => Verdict::refused(ErrorKind::NotEligible).advise(
            "this user has no Zoom password (single sign-on, Google, Facebook); change it where it lives",
        ),
        // The text says 6 where the basic rule is 8, so the number is taken from the text.
        1124 => Verdict::breaks(Rule::MinLength(number(error.text()).unwrap_or(8))),
        1125 => Verdict::breaks(Rule::Letter),
        1126 => Verdict::breaks(Rule::Digit),
        1127 => Verdict::breaks(Rule::Special),
        1128 => Verdict::breaks(Rule::MixedCase),
        1129 => Verdict::breaks(Rule::NotRecent(number(error.text()))),
        1130 => Verdict::breaks(Rule::NotOneCharacter),
        1131 => Verdict::breaks(Rule::NoConsecutiveRun(None)),
        1136 => Verdict::breaks(Rule::NotCommon),
        _ => return None,
    })
}

// The gateway's rows, and those about the user and the caller's rights.
fn shared_row(code: i64, error: &ZoomError) -> Option<Verdict> {
    Some(match code {
        // Observed with 415 and with 400.
        300 if error.says("unsupported content type") || error.says("should be a valid json") => {
            Verdict::new(Observed::EncodingRefused, ErrorKind::Misconfigured).advise(
                "Zoom does not take this encoding of the body; set `body` to the other one, or to auto",
            )
        }
        300 => Verdict::refused(ErrorKind::InvalidRequest),
        // Observed as 401 and as 400, for expired, invalid and revoked tokens alike.
        124 => Verdict::new(Observed::TokenRejected, ErrorKind::Unauthenticated),
        104 | 4700 | 4711 => missing_scope(),
        _ if error.says("does not contain scopes") => missing_scope(),
        200 if error.says("only available for paid accounts") => {
            Verdict::refused(ErrorKind::PermissionDenied).advise("Zoom offers this to paid accounts only")
        }
        200 => Verdict::refused(ErrorKind::PermissionDenied)
            .advise("the token's owner may not do this at Zoom; it takes the account's owner or an admin"),
        429 => Verdict::new(Observed::RateLimited, ErrorKind::RateLimited),
        1001 | 1010 => Verdict::refused(ErrorKind::UserNotFound),
        2300 => Verdict::refused(ErrorKind::Misconfigured)
            .advise("Zoom knows no such call at this address; the base URL ends in /v2"),
        _ => return None,
    })
}

fn missing_scope() -> Verdict {
    Verdict::refused(ErrorKind::PermissionDenied)
        .advise("the app lacks a scope; add the one that Zoom names to it (for passwords user:update:password:admin, or the \
         classic user:write:admin)",)
}

// The first number in a text of Zoom's: "Have at least 10 characters".
fn number(text: &str) -> Option<u32> {
    text.split(|c: char| !c.is_ascii_digit())
        .find(|digits| !digits.is_empty())?
        .parse()
        .ok()
}
