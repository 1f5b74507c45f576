//! Taking repass's own token out of what a peer sends back.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

/// The body without the credentials of this header: a peer that echoes them must not carry them
/// into an error's text.
pub(super) fn without_token(body: Bytes, authorization: Option<&HeaderValue>) -> Bytes {
    let token = token(authorization);
    if stands_in(token, &body) {
        return clean(&body, token).into();
    }
    body
}

/// The same for headers, some of which are shown too.
pub(super) fn headers_without_token(
    mut headers: HeaderMap,
    authorization: Option<&HeaderValue>,
) -> HeaderMap {
    let token = token(authorization);
    for value in headers.values_mut() {
        if stands_in(token, value.as_bytes()) {
            // What is left of a header's value is one.
            *value = HeaderValue::from_bytes(&clean(value.as_bytes(), token))
                .unwrap_or_else(|_| HeaderValue::from_static("[token]"));
        }
    }
    headers
}

fn token(authorization: Option<&HeaderValue>) -> &[u8] {
    let header = authorization.map_or(&[][..], HeaderValue::as_bytes);
    header.split(|byte| *byte == b' ').next_back().unwrap_or_default()
}

fn stands_in(token: &[u8], text: &[u8]) -> bool {
    !token.is_empty() && token.len() <= text.len() && text.windows(token.len()).any(|window| window == token)
}

fn clean(text: &[u8], token: &[u8]) -> Vec<u8> {
    let mut clean = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.first() {
        if let Some(after) = rest.strip_prefix(token) {
            clean.extend_from_slice(b"[token]");
            rest = after;
        } else {
            clean.push(*first);
            rest = &rest[1..];
        }
    }
    clean
}
