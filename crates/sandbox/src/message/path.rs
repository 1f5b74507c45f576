//! Paths and queries as a server takes them apart: split first, decoded afterwards.

use percent_encoding::percent_decode_str;

/// The segments of a path, still encoded; a leading slash makes none.
pub(crate) fn segments(path: &str) -> Vec<&str> {
    path.trim_start_matches('/').split('/').collect()
}

/// One segment's text. Bytes that are no UTF-8 become replacement characters, which no id has.
pub(crate) fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

/// The pairs of a query or of an `application/x-www-form-urlencoded` body, decoded.
pub(crate) fn form_pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (
            decoded(&name.replace('+', " ")),
            decoded(&value.replace('+', " ")),
        )
    })
}

/// The first value of this name among such pairs.
pub(crate) fn form_value(text: &str, name: &str) -> Option<String> {
    form_pairs(text)
        .find(|(key, _)| key == name)
        .map(|(_, value)| value)
}
