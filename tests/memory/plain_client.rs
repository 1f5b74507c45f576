//! The control: a plain HTTP client, whose residues the scan must find.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// A reqwest client as it is commonly used.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PlainClient {
    pub(crate) base_url: String,
    pub(crate) token: String,
    #[serde(skip)]
    client: OnceLock<reqwest::Client>,
}

impl PlainClient {
    pub(crate) fn new(base_url: &str, token: &str) -> Self {
        Self {
            base_url: base_url.to_owned(),
            token: token.to_owned(),
            client: OnceLock::new(),
        }
    }

    pub(crate) async fn reset(&self, user: &str, new: &str) {
        #[derive(Serialize)]
        struct Body<'a> {
            password: &'a str,
        }
        #[expect(clippy::disallowed_methods, reason = "this is how others do it")]
        let client = self.client.get_or_init(|| {
            // Once for the process; it was there before if this is an error.
            let _ = rustls::crypto::ring::default_provider().install_default();
            reqwest::Client::new()
        });
        let request = client.put(format!("{}/users/{user}/password", self.base_url));
        let request = request.bearer_auth(&self.token).json(&Body { password: new });
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 204);
    }
}
