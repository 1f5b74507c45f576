//! Responses of OAuth token endpoints, as far as all providers share them.

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;
use repass_domain::Redactor;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroize as _;

use crate::{Cause, Json, Response, TokenError, TokenResponse, json};

/// No token is believed to live longer, in seconds.
const MONTH: u64 = 31 * 86_400;

/// Reads the token from a token endpoint's response (RFC 6749, section 5.1). `None` if it grants none: another
/// status, no JSON, no token. `expires_in` may be a number or, as some endpoints have it, a text.
pub fn granted(response: &Response) -> Option<TokenResponse> {
    #[derive(Deserialize)]
    struct Body {
        access_token: SecretString,
        expires_in: Option<Value>,
    }
    if !response.status().is_success() {
        return None;
    }
    let mut text = response.text();
    // A list would be read as an object without names.
    let is_list = text.trim_start().starts_with('[');
    let body = if is_list { None } else { json::parse::<Body>(&text) };
    if let Cow::Owned(copy) = &mut text {
        copy.zeroize();
    }
    let body = body?;
    let seconds = body.expires_in.and_then(|value| match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    });
    Some(TokenResponse {
        token: body.access_token,
        lifetime: seconds.map(|seconds| Duration::from_secs(seconds.min(MONTH))),
    })
}

/// Names a token endpoint in error messages, and gives hints at their causes.
#[derive(Debug, Clone, Copy)]
pub struct Endpoint {
    /// The owner of the token endpoint, as in `Zoom's token endpoint`.
    pub whose: &'static str,
    /// What to do if the URL leads to another service, behind `what answers is not … token endpoint; `.
    pub elsewhere: &'static str,
    /// Returns what to do about an OAuth `error` and its explanation, both in lower case, if that is known.
    pub hint: fn(&str, &str) -> Option<&'static str>,
}

impl Endpoint {
    /// Returns why a response of the token endpoint grants no token. The endpoint's own error (RFC 6749, section 5.2,
    /// and its dialects) is named; what passes by itself counts as unreachable; and what no token endpoint can have
    /// written is a wrong address.
    pub fn denied(&self, response: &Response) -> TokenError {
        let (status, whose) = (response.status(), self.whose);
        let code = status.as_u16();
        let said = said(response);
        let error = said.as_ref().map(|(error, _)| error.to_ascii_lowercase());
        let error = error.as_deref();
        let why = said
            .as_ref()
            .map_or_else(String::new, |(_, why)| why.to_ascii_lowercase());
        let is_limit = matches!(
            error,
            Some("too_many_requests" | "rate_limit_exceeded" | "rate_limited" | "429")
        );
        let passes = matches!(
            error,
            Some(
                "temporarily_unavailable"
                    | "server_error"
                    | "slow_down"
                    | "service_unavailable"
                    | "internal_error"
            )
        );
        let cut = status.is_success() && !response.is_complete();
        let (cause, message) = if code == 429 || is_limit {
            (
                Cause::RateLimited,
                format!("the rate limit of {whose} token endpoint is reached"),
            )
        } else if status.is_server_error() || matches!(code, 408 | 425) || passes || cut {
            let message = format!("{whose} token endpoint cannot answer now (status {code})");
            (Cause::Unreachable, message)
        } else if let Some(error) = error.filter(|error| self.is_own(error, &why, status)) {
            let hint = (self.hint)(error, &why).map(str::to_owned);
            let hint = hint.unwrap_or_else(|| {
                format!("{whose} token endpoint refuses; check the app and what it was granted there")
            });
            (Cause::TokenRefused, hint)
        } else if code == 401 {
            let message = format!("{whose} token endpoint does not accept these credentials; check them");
            (Cause::TokenRefused, message)
        } else if code == 403 {
            let message = format!(
                "something in front of {whose} token endpoint refused (status 403): a firewall, proxy or IP allow-list"
            );
            (Cause::Misconfigured, message)
        } else {
            let elsewhere = self.elsewhere;
            let message = format!("what answers is not {whose} token endpoint (status {code}); {elsewhere}");
            return TokenError::new(Cause::Misconfigured, format!("no token was granted: {message}"));
        };
        let mut denied = TokenError::new(cause, format!("no token was granted: {message}"));
        denied.said = said;
        denied
    }

    // Whether a token endpoint says this, and not a gateway or page in front of it. Under statuses that these use, only
    // what is known counts; and the status once more, as frameworks put it, is no error of OAuth.
    fn is_own(&self, error: &str, why: &str, status: StatusCode) -> bool {
        let is_status = [Some(status.as_str()), status.canonical_reason()]
            .into_iter()
            .flatten()
            .any(|same| same.eq_ignore_ascii_case(error));
        if is_no_route(status.as_u16()) {
            is_registered(error)
        } else if status.is_success() || status == StatusCode::FORBIDDEN {
            is_registered(error) || (self.hint)(error, why).is_some()
        } else {
            !is_status
        }
    }
}

// What gateways response where there is nothing, often with an `error` of their own.
fn is_no_route(status: u16) -> bool {
    matches!(status, 300..400 | 404 | 405 | 410 | 421)
}

// RFC 6749, section 5.2, and RFC 8693.
fn is_registered(error: &str) -> bool {
    [
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "invalid_target",
        "access_denied",
    ]
    .contains(&error)
}

// An error and its explanation, in JSON or in XML.
fn said(response: &Response) -> Option<(String, String)> {
    const ERRORS: [&str; 4] = ["error", "errorcode", "error_code", "code"];
    const WORDS: [&str; 6] = [
        "error_description",
        "reason",
        "errormessage",
        "error_message",
        "message",
        "detail",
    ];
    let json = response.json();
    let xml = response.text();
    let text = |name: &str| match json {
        Some(body) => match body.get(name)? {
            value @ (Json::Text(_) | Json::Number(_)) => Some(value.plain()),
            _ => None,
        },
        None => element(&xml, name),
    };
    let error = ERRORS.into_iter().find_map(text).filter(|error| error != "0")?;
    Some((error, WORDS.into_iter().find_map(text).unwrap_or_default()))
}

// The text of the first element of this name, in a document without anything difficult.
fn element(xml: &str, name: &str) -> Option<String> {
    let lower = xml.to_ascii_lowercase();
    let start = lower.find(&format!("<{name}>"))? + name.len() + 2;
    let end = start + lower[start..].find(&format!("</{name}>"))?;
    Some(xml[start..end].trim().to_owned())
}

/// An endpoint's own words, fit to be shown: without these secrets and what looks like one, without characters
/// that control a terminal, and of bounded length.
pub(crate) fn shown(said: &(String, String), redactor: &Redactor) -> String {
    let error = fit(&said.0, redactor, 80);
    let why = fit(&said.1, redactor, 200);
    if why.is_empty() {
        format!("`{error}`")
    } else {
        format!("`{error}`, \"{why}\"")
    }
}

fn fit(text: &str, redactor: &Redactor, longest: usize) -> String {
    const REDACTED: &str = "[redacted]";
    let line = redactor.sanitize(text);
    let is_part = |c: char| c.is_ascii_alphanumeric() || "+/=_-.~%".contains(c);
    let looks_secret = |word: &str| {
        let is_mixed =
            word.contains(|c: char| c.is_ascii_digit()) && word.contains(|c: char| c.is_ascii_alphabetic());
        word.len() >= 40 || (word.len() >= 20 && is_mixed)
    };
    let mut fit = String::new();
    let mut rest = line.as_str();
    while let Some(first) = rest.chars().next() {
        let end = rest
            .find(|c: char| is_part(c) != is_part(first))
            .unwrap_or(rest.len());
        let (part, behind) = rest.split_at(end);
        fit.push_str(if is_part(first) && looks_secret(part) {
            REDACTED
        } else {
            part
        });
        rest = behind;
    }
    match fit.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &fit[..end]),
        None => fit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &'static str) -> Response {
        Response::new(StatusCode::from_u16(status).unwrap()).with_body(body)
    }

    #[test]
    fn token_response_lifetime_is_read_as_number_and_text() {
        let lifetime = |body| granted(&response(200, body)).map(|granted| granted.lifetime);
        let hour = Some(Duration::from_secs(3600));
        assert_eq!(lifetime(r#"{"access_token":"x","expires_in":3600}"#), Some(hour));
        assert_eq!(
            lifetime(r#"{"access_token":"x","expires_in":"3600"}"#),
            Some(hour)
        );
        assert_eq!(
            lifetime("\u{feff}{\"access_token\":\"x\",\"expires_in\":3600}"),
            Some(hour)
        );
        assert_eq!(lifetime(r#"{"access_token":"x"}"#), Some(None));
        assert!(lifetime("<html>").is_none() && lifetime("{}").is_none());
        assert!(lifetime(r#"["x",3600]"#).is_none());
        let whole = r#"{"access_token":"x"}"#;
        assert!(granted(&response(400, whole)).is_none());
        // JSON shows its own end.
        assert!(granted(&response(200, whole).cut()).is_some());
        assert!(granted(&response(200, r#"{"access_token":"x""#).cut()).is_none());
    }

    const ENDPOINT: Endpoint = Endpoint {
        whose: "Acme's",
        elsewhere: "check `token_url`",
        hint: |error, why| match (error, why) {
            ("invalid_client", "expired") => Some("renew the secret"),
            ("invalid_client" | "4702", _) => Some("check the secret"),
            _ => None,
        },
    };

    #[rustfmt::skip]
    #[test]
    fn token_response_without_token_has_a_cause() {
        use Cause::{Misconfigured, RateLimited, TokenRefused, Unreachable};
        for (status, body, cause, part) in [
            (400, r#"{"error":"invalid_client"}"#, TokenRefused, "check the secret"),
            (401, r#"{"error":"invalid_client","error_description":"Expired"}"#, TokenRefused, "renew"),
            (400, r#"{"error":"access_denied"}"#, TokenRefused, "what it was granted"),
            (400, r#"{"error":"invalid_target"}"#, TokenRefused, "what it was granted"),
            (403, r#"{"error":"access_denied"}"#, TokenRefused, "what it was granted"),
            (404, r#"{"error":"invalid_client"}"#, TokenRefused, "check the secret"),
            (400, r#"{"status":false,"errorCode":4702,"errorMessage":"X"}"#, TokenRefused, "check the secret"),
            (200, r#"{"status":false,"errorCode":4702,"errorMessage":"X"}"#, TokenRefused, "check the secret"),
            (400, "<?xml version='1.0'?><result><code>4702</code><message>X</message></result>", TokenRefused, "check"),
            (401, "", TokenRefused, "credentials"),
            (400, r#"{"error":"temporarily_unavailable"}"#, Unreachable, "cannot answer now"),
            (400, r#"{"error":"server_error"}"#, Unreachable, "cannot answer now"),
            (400, r#"{"error":"slow_down"}"#, Unreachable, "cannot answer now"),
            (503, r#"{"error":"invalid_client"}"#, Unreachable, "503"),
            (500, "<html>", Unreachable, "500"),
            (408, "", Unreachable, "408"),
            (429, "", RateLimited, "rate limit"),
            (400, r#"{"error":"too_many_requests"}"#, RateLimited, "rate limit"),
            (200, "<!DOCTYPE html>", Misconfigured, "check `token_url`"),
            (200, "{}", Misconfigured, "check `token_url`"),
            (404, "", Misconfigured, "check `token_url`"),
            (404, r#"{"message":"no Route matched with those values"}"#, Misconfigured, "check `token_url`"),
            (404, r#"{"status":404,"error":"Not Found","path":"/token"}"#, Misconfigured, "check `token_url`"),
            (405, r#"{"error":{"code":"UnsupportedApiVersion"}}"#, Misconfigured, "check `token_url`"),
            (302, "", Misconfigured, "check `token_url`"),
            (400, "Bad Request", Misconfigured, "check `token_url`"),
            (403, "<html>", Misconfigured, "firewall"),
            (403, "<html><code>1020</code></html>", Misconfigured, "firewall"),
            (403, "<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>", Misconfigured, "firewall"),
            (403, r#"{"status":403,"error":"Forbidden","path":"/token"}"#, Misconfigured, "firewall"),
            (403, r#"{"code":403,"message":"Forbidden"}"#, Misconfigured, "firewall"),
            (200, "<html>log in at <code>idp.example</code></html>", Misconfigured, "check `token_url`"),
            (400, r#"{"status":400,"error":"Bad Request","path":"/token"}"#, Misconfigured, "check `token_url`"),
        ] {
            let denied = ENDPOINT.denied(&response(status, body));
            assert_eq!(denied.cause, cause, "{status} {body}");
            assert!(
                denied.message.contains(part),
                "{status} {body}: {}",
                denied.message
            );
        }
        assert_eq!(
            ENDPOINT.denied(&response(200, r#"{"access_to"#).cut()).cause,
            Unreachable
        );
    }

    #[test]
    fn token_error_text_is_redacted() {
        let redactor = |secret: &str| Redactor::new().with(&SecretString::from(secret), "[redacted]");
        let of_app = redactor("s3cret/of+the=app");
        let words = |error: &str, why: &str| shown(&(error.to_owned(), why.to_owned()), &of_app);
        assert_eq!(
            words("invalid_client", "The client secret has expired on 2026-01-01."),
            "`invalid_client`, \"The client secret has expired on 2026-01-01.\""
        );
        assert_eq!(words("invalid_scope", ""), "`invalid_scope`");
        for (echo, left) in [
            ("bad secret s3cret/of+the=app", "bad secret [redacted]"),
            ("it begins with s3cret", "it begins with [redacted]"),
            ("…f+the=…", "…[redacted]…"),
            ("form: s3cret%2Fof%2Bthe%3Dapp", "form: [redacted]"),
            ("basic: YXBwOnMzY3JldC9vZit0aGU9YXBw", "basic: YXBwO[redacted]"),
            ("spaced s3c ret/o f+th", "spaced [redacted]"),
        ] {
            assert_eq!(
                words("invalid_client", echo),
                format!("`invalid_client`, \"{left}\""),
                "{echo}"
            );
            assert_eq!(words(echo, ""), format!("`{left}`"), "{echo}");
        }
        let token = "got eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.x, sorry";
        assert_eq!(words("x", token), "`x`, \"got [redacted], sorry\"");
        assert_eq!(words("a\u{1b}[31mb", "c\r\nd\u{202e}e"), "`a [31mb`, \"c  d e\"");
        assert!(words("x", &"word ".repeat(100)).chars().count() < 220);
        let short = redactor("abc");
        assert_eq!(
            shown(&("x".to_owned(), "is abc".to_owned()), &short),
            "`x`, \"is [redacted]\""
        );
    }
}
