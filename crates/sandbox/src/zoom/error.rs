//! Zoom's refusals: HTTP status, code and text, word for word where they are known.

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;
use http::header::HeaderValue;
use jiff::Timestamp;
use serde::Serialize;

use crate::limits::put_retry_after;
use crate::message::response::{self, FullResponse};
use crate::options::{MissingScope, RetryAfter};
use crate::shared::Shared;

/// A refusal of a request, in the words of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    InvalidToken,
    ExpiredToken,
    /// The token has none of these.
    MissingScope(&'static [&'static str]),
    /// More requests than this in one second, and how long until one more is let in.
    PerSecond(usize, Duration),
    /// More requests than this in one day, and when the next begins.
    PerDay(usize, Timestamp),
    UnknownRoute,
    UnsupportedContentType,
    NotJson,
    /// Fields that are missing or out of their range, by their names.
    InvalidFields(Vec<String>),
    NoSuchUser(String),
    NoSuchAccount(String),
    /// Answered 200, with a code inside.
    UnpaidAccount,
    TooManyChanges,
    AdminUser,
    NoWorkEmailLogin,
    TooShort(usize),
    NoLetter,
    NoDigit,
    NoSpecialCharacter,
    OneCase,
    OneCharacter,
    Sequence,
    EasyToGuess,
    SameAsOld,
    Reused(usize),
    /// Any other code of status 400, with its text.
    Other(u32, Cow<'static, str>),
}

/// In the order of the keys on the wire.
#[derive(Serialize)]
struct Body<'a> {
    code: u32,
    message: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError<'a>>,
}

#[derive(Serialize)]
struct FieldError<'a> {
    field: &'a str,
    message: &'static str,
}

impl Refusal {
    pub(super) fn invalid_field(name: &str) -> Self {
        Self::InvalidFields(vec![name.to_owned()])
    }

    pub(super) fn other(code: u32, message: impl Into<Cow<'static, str>>) -> Self {
        Self::Other(code, message.into())
    }

    pub(super) fn response(&self, shared: &Shared) -> FullResponse {
        let options = &shared.options.zoom;
        let (status, code, message) = self.parts(options.missing_scope);
        let errors = match self {
            Self::InvalidFields(fields) => fields
                .iter()
                .map(|field| FieldError {
                    field,
                    message: "Invalid field.",
                })
                .collect(),
            _ => Vec::new(),
        };
        let mut response = response::json(
            status,
            &Body {
                code,
                message: &message,
                errors,
            },
        );
        let now = shared.clock.now();
        match self {
            Self::PerSecond(limit, wait) => {
                put_limit(&mut response, "QPS", *limit);
                put_retry_after(response.headers_mut(), options.retry_after, now, *wait);
            }
            Self::PerDay(limit, reopens) => {
                put_limit(&mut response, "Daily-limit", *limit);
                let wait = Duration::try_from(reopens.duration_since(now)).unwrap_or_default();
                put_retry_after(response.headers_mut(), RetryAfter::Iso, now, wait);
            }
            _ => {}
        }
        response
    }

    fn parts(&self, missing_scope: MissingScope) -> (StatusCode, u32, Cow<'static, str>) {
        let bad = StatusCode::BAD_REQUEST;
        match self {
            Self::InvalidToken => (StatusCode::UNAUTHORIZED, 124, "Invalid access token.".into()),
            Self::ExpiredToken => (StatusCode::UNAUTHORIZED, 124, "Access token is expired.".into()),
            Self::MissingScope(scopes) => {
                let code = match missing_scope {
                    MissingScope::Code4711 => 4711,
                    MissingScope::Code104 => 104,
                    MissingScope::Code4700 => 4700,
                };
                let scopes = scopes.join(", ");
                (
                    bad,
                    code,
                    format!("Invalid access token, does not contain scopes:[{scopes}].").into(),
                )
            }
            Self::PerSecond(..) => {
                let text =
                    "You have reached the maximum per-second rate limit for this API. Try again later.";
                (StatusCode::TOO_MANY_REQUESTS, 429, text.into())
            }
            Self::PerDay(..) => {
                let text = "You have reached the maximum daily rate limit for this API. Refer to the response \
                            header for details on when you can make another request.";
                (StatusCode::TOO_MANY_REQUESTS, 429, text.into())
            }
            Self::UnknownRoute => (
                StatusCode::NOT_FOUND,
                2300,
                "This API endpoint is not recognized.".into(),
            ),
            Self::UnsupportedContentType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                300,
                "Unsupported Content Type".into(),
            ),
            Self::NotJson => (bad, 300, "Request Body should be a valid JSON object.".into()),
            Self::InvalidFields(_) => (bad, 300, "Validation Failed.".into()),
            Self::NoSuchUser(id) => (
                StatusCode::NOT_FOUND,
                1001,
                format!("User does not exist: {id}.").into(),
            ),
            Self::NoSuchAccount(id) => (
                StatusCode::NOT_FOUND,
                2001,
                format!("Account does not exist: {id}").into(),
            ),
            Self::UnpaidAccount => (StatusCode::OK, 200, "Only available for paid accounts.".into()),
            Self::TooManyChanges => {
                let text = "This password cannot be changed because it has already been changed the maximum \
                            number of times over the past 24 hours.";
                (bad, 300, text.into())
            }
            Self::SameAsOld => (
                bad,
                300,
                "Your new password can not match the old password.".into(),
            ),
            Self::AdminUser => (bad, 1117, "Can not update Admin's password".into()),
            Self::NoWorkEmailLogin => (
                bad,
                1123,
                "Can only update password of Zoom work email account".into(),
            ),
            Self::TooShort(least) => (bad, 1124, format!("Have at least {least} characters").into()),
            Self::NoLetter => (bad, 1125, "Have at least 1 letter (a, b, c…)".into()),
            Self::NoDigit => (bad, 1126, "Have at least 1 number (1, 2, 3…)".into()),
            Self::NoSpecialCharacter => (bad, 1127, "Have at least 1 special character (!, @, #…)".into()),
            Self::OneCase => (
                bad,
                1128,
                "Include both Upper case and Lower case characters".into(),
            ),
            Self::Reused(count) => (
                bad,
                1129,
                format!("Users cannot reuse any of the last {count} passwords created.").into(),
            ),
            Self::OneCharacter => (bad, 1130, "Password can't use the same character.".into()),
            Self::Sequence => {
                let text = "Password can't use continuation character.Such as 'abcdef','123456'.";
                (bad, 1131, text.into())
            }
            Self::EasyToGuess => (
                bad,
                1136,
                "Your password is too easy to guess. Try another one.".into(),
            ),
            Self::Other(code, message) => (bad, *code, message.clone()),
        }
    }
}

fn put_limit(response: &mut FullResponse, kind: &'static str, limit: usize) {
    let headers = response.headers_mut();
    headers.insert("x-ratelimit-type", HeaderValue::from_static(kind));
    headers.insert("x-ratelimit-limit", HeaderValue::from(limit));
    headers.insert("x-ratelimit-remaining", HeaderValue::from_static("0"));
}
