//! Paths and queries, read back by an independent reader.

use percent_encoding::percent_decode_str;
use repass_transport::{Idempotency, Method, Request};
use url::Url;

/// Fuzzes request paths. Each line is a segment; one that begins with `?` is `?name=value` of the query.
///
/// # Panics
/// If a law is broken.
pub fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (queries, segments): (Vec<_>, Vec<_>) = text.split('\n').partition(|line| line.starts_with('?'));
    let queries = queries
        .iter()
        .map(|query| query[1..].split_once('=').unwrap_or((query, "")));
    check(&segments, &queries.collect::<Vec<_>>());
}

/// Checks the laws of request paths with this one.
///
/// # Panics
/// If a law is broken.
pub fn check(given: &[&str], queries: &[(&str, &str)]) {
    // No encoding keeps these from being steps; no name of a user is one, by `user_id`.
    if given.iter().any(|segment| matches!(*segment, "." | "..")) {
        return;
    }
    let mut request = Request::new("test", Method::PUT, Idempotency::NonIdempotent);
    for segment in given {
        request = request.segment(segment);
    }
    for (name, value) in queries {
        request = request.query(name, value);
    }
    let safe = |c: char| c.is_ascii_alphanumeric() || "-._~@%/?=&".contains(c);
    assert!(request.path().chars().all(safe), "{}", request.path());
    assert_eq!(segments(request.path()), given);
    let url = url(request.path());
    let read: Vec<_> = url.query_pairs().collect();
    assert!(
        read.iter()
            .map(|(name, value)| (&**name, &**value))
            .eq(queries.iter().copied()),
        "{url}"
    );
}

/// The segments of a path as a server reads them.
pub(super) fn segments(path: &str) -> Vec<String> {
    let url = url(path);
    let segments = url.path_segments().unwrap().skip(1);
    segments
        .map(|segment| percent_decode_str(segment).decode_utf8().unwrap().into_owned())
        .collect()
}

fn url(path: &str) -> Url {
    Url::parse(&format!("https://api.example.com/v2{path}")).unwrap()
}
