//! Zoom's server-to-server OAuth: tokens of the account's owner, an hour each.

use std::sync::Arc;

use repass_transport::{
    Credentials, Idempotency, Method, Request, Response, SecretBody, TokenCache, TokenError, TokenResponse,
    Transport,
    oauth::{self, Endpoint},
};

/// The URL of Zoom's token endpoint.
pub const TOKEN_URL: &str = "https://zoom.us/oauth/token";

/// Returns the token endpoint for the API at this base URL: Zoom for Government has its own, and its apps are unknown
/// at [`TOKEN_URL`].
pub fn token_url(base_url: &str) -> &'static str {
    let host = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
    let host = host
        .split(['/', ':'])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    if host == "zoomgov.com" || host.ends_with(".zoomgov.com") {
        "https://zoomgov.com/oauth/token"
    } else {
        TOKEN_URL
    }
}

/// Creates credentials that get tokens by Zoom's server-to-server OAuth, for an app in this account. `endpoint` must
/// lead to [`TOKEN_URL`] and authenticate with the app's client id and secret as `Basic`. Sends nothing before the
/// first request that needs a token.
pub fn server_to_server(endpoint: Arc<dyn Transport>, account_id: &str) -> Credentials {
    let body = SecretBody::form(&[("grant_type", "account_credentials"), ("account_id", account_id)]);
    let request = Request::new("zoom.token", Method::POST, Idempotency::Idempotent).body(body);
    Credentials::Cached(Box::new(TokenCache::new(endpoint, request, read)))
}

fn read(response: &Response) -> Result<TokenResponse, TokenError> {
    oauth::granted(response).ok_or_else(|| ENDPOINT.denied(response))
}

const ENDPOINT: Endpoint = Endpoint {
    whose: "Zoom's",
    elsewhere: "check `token_url`",
    hint,
};

// Zoom explains with `reason`; the newer texts carry a numeric code instead (documented).
fn hint(error: &str, why: &str) -> Option<&'static str> {
    Some(match error {
        _ if why.contains("disabled") || why.contains("deactivated") || matches!(error, "4738" | "4741") => {
            "the app is disabled or deactivated; activate it in Zoom's App Marketplace"
        }
        "invalid_client" | "4702" | "4704" => {
            "Zoom does not know this client id with this secret; check `client_id` and `client_secret`"
        }
        "unsupported_grant_type" | "4705" => {
            "the app cannot use this grant; it must be a server-to-server OAuth app"
        }
        "4735" => "the app's owner is gone from the account; have it taken over",
        "invalid_grant" | "invalid_request" | "bad_request" => {
            "Zoom does not grant a token for this account; check `account_id`"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use repass_transport::{Cause, StatusCode};

    use super::*;

    #[test]
    fn token_url_follows_the_cloud() {
        let government = "https://zoomgov.com/oauth/token";
        for (base_url, url) in [
            ("https://api.zoom.us/v2", TOKEN_URL),
            ("https://api-eu.zoom.us/v2", TOKEN_URL),
            ("https://api.zoomgov.com/v2", government),
            ("https://API.ZoomGov.com:443/v2/", government),
            ("https://notzoomgov.com/v2", TOKEN_URL),
            ("https://zoomgov.com.example.com/v2", TOKEN_URL),
            ("", TOKEN_URL),
        ] {
            assert_eq!(token_url(base_url), url, "{base_url}");
        }
    }

    #[test]
    fn token_error_names_what_to_fix() {
        for (status, body, part) in [
            (
                400,
                r#"{"reason":"Invalid client_id or client_secret","error":"invalid_client"}"#,
                "client_secret",
            ),
            (
                401,
                r#"{"reason":"Invalid client_id or client_secret","error":"invalid_client"}"#,
                "client_secret",
            ),
            (
                400,
                r#"{"reason":"unsupported grant type","error":"unsupported_grant_type"}"#,
                "server-to-server",
            ),
            (
                400,
                r#"{"reason":"Invalid Token!","error":"invalid_grant"}"#,
                "account_id",
            ),
            (
                401,
                r#"{"reason":"Invalid Token!","error":"invalid_request"}"#,
                "account_id",
            ),
            (400, r#"{"error":"invalid_grant"}"#, "account_id"),
            (
                400,
                r#"{"error":"invalid_client","reason":"The app has been disabled by the developer"}"#,
                "activate",
            ),
            (400, r#"{"code":4702,"message":"…"}"#, "client_secret"),
            (400, r#"{"code":4741,"message":"…"}"#, "activate"),
            (
                400,
                r#"{"status":false,"errorCode":4702,"errorMessage":"…"}"#,
                "client_secret",
            ),
            (
                400,
                "<result><code>4704</code><message>…</message></result>",
                "client_secret",
            ),
            (400, r#"{"error":"access_denied"}"#, "check the app"),
        ] {
            let response = Response::new(StatusCode::from_u16(status).unwrap()).with_body(body);
            let denied = read(&response).unwrap_err();
            assert_eq!(denied.cause, Cause::TokenRefused);
            assert!(denied.message.contains(part), "{body}: {}", denied.message);
        }
    }
}
