//! The answers of OAuth token endpoints, as far as they are alike everywhere.

use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use crate::{Answer, Granted};

/// No token is believed to live longer, in seconds.
const MONTH: u64 = 31 * 86_400;

/// Reads a grant (RFC 6749, section 5.1). `None` if the answer is none: another status, a cut
/// body, no JSON, no token. `expires_in` may be a number or, as some endpoints have it, a text.
pub fn granted(answer: &Answer) -> Option<Granted> {
    #[derive(Deserialize)]
    struct Body {
        access_token: SecretString,
        expires_in: Option<Value>,
    }
    // A list would be read as an object without names.
    let is_object = answer.body().trim_ascii_start().starts_with(b"{");
    if !answer.status().is_success() || !answer.is_complete() || !is_object {
        return None;
    }
    let body: Body = serde_json::from_slice(answer.body()).ok()?;
    let seconds = body.expires_in.and_then(|value| match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    });
    Some(Granted {
        token: body.access_token,
        lifetime: seconds.map(|seconds| Duration::from_secs(seconds.min(MONTH))),
    })
}

/// Reads a refusal's `error` (RFC 6749, section 5.2) and its explanation, which is `reason` at
/// some. Both are lower-cased, to be searched; they are not fit to be shown.
pub fn refusal(answer: &Answer) -> Option<(String, String)> {
    let body: Value = serde_json::from_slice(answer.body()).ok()?;
    let text = |name: &str| match body.get(name)? {
        Value::String(text) => Some(text.to_ascii_lowercase()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let error = text("error").or_else(|| text("code"))?;
    let why = ["error_description", "reason", "message"]
        .into_iter()
        .find_map(text);
    Some((error, why.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn answer(status: StatusCode, body: &'static str) -> Answer {
        Answer::new(status).with_body(body)
    }

    #[test]
    fn a_grant_is_read_with_its_lifetime_in_either_form() {
        let lifetime = |body| granted(&answer(StatusCode::OK, body)).map(|granted| granted.lifetime);
        let hour = Some(Duration::from_secs(3600));
        assert_eq!(lifetime(r#"{"access_token":"x","expires_in":3600}"#), Some(hour));
        assert_eq!(
            lifetime(r#"{"access_token":"x","expires_in":"3600"}"#),
            Some(hour)
        );
        assert_eq!(lifetime(r#"{"access_token":"x"}"#), Some(None));
        assert!(lifetime("<html>").is_none() && lifetime("{}").is_none());
        assert!(lifetime(r#"["x",3600]"#).is_none());
        let whole = r#"{"access_token":"x"}"#;
        assert!(granted(&answer(StatusCode::BAD_REQUEST, whole)).is_none());
        assert!(granted(&answer(StatusCode::OK, whole).cut()).is_none());
    }

    #[test]
    fn a_refusal_is_read_in_every_dialect() {
        let read = |body| refusal(&answer(StatusCode::BAD_REQUEST, body));
        let both = |error: &str, why: &str| Some((error.to_owned(), why.to_owned()));
        assert_eq!(read(r#"{"error":"invalid_scope"}"#), both("invalid_scope", ""));
        assert_eq!(
            read(r#"{"reason":"Invalid Token!","error":"invalid_grant"}"#),
            both("invalid_grant", "invalid token!")
        );
        assert_eq!(read(r#"{"code":4702,"message":"X"}"#), both("4702", "x"));
        assert_eq!(read(r#"{"error":{"code":"X"}}"#), None);
    }
}
