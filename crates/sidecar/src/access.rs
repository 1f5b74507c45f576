//! Who may ask.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use axum::response::{IntoResponse as _, Response};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::api::Problem;
use crate::shared::Shared;

/// What every client has to show, as `Authorization: Bearer …`. It is compared in constant time, and kept as a
/// hash. Clones share it.
#[derive(Clone)]
pub struct Token(Arc<RwLock<[u8; 32]>>);

impl Token {
    /// The least length, in bytes: 16. Shorter ones can be guessed.
    pub const MIN_BYTES: usize = 16;

    /// A token from its text; `None` if it is too short, or holds what cannot be in a header: other than
    /// visible ASCII.
    pub fn new(text: &SecretString) -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "hashed in place")]
        let bytes = text.expose_secret().as_bytes();
        let good = bytes.len() >= Self::MIN_BYTES && bytes.iter().all(u8::is_ascii_graphic);
        good.then(|| Self(Arc::new(RwLock::new(Sha256::digest(bytes).into()))))
    }

    /// Takes up another token in place of this one, in every clone: the next request needs it.
    pub fn replace(&self, other: &Self) {
        let other = other.hash();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = other;
    }

    fn hash(&self) -> [u8; 32] {
        *self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn is(&self, given: &[u8]) -> bool {
        let given: [u8; 32] = Sha256::digest(given).into();
        self.hash().ct_eq(&given).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([REDACTED])")
    }
}

/// Lets those in who show the token, if there is one. Whether the sidecar lives and is ready is told to anybody.
pub(crate) fn check<B>(shared: &Shared, request: &Request<B>) -> Result<(), Box<Response>> {
    let Some(token) = &shared.options.token else {
        return Ok(());
    };
    let is_open = matches!(request.uri().path(), "/healthz" | "/readyz");
    let shown = request.headers().get(AUTHORIZATION).and_then(bearer);
    if is_open || shown.is_some_and(|shown| token.is(shown)) {
        return Ok(());
    }
    let problem = Problem::at(
        request.uri().path(),
        StatusCode::UNAUTHORIZED,
        "not_authenticated",
        "show this sidecar's token as `Authorization: Bearer TOKEN`",
    );
    let mut answer = problem.into_response();
    let challenge = HeaderValue::from_static("Bearer realm=\"repass\"");
    answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    Err(Box::new(answer))
}

fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_it() {
        let token = Token::new(&"0123456789abcdef".into()).unwrap();
        assert!(token.is(b"0123456789abcdef"));
        for other in [
            &b""[..],
            b"0123456789abcde",
            b"0123456789abcdeg",
            b"0123456789abcdef0",
        ] {
            assert!(!token.is(other));
        }
        assert!(!format!("{token:?}").contains("0123"));
    }

    #[test]
    fn a_replaced_token_is_replaced_in_every_clone() {
        let token = Token::new(&"0123456789abcdef".into()).unwrap();
        let served = token.clone();
        token.replace(&Token::new(&"fedcba9876543210".into()).unwrap());
        assert!(served.is(b"fedcba9876543210") && !served.is(b"0123456789abcdef"));
    }

    #[test]
    fn what_can_be_guessed_or_not_be_sent_is_none() {
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
    fn the_scheme_is_bearer_in_any_case() {
        let shown = |text| bearer(&HeaderValue::from_static(text)).map(<[u8]>::to_vec);
        assert_eq!(shown("bEARER x").unwrap(), b"x");
        assert_eq!(shown("Basic xxxxx"), None);
        assert_eq!(shown("Bear"), None);
    }
}
