//! `/healthz`, `/readyz`, `/metrics`: for whoever runs the sidecar.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::{Problem, Told};
use crate::shared::Shared;

/// Whether the process answers at all.
#[utoipa::path(
    get,
    operation_id = "isAlive",
    tag = "State",
    path = "/healthz",
    security(()),
    responses(
        (status = 200, description = "It does", body = String, content_type = "text/plain"),
        (status = 403, description = "Not from this machine, or from a web page of another site: `host_not_allowed`, `origin_not_allowed`", body = Told, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn health() -> &'static str {
    "alive\n"
}

/// Whether changes are taken: not any more when it is about to end.
#[utoipa::path(
    get,
    operation_id = "isReady",
    tag = "State",
    path = "/readyz",
    security(()),
    responses(
        (status = 200, description = "They are", body = String, content_type = "text/plain"),
        (status = 403, description = "Not from this machine, or from a web page of another site: `host_not_allowed`, `origin_not_allowed`", body = Told, content_type = "application/problem+json"),
        (status = 503, description = "They are not, for now", body = Told, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn ready(State(shared): State<Shared>) -> Result<&'static str, Problem> {
    if shared.is_draining() {
        let detail = "the sidecar is about to end";
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "shutting_down",
            detail,
        ));
    }
    Ok("ready\n")
}

/// What was counted, in Prometheus's text format.
#[utoipa::path(
    get,
    operation_id = "showMetrics",
    tag = "State",
    path = "/metrics",
    responses(
        (status = 200, description = "The metrics", body = String, content_type = "text/plain"),
        (status = 401, description = "The sidecar's token is missing or wrong", body = Told, content_type = "application/problem+json"),
        (status = 403, description = "Not from this machine, or from a web page of another site: `host_not_allowed`, `origin_not_allowed`", body = Told, content_type = "application/problem+json"),
        (status = 404, description = "It keeps none", body = Told, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn metrics(State(shared): State<Shared>) -> Response {
    let Some(metrics) = &shared.options.metrics else {
        let detail = "this sidecar was started without metrics";
        return Problem::new(StatusCode::NOT_FOUND, "no_metrics", detail).into_response();
    };
    metrics::gauge!("repass_sidecar_calls")
        .set(f64::from(u32::try_from(shared.in_flight()).unwrap_or(u32::MAX)));
    metrics::gauge!("repass_sidecar_idempotency_keys")
        .set(f64::from(u32::try_from(shared.kept.keys()).unwrap_or(u32::MAX)));
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(CONTENT_TYPE, kind)], metrics()).into_response()
}
