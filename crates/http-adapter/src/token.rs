//! Client credentials: tokens of a registered application (RFC 6749, section 4.4).

use std::sync::Arc;

use repass_transport::{
    Credentials, Idempotency, Method, Request, Response, SecretBody, TokenCache, TokenError, TokenResponse,
    Transport,
    oauth::{self, Endpoint},
};
use secrecy::{ExposeSecret as _, SecretString};

/// Tokens that `endpoint`, which must lead to the token URL, grants to this client for this scope, and for this API where
/// the endpoint asks for an `audience`. Sends nothing before the first request that needs a token.
pub fn client_credentials(
    endpoint: Arc<dyn Transport>,
    client_id: &str,
    client_secret: &SecretString,
    scope: &str,
    audience: Option<&str>,
) -> Credentials {
    #[expect(
        clippy::disallowed_methods,
        reason = "encoded once, into the body that wipes itself"
    )]
    let secret = client_secret.expose_secret();
    let mut fields = vec![
        ("grant_type", "client_credentials"),
        ("client_id", client_id),
        ("client_secret", secret),
        ("scope", scope),
    ];
    fields.extend(audience.map(|audience| ("audience", audience)));
    let request =
        Request::new("http.token", Method::POST, Idempotency::Idempotent).body(SecretBody::form(&fields));
    Credentials::Cached(Box::new(TokenCache::new(endpoint, request, read))).redacting(client_secret)
}

fn read(response: &Response) -> Result<TokenResponse, TokenError> {
    oauth::granted(response).ok_or_else(|| ENDPOINT.denied(response))
}

const ENDPOINT: Endpoint = Endpoint {
    whose: "the provider's",
    elsewhere: "check `token_url`",
    hint: |error, _| hint(error),
};

fn hint(error: &str) -> Option<&'static str> {
    Some(match error {
        "invalid_client" => {
            "the endpoint does not accept this client id and secret; check `client_id` and `client_secret`"
        }
        "invalid_scope" => "the client may not have this scope; set `scope` to what was granted to it",
        "unauthorized_client" | "unsupported_grant_type" => {
            "the client may not use client credentials; enable that grant for it"
        }
        "access_denied" => "the client is denied access; check `audience` and what was granted to it",
        _ => return None,
    })
}
