//! Tokens that are fetched: by client credentials (RFC 6749, section 4.4), by an assertion signed with a private key
//! (RFC 7523), and by a login.

use std::sync::Arc;

use repass_transport::{
    Cause, Credentials, Idempotency, Method, Request, Response, SecretBody, TokenCache, TokenError,
    TokenResponse, Transport, TransportError,
    oauth::{self, Endpoint},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use crate::jwt::SigningKey;
use crate::table::Table;

/// Creates credentials that get tokens by OAuth client credentials. `endpoint` must lead to the token URL; the tokens
/// are for this client and scope, and for this API where the endpoint asks for an `audience`. Sends nothing before
/// the first request that needs a token.
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
    Credentials::Cached(Box::new(TokenCache::new(endpoint, request, read(&BY_SECRET))))
        .redacting(client_secret)
}

/// Creates credentials that get tokens by OAuth client credentials, with a signed assertion in place of a secret (RFC 7523,
/// section 2.2). The audience of the assertion is `token_url`.
pub fn private_key_jwt(
    endpoint: Arc<dyn Transport>,
    token_url: &str,
    client_id: &str,
    key: SigningKey,
    scope: &str,
    audience: Option<&str>,
) -> Credentials {
    let claims = claims([
        ("iss", Some(client_id)),
        ("sub", Some(client_id)),
        ("aud", Some(token_url)),
    ]);
    let (client_id, scope) = (client_id.to_owned(), scope.to_owned());
    let audience = audience.map(str::to_owned);
    signed(endpoint, key, claims, move |assertion| {
        let mut fields = vec![
            ("grant_type", "client_credentials"),
            ("client_id", client_id.as_str()),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", assertion),
            ("scope", scope.as_str()),
        ];
        fields.extend(audience.as_deref().map(|audience| ("audience", audience)));
        SecretBody::form(&fields)
    })
}

/// Creates credentials that get tokens for a service account by a signed assertion (RFC 7523, section 2.1), as Google
/// has it. `endpoint` must lead to `token_url`; the tokens are for this scope, and in the name of the user `subject`
/// where one is given.
pub fn service_account(
    endpoint: Arc<dyn Transport>,
    token_url: &str,
    account: &str,
    key: SigningKey,
    scope: &str,
    subject: Option<&str>,
) -> Credentials {
    let claims = claims([
        ("iss", Some(account)),
        ("aud", Some(token_url)),
        ("scope", Some(scope)),
        ("sub", subject),
    ]);
    signed(endpoint, key, claims, |assertion| {
        SecretBody::form(&[
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", assertion),
        ])
    })
}

/// Creates credentials that get session tokens by logging an account in. The table's `[login]` describes how;
/// `endpoint` must lead to the base URL. `None` if the table describes no login, or none with this name and password
/// can be sent.
pub fn login(
    endpoint: Arc<dyn Transport>,
    table: &Table,
    username: &str,
    password: &SecretString,
) -> Option<Credentials> {
    let login = table.login.clone()?;
    let request = login.request(table, username, password).ok()?;
    let (header, value) = (login.header.clone(), login.value.clone());
    let cache = TokenCache::new(endpoint, request, move |response| login.read(response));
    let credentials = Credentials::Cached(Box::new(cache.in_header(header, value)));
    Some(credentials.redacting(password))
}

fn claims<const N: usize>(claims: [(&str, Option<&str>); N]) -> Map<String, Value> {
    let given = claims
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
    given.collect()
}

fn signed(
    endpoint: Arc<dyn Transport>,
    key: SigningKey,
    claims: Map<String, Value>,
    body: impl Fn(&str) -> SecretBody + Send + Sync + 'static,
) -> Credentials {
    let request = move || {
        let assertion = key.assertion(claims.clone()).ok_or_else(|| {
            TransportError::not_sent(Cause::Unreachable, "the system gives no randomness to sign with")
        })?;
        // An endpoint may take each assertion once only, so what may have arrived is not sent again.
        let request = Request::new("http.token", Method::POST, Idempotency::NonIdempotent);
        Ok(request.body(body(&assertion)))
    };
    let cache = TokenCache::with_requests(endpoint, request, read(&BY_ASSERTION));
    Credentials::Cached(Box::new(cache))
}

fn read(endpoint: &'static Endpoint) -> impl Fn(&Response) -> Result<TokenResponse, TokenError> {
    |response| oauth::granted(response).ok_or_else(|| endpoint.denied(response))
}

const BY_SECRET: Endpoint = Endpoint {
    whose: "the provider's",
    elsewhere: "check `token_url`",
    hint: |error, _| match error {
        "invalid_client" => Some(
            "the endpoint does not accept this client id and secret; check `client_id` and `client_secret`",
        ),
        _ => hint(error),
    },
};

const BY_ASSERTION: Endpoint = Endpoint {
    whose: "the provider's",
    elsewhere: "check `token_url`",
    hint: |error, why| match error {
        "invalid_client" | "invalid_grant" if says_time(why) => Some(
            "the endpoint takes the assertion for expired or for one of the future; set this machine's clock",
        ),
        "invalid_client" | "invalid_grant" => Some(
            "the endpoint does not accept the signed assertion; check the id of the client or account, that the public part of \
             this key is registered there, `key_id`, `subject`, and this machine's clock",
        ),
        "invalid_dpop_proof" | "use_dpop_nonce" => {
            Some("the endpoint asks for DPoP, which repass does not speak; turn that off for this client")
        }
        _ => hint(error),
    },
};

fn says_time(why: &str) -> bool {
    [
        "expired",
        "timeframe",
        "not yet valid",
        "time range",
        "clock",
        "lifetime",
    ]
    .iter()
    .any(|part| why.contains(part))
}

fn hint(error: &str) -> Option<&'static str> {
    Some(match error {
        "invalid_scope" => "the client may not have this scope; set `scope` to what was granted to it",
        "unauthorized_client" | "unsupported_grant_type" => {
            "the client may not get tokens this way, or not for this scope; allow it at the provider"
        }
        "access_denied" => "the client is denied access; check `audience` and what was granted to it",
        _ => return None,
    })
}
