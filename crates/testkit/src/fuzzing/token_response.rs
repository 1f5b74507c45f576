//! What token endpoints answer.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use repass_identity::client_credentials;
use repass_transport::{
    HeaderValue, HttpClient, HttpTransport, Idempotency, Method, Request, Response, StatusCode, Timeouts,
    Transport as _, TransportError, oauth,
};
use repass_zoom::server_to_server;
use serde::Deserialize;

use super::fake_transport::{FakeTransport, wait};
use super::raw_response::parse;
use super::shown;

const SECRET: &str = "Canary-Client-Secret-80";

/// Fuzzes responses of token endpoints. The bytes are a response, of either provider's endpoint.
///
/// # Panics
/// If a law is broken.
pub fn target(data: &[u8]) {
    check(&parse(data));
}

/// Checks the laws of responses of token endpoints with this one.
///
/// # Panics
/// If a law is broken.
pub fn check(answer: &Response) {
    if let Some(granted) = oauth::granted(answer) {
        assert!(granted.lifetime.is_none_or(|life| life.as_secs() <= 31 * 86_400));
    }
    let endpoint = || FakeTransport::new([answer.clone()]).transport();
    for credentials in [
        server_to_server(endpoint(), "an-account"),
        client_credentials(endpoint(), "an-id", &SECRET.into(), "a-scope"),
    ] {
        let api = Api::default();
        let transport = HttpTransport::new(api.clone(), credentials, Timeouts::default()).seeded(1);
        let request = Request::new("test", Method::GET, Idempotency::Idempotent);
        let outcome = wait(transport.deliver(&request.budget(Duration::from_secs(5))));
        let shown = api.0.lock().unwrap().clone();
        match outcome {
            Ok(_) => {
                assert!(answer.status().is_success());
                let [header] = &shown[..] else { panic!("{shown:?}") };
                // What had to be repaired to be read has no strict reading to compare with.
                if let Some(token) = token(answer) {
                    assert_eq!(
                        *header,
                        HeaderValue::from_str(&format!("Bearer {token}")).unwrap()
                    );
                }
            }
            Err(failure) => {
                let reported = failure.to_string();
                shown::plain(&reported);
                assert!(
                    reported.chars().count() < 600 && !reported.contains(SECRET),
                    "{reported}"
                );
                assert!(shown.is_empty(), "sent without a token");
            }
        }
    }
}

// RFC 6749, section 5.1: an object.
// No whole document: what stands beside the token may be a number that nothing here can hold.
fn token(answer: &Response) -> Option<String> {
    #[derive(Deserialize)]
    struct TokenResponse {
        access_token: String,
    }
    let granted: TokenResponse = serde_json::from_str(answer.text().trim_matches('\0')).ok()?;
    Some(granted.access_token)
}

/// Takes everything, and keeps what it was shown.
#[derive(Debug, Clone, Default)]
struct Api(Arc<Mutex<Vec<HeaderValue>>>);

#[async_trait]
impl HttpClient for Api {
    async fn attempt(
        &self,
        _request: &Request,
        authorization: Option<HeaderValue>,
        _limit: Duration,
    ) -> Result<Response, TransportError> {
        self.0.lock().unwrap().extend(authorization);
        Ok(Response::new(StatusCode::NO_CONTENT))
    }
}
