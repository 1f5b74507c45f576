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
