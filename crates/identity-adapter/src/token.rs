//! The portal's client credentials: tokens of an external application.

use std::sync::Arc;

use repass_transport::{
    Credentials, Idempotency, Method, Request, Response, SecretBody, TokenCache, TokenError, TokenResponse,
    Transport,
    oauth::{self, Endpoint},
};
use secrecy::{ExposeSecret as _, SecretString};

/// Creates credentials that get tokens of a confidential external application with an application scope. `endpoint`
/// must lead to the token URL (`…/identity_/connect/token`), which is a setting of its own: the API may be
/// organization-level while tokens are host-level (observed). Sends nothing before the first request that needs a
/// token.
///
/// Ask for exactly the scope names that were granted: `PM.User` is refused where only
/// `PM.User.Write` is (observed).
pub fn client_credentials(
    endpoint: Arc<dyn Transport>,
    client_id: &str,
    client_secret: &SecretString,
    scope: &str,
) -> Credentials {
    #[expect(
        clippy::disallowed_methods,
        reason = "encoded once, into the body that wipes itself"
    )]
    let secret = client_secret.expose_secret();
    let body = SecretBody::form(&[
        ("grant_type", "client_credentials"),
        ("client_id", client_id),
        ("client_secret", secret),
        ("scope", scope),
    ]);
    let request = Request::new("identity.token", Method::POST, Idempotency::Idempotent).body(body);
    Credentials::Cached(Box::new(TokenCache::new(endpoint, request, read))).redacting(client_secret)
}

fn read(response: &Response) -> Result<TokenResponse, TokenError> {
    oauth::granted(response).ok_or_else(|| ENDPOINT.denied(response))
}

const ENDPOINT: Endpoint = Endpoint {
    whose: "the portal's",
    elsewhere: "`token_url` ends in /identity_/connect/token, on a standalone server in /identity/connect/token",
    hint: |error, _| hint(error),
};

// Every refusal is a 400 there, `invalid_client` included (framework), and seldom explained.
fn hint(error: &str) -> Option<&'static str> {
    Some(match error {
        "invalid_client" => {
            "the portal does not know this client id with this secret; check `client_id` and `client_secret`"
        }
        "invalid_scope" => {
            "the external application was not granted this scope; set `scope` to exactly the names granted to it, \
             such as PM.User.Write"
        }
        "unauthorized_client" | "unsupported_grant_type" => {
            "the external application cannot use client credentials; it must be confidential, with an application scope"
        }
        "invalid_request" | "invalid_grant" => "the portal cannot read the token request; check `token_url`",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use repass_transport::{Cause, StatusCode};

    use super::*;

    #[test]
    fn token_error_names_what_to_fix() {
        for (status, body, part) in [
            (400, r#"{"error":"invalid_client"}"#, "client_secret"),
            (401, r#"{"error":"invalid_client"}"#, "client_secret"),
            (400, r#"{"error":"invalid_scope"}"#, "exactly the names"),
            (400, r#"{"error":"unauthorized_client"}"#, "confidential"),
            (400, r#"{"error":"unsupported_grant_type"}"#, "confidential"),
            (400, r#"{"error":"invalid_request"}"#, "token_url"),
            (400, r#"{"error":"access_denied"}"#, "check the app"),
        ] {
            let response = Response::new(StatusCode::from_u16(status).unwrap()).with_body(body);
            let denied = read(&response).unwrap_err();
            assert_eq!(denied.cause, Cause::TokenRefused);
            assert!(denied.message.contains(part), "{body}: {}", denied.message);
        }
    }

    #[test]
    fn token_wrong_address_is_reported() {
        for (status, body) in [
            (200, "<!DOCTYPE html><html></html>"),
            (405, r#"{"error":{"code":"UnsupportedApiVersion"}}"#),
        ] {
            let response = Response::new(StatusCode::from_u16(status).unwrap()).with_body(body);
            let denied = read(&response).unwrap_err();
            assert_eq!(denied.cause, Cause::Misconfigured);
            assert!(
                denied.message.contains("/identity/connect/token"),
                "{}",
                denied.message
            );
        }
    }
}
