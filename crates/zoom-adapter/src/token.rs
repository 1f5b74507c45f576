//! Zoom's server-to-server OAuth: tokens of the account's owner, an hour each.

use std::sync::Arc;

use repass_transport::{
    Answer, Cause, Credentials, Denied, Granted, Method, Replay, Request, SecretBody, TokenGrant, Transport,
    oauth,
};

/// Where Zoom grants tokens.
pub const TOKEN_URL: &str = "https://zoom.us/oauth/token";

/// Credentials of a server-to-server app in this account. `endpoint` must lead to
/// [`TOKEN_URL`] and authenticate with the app's client id and secret as `Basic`. Sends nothing
/// before the first request that needs a token.
pub fn server_to_server(endpoint: Arc<dyn Transport>, account_id: &str) -> Credentials {
    let body = SecretBody::form(&[("grant_type", "account_credentials"), ("account_id", account_id)]);
    let request = Request::new("zoom.token", Method::POST, Replay::Convergent).body(body);
    Credentials::Granted(Box::new(TokenGrant::new(endpoint, request, read)))
}

fn read(answer: &Answer) -> Result<Granted, Denied> {
    oauth::granted(answer).ok_or_else(|| denied(answer))
}

// Zoom explains with `reason`; the newer texts carry a numeric code instead (documented).
fn denied(answer: &Answer) -> Denied {
    let status = answer.status();
    if status.is_server_error() || status.as_u16() == 429 || (status.is_success() && !answer.is_complete()) {
        let message = format!(
            "Zoom's token endpoint cannot answer now (status {})",
            status.as_u16()
        );
        return Denied {
            cause: Cause::Unreachable,
            message,
        };
    }
    let (error, why) = oauth::refusal(answer).unwrap_or_default();
    let advice = match error.as_str() {
        _ if why.contains("disabled")
            || why.contains("deactivated")
            || matches!(&*error, "4738" | "4741") =>
        {
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
        _ => "what answers is not Zoom's token endpoint; check `token_url`",
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
            (200, "<!DOCTYPE html>", "token_url"),
            (404, "", "token_url"),
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
