//! What Zoom's responses mean: one table.
//!
//! Zoom reports errors by HTTP status, a numeric code and a text. The code alone does not decide:
//! 300 stands for the old password, the daily cap, the encoding and bad input alike. Nor does it
//! without its status: a row counts under the status with which it is documented or was observed.

use repass_domain::{CallRedactor, ErrorKind, Rule};
use repass_provider::{Classification, only_number};
use repass_transport::{AttemptOutcome, Json, Response, StatusCode};

use crate::service::TRACKING_HEADER;

/// Zoom's error: `{"code", "message", "errors"}`, with variants that were observed (`error_message`,
/// `errorCode` and `errorMessage`, odd `errors`), or the same in XML, which Zoom sends to whom asks for
/// no format. What is there is taken; only the code must be.
#[derive(Debug)]
pub(crate) struct ZoomError {
    code: i64,
    message: String,
    /// Each field that it names, and what is wrong with it.
    fields: Vec<(String, String)>,
}

impl ZoomError {
    fn read(response: &Response) -> Result<Self, NoError> {
        match response.json() {
            Some(json) => Self::of_json(json),
            None => Self::of_xml(&response.text()).ok_or(NoError::Foreign),
        }
    }

    fn of_json(json: &Json) -> Result<Self, NoError> {
        let codes = || json.all("code").chain(json.all("errorCode"));
        let mut codes = codes().map(Json::as_integer);
        let Some(Some(code)) = codes.next() else {
            return Err(NoError::Foreign);
        };
        if codes.any(|other| other != Some(code)) {
            return Err(NoError::Contradictory);
        }
        let message = ["message", "error_message", "errorMessage"]
            .iter()
            .find_map(|name| json.text(name));
        let errors = json.get("errors");
        let listed = errors.map_or(&[][..], Json::items).iter().map(|part| {
            let message = part.text("message").or(part.as_text()).unwrap_or("invalid");
            (part.text("field").unwrap_or("?").to_owned(), message.to_owned())
        });
        let named = errors.map_or(&[][..], Json::members).iter();
        let named = named.map(|(field, message)| (field.clone(), message.plain()));
        Ok(Self {
            code,
            message: message.unwrap_or_default().to_owned(),
            fields: listed.chain(named).collect(),
        })
    }

    // `<result><code>1001</code><message>User does not exist: …</message></result>` (observed).
    fn of_xml(text: &str) -> Option<Self> {
        let element = |name: &str| {
            let (open, close) = (format!("<{name}>"), format!("</{name}>"));
            let (_, rest) = text.split_once(&open)?;
            let (content, after) = rest.split_once(&close)?;
            // Twice is not Zoom's, or contradicts itself.
            (!after.contains(&open)).then_some(content)
        };
        element("result")?;
        let unescaped = element("message").unwrap_or_default();
        let message = [
            ("&lt;", "<"),
            ("&gt;", ">"),
            ("&quot;", "\""),
            ("&apos;", "'"),
            ("&amp;", "&"),
        ]
        .iter()
        .fold(unescaped.to_owned(), |text, (reference, meant)| {
            text.replace(reference, meant)
        });
        Some(Self {
            code: element("code")?.trim().parse().ok()?,
            message,
            fields: vec![],
        })
    }

    /// Whether its text says this, which is given in lower case.
    pub(crate) fn says(&self, part: &str) -> bool {
        self.message.to_ascii_lowercase().contains(part)
    }

    /// The fields that it names, each with what is wrong with it.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields
            .iter()
            .map(|(field, message)| (field.as_str(), message.as_str()))
    }

    // The only number in its text that is not part of an echo.
    fn number(&self, redactor: &CallRedactor<'_>) -> Option<u32> {
        only_number(&redactor.redact(&self.message), 1..=128)
    }

    fn full_text(&self) -> String {
        let mut text = self.message.clone();
        for (field, message) in self.fields() {
            text.extend([" [", field, ": ", message, "]"]);
        }
        text.trim().to_owned()
    }
}

/// Why a body is not one of Zoom's errors.
enum NoError {
    /// It is not in Zoom's format.
    Foreign,
    /// It is, and says one thing and another.
    Contradictory,
}

/// Why a pending user has no password that could be set.
pub(crate) const PENDING: &str =
    "this user has not accepted the invitation to Zoom yet, so there is no password to set";

/// The rows of one call: code and text to what they mean, under status 400.
pub(crate) type Rows = fn(i64, &ZoomError, &CallRedactor<'_>) -> Option<Classification>;

/// Reads the response to a password change. `redactor` knows the secrets of the call.
pub(crate) fn password(response: &Response, redactor: &CallRedactor<'_>) -> Classification {
    changing(response, redactor, password_row)
}

/// Reads the response to a call that changes something, by the call's own rows first.
pub(crate) fn changing(response: &Response, redactor: &CallRedactor<'_>, own_row: Rows) -> Classification {
    let classification = read(response, redactor, own_row);
    // The contract is 204. A 200 must say that it is a success: a gateway's own page of JSON would look
    // the same. Nothing else can be said under it, because a code is documented for failures' statuses.
    let said = response.status() == StatusCode::NO_CONTENT || response.json().is_some_and(says_success);
    if response.status().is_success() && !(classification.outcome == AttemptOutcome::Done && said) {
        let proven_nothing = match classification.outcome {
            AttemptOutcome::SuccessCut | AttemptOutcome::Faulted => return classification,
            _ => Classification::unproven(response),
        };
        return proven_nothing.with_provider_error(classification.code, classification.message);
    }
    classification
}

// The code 0 and nothing beside it that says otherwise.
fn says_success(said: &Json) -> bool {
    let is_empty = |value: &Json| match value {
        Json::Null => true,
        Json::Text(text) => text.trim().is_empty(),
        Json::List(items) => items.is_empty(),
        Json::Object(members) => members.is_empty(),
        Json::Bool(_) | Json::Number(_) => false,
    };
    let is_success = |value: &Json| {
        let text = value.as_text();
        is_empty(value) || text.is_some_and(|text| text.eq_ignore_ascii_case("success"))
    };
    let all = |names: &[&str], accepts: &dyn Fn(&Json) -> bool| {
        names.iter().all(|name| said.all(name).all(accepts))
    };
    ZoomError::of_json(said).is_ok_and(|said| said.code == 0)
        && all(&["status", "success", "succeeded"], &|value| {
            value.as_bool() == Some(true)
        })
        && all(&["message", "error_message", "errorMessage"], &is_success)
        && all(&["errors", "error"], &is_empty)
}

/// Reads the response to a call that changes nothing.
pub(crate) fn reading(response: &Response) -> Classification {
    read(response, &CallRedactor::for_nothing(), |_, _, _| None)
}

/// Reads the response to any call: by the call's own rows, then by those that all calls share, then
/// by what HTTP alone proves.
fn read(response: &Response, redactor: &CallRedactor<'_>, own_row: Rows) -> Classification {
    let by_status = Classification::by_status(response);
    let status = response.status();
    // A 204 has said all; a fault's body cannot show how far Zoom came.
    if status == StatusCode::NO_CONTENT
        || matches!(
            by_status.outcome,
            AttemptOutcome::Faulted | AttemptOutcome::SuccessCut
        )
    {
        return by_status;
    }
    let error = match ZoomError::read(response) {
        Ok(error) => error,
        Err(NoError::Contradictory) => {
            return Classification::unreadable()
                .with_hint("the response contradicts itself: a proxy in between may have altered it");
        }
        // Settings and users have no code.
        Err(NoError::Foreign) if by_status.outcome == AttemptOutcome::Done && response.json().is_some() => {
            return by_status;
        }
        Err(NoError::Foreign) if by_status.outcome == AttemptOutcome::Done => {
            return Classification::unproven(response);
        }
        Err(NoError::Foreign) => return by_status,
    };
    let row = match status {
        _ if by_status.outcome == AttemptOutcome::RateLimited => None,
        StatusCode::BAD_REQUEST => own_row(error.code, &error, redactor),
        _ => None,
    };
    let classification = row
        .or_else(|| shared_row(status, error.code, &error))
        .unwrap_or_else(|| without_a_row(response, &error, by_status));
    let text = Some(error.full_text()).filter(|text| !text.is_empty());
    classification.with_provider_error(Some(error.code.to_string()), text)
}

// Zoom's error object with a code that has no row under this status. That 400 is a refusal is documented for
// every code, and every response of Zoom's names its exchange (observed): without that, a gateway that writes
// the same two names may be speaking.
fn without_a_row(response: &Response, error: &ZoomError, by_status: Classification) -> Classification {
    let of_zoom = response.header(TRACKING_HEADER).is_some();
    match response.status() {
        StatusCode::BAD_REQUEST if of_zoom => Classification::rejected(ErrorKind::InvalidRequest),
        StatusCode::FORBIDDEN if of_zoom => Classification::rejected(ErrorKind::PermissionDenied),
        StatusCode::UNAUTHORIZED if of_zoom => {
            Classification::new(AttemptOutcome::TokenRejected, ErrorKind::Unauthenticated)
        }
        // A success status with an error code that Zoom is not known to use here proves nothing.
        StatusCode::OK if error.code != 0 => Classification::unproven(response),
        _ => by_status,
    }
}

// Each arm, here and below: *documented* unless it says otherwise.
fn password_row(code: i64, error: &ZoomError, redactor: &CallRedactor<'_>) -> Option<Classification> {
    Some(match code {
        // With "can not" and "cannot" (observed).
        300 if error.says("not match the old password") => Classification::violates(Rule::NotCurrent),
        300 if error.says("maximum number of times over the past 24 hours") => {
            Classification::violates(Rule::ChangesPerDay)
        }
        // Observed.
        1000 if error.says("pending") => Classification::rejected(ErrorKind::NotEligible).with_hint(PENDING),
        1117 => Classification::rejected(ErrorKind::NotEligible)
            .with_hint("Zoom does not let anyone set an administrator's password here"),
        1123 => Classification::rejected(ErrorKind::NotEligible).with_hint(
            "this user has no Zoom password (single sign-on, Google, Facebook); change it where it lives",
        ),
        // The text says 6 where the basic rule is 8, and accounts set up to 14: only the text knows.
        1124 => Classification::violates(
            error
                .number(redactor)
                .map_or(Rule::MinLengthUnnamed, Rule::MinLength),
        ),
        1125 => Classification::violates(Rule::Letter),
        1126 => Classification::violates(Rule::Digit),
        1127 => Classification::violates(Rule::Special),
        1128 => Classification::violates(Rule::MixedCase),
        1129 => Classification::violates(Rule::NotRecent(error.number(redactor))),
        1130 => Classification::violates(Rule::NotOneCharacter),
        1131 => Classification::violates(Rule::NoConsecutiveRun(None)),
        1136 => Classification::violates(Rule::NotCommon),
        _ => return None,
    })
}

// The gateway's rows, and those about the user and the caller's rights.
fn shared_row(status: StatusCode, code: i64, error: &ZoomError) -> Option<Classification> {
    const OK: u16 = 200;
    Some(match (status.as_u16(), code) {
        // Observed with 415 and with 400.
        (400 | 415, 300)
            if error.says("unsupported content type") || error.says("should be a valid json") =>
        {
            Classification::new(AttemptOutcome::EncodingRefused, ErrorKind::Misconfigured).with_hint(
                "Zoom does not accept this encoding of the body; set `body` to the other one, or to auto",
            )
        }
        (400, 300) => Classification::rejected(ErrorKind::InvalidRequest),
        // Observed with 401 and with 400, for expired, invalid and revoked tokens alike.
        (400 | 401, 124) => Classification::new(AttemptOutcome::TokenRejected, ErrorKind::Unauthenticated),
        (400 | 401, 104 | 4700 | 4711) => missing_scope(),
        (400 | 401, _) if error.says("does not contain scopes") => missing_scope(),
        // Documented for settings, which are read.
        (400 | OK, 200) if error.says("only available for paid accounts") => {
            Classification::rejected(ErrorKind::PermissionDenied)
                .with_hint("Zoom offers this to paid accounts only")
        }
        (400, 200) => Classification::rejected(ErrorKind::PermissionDenied)
            .with_hint("the token's owner may not do this at Zoom; it takes the account's owner or an admin"),
        // 1010 was observed with 400 too.
        (404, 1001 | 1010) | (400, 1010) => Classification::rejected(ErrorKind::UserNotFound),
        (404, 2300) => Classification::rejected(ErrorKind::Misconfigured)
            .with_hint("Zoom knows no such call at this address; the base URL ends in /v2"),
        _ => return None,
    })
}

fn missing_scope() -> Classification {
    Classification::rejected(ErrorKind::PermissionDenied)
        .with_hint("the app lacks a scope; add the one that Zoom names to it (for passwords user:update:password:admin, or the \
         classic user:write:admin)",)
}
