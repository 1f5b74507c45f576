//! The portal's client credentials: tokens of an external application.

use std::sync::Arc;

use repass_transport::{
    Answer, Cause, Credentials, Denied, Granted, Method, Replay, Request, SecretBody, TokenGrant, Transport,
    oauth,
};
use secrecy::{ExposeSecret as _, SecretString};

/// Credentials of a confidential external application with an application scope. `endpoint` must
/// lead to the token URL (`…/identity_/connect/token`), which is a setting of its own: the API may
/// be organisation-level while tokens are host-level (observed). Sends nothing before the first
/// request that needs a token.
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
    let client_secret = client_secret.expose_secret();
    let body = SecretBody::form(&[
        ("grant_type", "client_credentials"),
        ("client_id", client_id),
        ("client_secret", client_secret),
        ("scope", scope),
    ]);
    let request = Request::new("identity.token", Method::POST, Replay::Convergent).body(body);
    Credentials::Granted(Box::new(TokenGrant::new(endpoint, request, read)))
}

fn read(answer: &Answer) -> Result<Granted, Denied> {
    oauth::granted(answer).ok_or_else(|| denied(answer))
}

// Every refusal is a 400 there, `invalid_client` included (framework), and seldom explained.
fn denied(answer: &Answer) -> Denied {
    let status = answer.status();
    if status.is_server_error() || status.as_u16() == 429 || (status.is_success() && !answer.is_complete()) {
        let message = format!(
            "the portal's token endpoint cannot answer now (status {})",
            status.as_u16()
        );
        return Denied {
            cause: Cause::Unreachable,
            message,
        };
    }
    let (error, _) = oauth::refusal(answer).unwrap_or_default();
    let advice = match error.as_str() {
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
        _ => {
            "what answers is not the portal's token endpoint; `token_url` ends in /identity_/connect/token, on a \
             standalone server in /identity/connect/token"
        }
    };
    Denied {
        cause: Cause::TokenRefused,
        message: format!("no token was granted: {advice}"),
    }
}

#[cfg(test)]
mod tests {
    use repass_transport::StatusCode;

    use super::*;

    #[test]
    fn every_refusal_names_what_to_mend() {
        for (status, body, part) in [
            (400, r#"{"error":"invalid_client"}"#, "client_secret"),
            (401, r#"{"error":"invalid_client"}"#, "client_secret"),
            (400, r#"{"error":"invalid_scope"}"#, "exactly the names"),
            (400, r#"{"error":"unauthorized_client"}"#, "confidential"),
            (400, r#"{"error":"unsupported_grant_type"}"#, "confidential"),
            (400, r#"{"error":"invalid_request"}"#, "token_url"),
            (200, "<!DOCTYPE html><html></html>", "/identity/connect/token"),
            (
                405,
                r#"{"error":{"code":"UnsupportedApiVersion"}}"#,
                "/identity/connect/token",
            ),
        ] {
            let answer = Answer::new(StatusCode::from_u16(status).unwrap()).with_body(body);
            let denied = read(&answer).unwrap_err();
            assert_eq!(denied.cause, Cause::TokenRefused);
            assert!(denied.message.contains(part), "{body}: {}", denied.message);
        }
    }

    #[test]
    fn what_may_pass_is_not_called_a_refusal() {
        for status in [429, 500, 503] {
            let answer = Answer::new(StatusCode::from_u16(status).unwrap());
            assert_eq!(read(&answer).unwrap_err().cause, Cause::Unreachable);
        }
    }
}
