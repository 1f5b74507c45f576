//! The forms in which a secret may come back, made by others' code than the redactor's.

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
    let base64 = |form: &str| if secret.chars().count() >= 3 { form } else { secret }.to_owned();
    let percent = |kept| utf8_percent_encode(secret, kept).to_string();
    let units = |prefix: &str| {
        let unit = |unit: u16| match char::from_u32(unit.into()).filter(char::is_ascii_alphanumeric) {
            Some(plain) => plain.to_string(),
            None => format!("{prefix}{unit:04X}"),
        };
        secret.encode_utf16().map(unit).collect::<String>()
    };
    let references = |form: fn(u32) -> String| {
        let reference = |c: char| {
            let plain = c.is_ascii_alphanumeric();
            if plain { c.to_string() } else { form(u32::from(c)) }
        };
        secret.chars().map(reference).collect::<String>()
    };
    let mut forms = vec![
        secret.to_owned(),
        json[1..json.len() - 1].to_owned(),
        percent(NON_ALPHANUMERIC),
        percent(UNRESERVED),
        percent(COMPONENT),
        byte_serialize(secret.as_bytes()).collect(),
        html,
        base64(&Base64Unpadded::encode_string(secret.as_bytes())),
        base64(&Base64UrlUnpadded::encode_string(secret.as_bytes())),
        percent(NET).replace("%20", "+"),
        units("\\u"),
        units("%u"),
        references(|code| format!("&#{code};")),
        references(|code| format!("&#x{code:x};")),
        json[1..json.len() - 1].replace('/', "\\/"),
        percent(NON_ALPHANUMERIC).replace('%', "%25"),
        secret.bytes().map(char::from).collect(),
    ];
    // One or two bytes stand in too many texts that mean something else.
    if secret.chars().count() >= 3 {
        for before in ["u:", "{\"p\":\"", "x"] {
            forms.push(Base64Unpadded::encode_string(
                [before, secret].concat().as_bytes(),
            ));
        }
        let hex: Vec<String> = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        forms.push(hex.concat());
        forms.push(hex.join("-").to_uppercase());
    }
    forms
}
