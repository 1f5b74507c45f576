//! `/healthz`, `/readyz`, `/metrics`.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::CONTENT_TYPE;

use super::{Problem, ProblemBody};
use crate::state::AppState;

/// Whether the process is alive.
#[utoipa::path(
    get,
    operation_id = "isAlive",
    tag = "State",
    path = "/healthz",
    security(()),
    responses(
        (status = 200, description = "It is", body = String, content_type = "text/plain"),
        (status = 403, description = "Not a local host, or from a web page of another site: `host_not_allowed`, `origin_not_allowed`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn health() -> &'static str {
    "alive\n"
}

/// Whether changes are accepted. They are not during a shutdown, and while a shared store of idempotency keys cannot be
/// reached.
#[utoipa::path(
    get,
    operation_id = "isReady",
    tag = "State",
    path = "/readyz",
    security(()),
    responses(
        (status = 200, description = "They are. Warnings follow in further lines", body = String, content_type = "text/plain"),
        (status = 403, description = "Not a local host, or from a web page of another site: `host_not_allowed`, `origin_not_allowed`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "They are not, for now", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn ready(State(state): State<AppState>) -> Result<String, Problem> {
    if state.is_draining() {
        return Err(Problem::new("shutting_down", "the sidecar is shutting down"));
    }
    let store = state.idempotency.store();
    let checked = store.check();
    checked.map_err(|unavailable| Problem::new("idempotency_unavailable", unavailable.to_string()))?;
    let warning = store.warning().map(|warning| format!("warning: {warning}\n"));
    Ok(format!("ready\n{}", warning.unwrap_or_default()))
}

/// The metrics, in Prometheus's text format.
#[utoipa::path(
    get,
    operation_id = "showMetrics",
    tag = "State",
    path = "/metrics",
    responses(
        (status = 200, description = "The metrics", body = String, content_type = "text/plain"),
        (status = 401, description = "The sidecar's token is missing or wrong", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not a local host, or from a web page of another site: `host_not_allowed`, `origin_not_allowed`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "The sidecar was started without metrics", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn metrics(State(state): State<AppState>) -> Response {
    let Some(metrics) = &state.options.metrics else {
        let detail = "this sidecar was started without metrics";
        return Problem::new("no_metrics", detail).into_response();
    };
    metrics::gauge!("repass_sidecar_calls")
        .set(f64::from(u32::try_from(state.in_flight()).unwrap_or(u32::MAX)));
    metrics::gauge!("repass_sidecar_idempotency_keys").set(f64::from(
        u32::try_from(state.idempotency.store().keys_in_memory()).unwrap_or(u32::MAX),
    ));
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(CONTENT_TYPE, kind)], metrics()).into_response()
}
