//! The forms in which a secret may come back, made by others' encoders than the scrubber's.

use base64ct::{Base64Unpadded, Base64UrlUnpadded, Encoding as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::form_urlencoded::byte_serialize;

// RFC 3986, section 2.3: what needs no encoding anywhere.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
// As .NET's `WebUtility.UrlEncode` and `HttpUtility.UrlEncode` have it, with `+` for a blank.
const NET: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'!')
    .remove(b'*')
    .remove(b'(')
    .remove(b')');
// As `encodeURIComponent` of scripts has it.
const COMPONENT: &AsciiSet = &UNRESERVED
    .remove(b'!')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*');

/// Every form, this one included.
pub(super) fn forms(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).unwrap();
    let html = secret
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;");
    let percent = |kept| utf8_percent_encode(secret, kept).to_string();
    vec![
        secret.to_owned(),
        json[1..json.len() - 1].to_owned(),
        percent(NON_ALPHANUMERIC),
        percent(UNRESERVED),
        percent(COMPONENT),
        byte_serialize(secret.as_bytes()).collect(),
        html,
        Base64Unpadded::encode_string(secret.as_bytes()),
        Base64UrlUnpadded::encode_string(secret.as_bytes()),
        percent(NET).replace("%20", "+"),
    ]
}
