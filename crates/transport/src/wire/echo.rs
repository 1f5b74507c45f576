//! Taking repass's own token out of what a peer sends back.

use bytes::Bytes;
use http::HeaderValue;

/// The body without the credentials of this header: a peer that echoes them must not carry them
/// into an error's text.
pub(super) fn without_token(body: Bytes, authorization: Option<&HeaderValue>) -> Bytes {
    let header = authorization.map_or(&[][..], HeaderValue::as_bytes);
    let token = header.split(|byte| *byte == b' ').next_back().unwrap_or_default();
    if token.is_empty() || !body.windows(token.len()).any(|window| window == token) {
        return body;
    }
    let mut clean = Vec::with_capacity(body.len());
    let mut rest = &body[..];
    while let Some(first) = rest.first() {
        if let Some(after) = rest.strip_prefix(token) {
            clean.extend_from_slice(b"[token]");
            rest = after;
        } else {
            clean.push(*first);
            rest = &rest[1..];
        }
    }
    clean.into()
}
