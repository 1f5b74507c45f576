//! The bearer token of a sidecar.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use axum::response::{IntoResponse as _, Response};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderValue, Request};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::api::Problem;

/// The bearer token that every client must send, as `Authorization: Bearer …`. It is kept as a hash and compared in
/// constant time. Clones share it.
#[derive(Clone)]
pub struct Token(Arc<RwLock<[u8; 32]>>);

impl Token {
    /// The minimum length of the token in bytes. Shorter tokens can be guessed.
    pub const MIN_BYTES: usize = 16;

    /// Creates a token from its text; `None` if it is too short or has characters other than visible ASCII.
    pub fn new(text: &SecretString) -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "hashed in place")]
        let bytes = text.expose_secret().as_bytes();
        let valid = bytes.len() >= Self::MIN_BYTES && bytes.iter().all(u8::is_ascii_graphic);
        valid.then(|| Self(Arc::new(RwLock::new(Sha256::digest(bytes).into()))))
    }

    /// Replaces the token in every clone, from the next request on.
    pub fn replace(&self, other: &Self) {
        let other = other.hash();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = other;
    }

    fn hash(&self) -> [u8; 32] {
        *self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn matches(&self, given: &[u8]) -> bool {
        let given: [u8; 32] = Sha256::digest(given).into();
        self.hash().ct_eq(&given).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([REDACTED])")
    }
}

/// Checks the token of a request, if the sidecar has one. `/healthz` and `/readyz` need none.
pub(crate) fn authorize<B>(token: Option<&Token>, request: &Request<B>) -> Result<(), Box<Response>> {
    let Some(token) = token else {
        return Ok(());
    };
    let is_open = matches!(request.uri().path(), "/healthz" | "/readyz");
    let sent = request.headers().get(AUTHORIZATION).and_then(bearer);
    if is_open || sent.is_some_and(|sent| token.matches(sent)) {
        return Ok(());
    }
    let problem = Problem::at(
        request.uri().path(),
        "not_authenticated",
        "send this sidecar's token as `Authorization: Bearer TOKEN`",
    );
    let mut response = problem.into_response();
    let challenge = HeaderValue::from_static("Bearer realm=\"repass\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    Err(Box::new(response))
}

fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_matches_only_itself() {
        let token = Token::new(&"0123456789abcdef".into()).unwrap();
        assert!(token.matches(b"0123456789abcdef"));
        for other in [
            &b""[..],
            b"0123456789abcde",
            b"0123456789abcdeg",
            b"0123456789abcdef0",
        ] {
            assert!(!token.matches(other));
        }
        assert!(!format!("{token:?}").contains("0123"));
    }

    #[test]
    fn token_replaced_is_replaced_in_every_clone() {
        let token = Token::new(&"0123456789abcdef".into()).unwrap();
        let served = token.clone();
        token.replace(&Token::new(&"fedcba9876543210".into()).unwrap());
        assert!(served.matches(b"fedcba9876543210") && !served.matches(b"0123456789abcdef"));
    }

    #[test]
    fn token_too_short_or_not_sendable_is_rejected() {
        for bad in [
            "",
            "short",
            "fifteen-bytes--",
            "with a blank inside",
            "with\nline-end-inside",
        ] {
            assert!(Token::new(&bad.into()).is_none(), "{bad}");
        }
    }

    #[test]
    fn bearer_scheme_is_case_insensitive() {
        let shown = |text| bearer(&HeaderValue::from_static(text)).map(<[u8]>::to_vec);
        assert_eq!(shown("bEARER x").unwrap(), b"x");
        assert_eq!(shown("Basic xxxxx"), None);
        assert_eq!(shown("Bear"), None);
    }
}
