//! W3C trace context: the trace that a call belongs to.

use http::HeaderMap;
use tracing::Span;

/// The span of a call, under the caller's trace if the request has a valid `traceparent`.
pub(super) fn span(headers: &HeaderMap, operation: &'static str) -> Span {
    let parent = headers.get("traceparent").and_then(|value| value.to_str().ok());
    if let Some((trace_id, parent_id)) = parent.and_then(ids) {
        tracing::info_span!("repass.sidecar", operation, trace_id, parent_id)
    } else {
        tracing::info_span!("repass.sidecar", operation)
    }
}

/// The ids of a trace and of the caller's span in it.
fn ids(traceparent: &str) -> Option<(&str, &str)> {
    let mut parts = traceparent.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    // Later versions may have more parts; version 00 has four.
    let valid = is_hex(version, 2)
        && version != "ff"
        && (version != "00" || parts.next().is_none())
        && is_hex(trace, 32)
        && trace.bytes().any(|byte| byte != b'0')
        && is_hex(parent, 16)
        && parent.bytes().any(|byte| byte != b'0')
        && is_hex(flags, 2);
    valid.then_some((trace, parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traceparent_is_accepted_only_if_valid() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let good = format!("00-{trace}-00f067aa0ba902b7-01");
        assert_eq!(ids(&good), Some((trace, "00f067aa0ba902b7")));
        assert!(ids(&format!("01-{trace}-00f067aa0ba902b7-01-more")).is_some());
        for bad in [
            "",
            "00",
            &format!("{good}-more"),
            &format!("ff-{trace}-00f067aa0ba902b7-01"),
            &format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            &format!("00-{trace}-0000000000000000-01"),
            &good.to_uppercase(),
            &good.replace("4bf9", "\n\n\n\n"),
        ] {
            assert_eq!(ids(bad), None, "{bad}");
        }
    }
}
