//! What every call to a provider goes through: its idempotency key, its permit, and its execution to the end.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use futures_util::FutureExt as _;
use http::HeaderMap;
use repass_domain::{Error, ErrorKind, PasswordService, UnknownOutcome};
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tracing::{Instrument as _, Span};
use utoipa::ToSchema;

use super::body::{JsonBody, invalid};
use super::{ApiResponse, Problem};
use crate::idempotency::{KeyState, Reservation};
use crate::state::AppState;

/// Whether a change that was not confirmed may have been applied.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "documents `Outcome` in the API description")]
pub(super) enum ProblemEffect {
    NotApplied,
    Unknown,
}

/// The service of the provider that a path names.
pub(super) fn find_service(
    path: Result<Path<String>, PathRejection>,
    state: &AppState,
) -> Result<Arc<dyn PasswordService>, Problem> {
    let name = path.map(|Path(name)| name).unwrap_or_default();
    state.directory.service(&name).ok_or_else(|| {
        let known = state.directory.names().join(", ");
        let detail = format!("there is no provider of this name; configured: {known}");
        Problem::new("provider_not_found", detail)
    })
}

/// The longest `Idempotency-Key`, in bytes.
const MAX_KEY_BYTES: usize = 255;

/// A response that ends a request before its call.
pub(super) enum EarlyResponse {
    /// The response to the same request under the same key.
    Replay(ApiResponse),
    Problem(Problem),
}

impl From<Problem> for EarlyResponse {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// Reserves the client's idempotency key for this request's response; `None` if it has no key. `attempt` resolves the
/// outcome if the sidecar ends before it is stored.
pub(super) async fn reserve_key(
    state: &AppState,
    headers: &HeaderMap,
    route: &str,
    body: &JsonBody,
    attempt: UnknownOutcome,
) -> Result<Option<Reservation>, EarlyResponse> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = key.as_bytes();
    if !(1..=MAX_KEY_BYTES).contains(&key.len()) {
        let detail = format!("the `Idempotency-Key` must have 1 to {MAX_KEY_BYTES} bytes");
        return Err(invalid(&detail).into());
    }
    let keys = &state.idempotency;
    let request = keys.request(body.client, route, key, &body.bytes, attempt);
    let known = keys.store().reserve(&request).await.map_err(|unavailable| {
        let detail = format!("{unavailable}; nothing was sent, so retry");
        Problem::new("idempotency_unavailable", detail).retry_after(Duration::from_secs(1))
    })?;
    match known {
        KeyState::Reserved => Ok(Some(keys.reservation(&request))),
        KeyState::Answered(response) => Err(EarlyResponse::Replay(ApiResponse::replay(response))),
        KeyState::Lost(attempt) => Err(Problem::new(
            "idempotency_lost",
            "the sidecar that worked on the request with this `Idempotency-Key` ended, or was cut off, before it had \
             stored the outcome, which is unknown; resolve it",
        )
        .unknown(&attempt)
        .into()),
        KeyState::InFlight => Err(Problem::new(
            "idempotency_in_progress",
            "the request with this `Idempotency-Key` is still in flight; send it again a little later",
        )
        .without_effect()
        .retry_after(Duration::from_secs(1))
        .into()),
        KeyState::Full(delay) => Err(Problem::new(
            "idempotency_full",
            "no more responses can be kept under an `Idempotency-Key`, so nothing was sent; retry when the oldest one \
             has expired",
        )
        .retry_after(delay)
        .into()),
        KeyState::Mismatch => Err(Problem::new(
            "idempotency_mismatch",
            "this `Idempotency-Key` was used for another request; use a new key for a new request",
        )
        .into()),
    }
}

/// The counter of requests that were rejected at the limit.
pub(crate) const OVERLOADED: &str = "repass_sidecar_overloaded_total";

/// A permit for one change or resolution.
pub(super) fn change_permit(state: &AppState) -> Result<OwnedSemaphorePermit, Problem> {
    state.change_permit().ok_or_else(|| unavailable(state))
}

/// A permit for one call that changes nothing.
pub(super) fn lookup_permit(state: &AppState) -> Result<OwnedSemaphorePermit, Problem> {
    state.lookup_permit().ok_or_else(|| unavailable(state))
}

fn unavailable(state: &AppState) -> Problem {
    let problem = if state.is_draining() {
        Problem::new(
            "shutting_down",
            "the sidecar is shutting down, so nothing was sent; use another one, or retry",
        )
    } else {
        metrics::counter!(OVERLOADED).increment(1);
        Problem::new(
            "overloaded",
            "the limit of calls in flight is reached, so nothing was sent; retry",
        )
    };
    problem.retry_after(Duration::from_secs(1))
}

/// Makes a call that continues when its client disconnects, keeps its response under the client's key and holds its
/// permit to the end. If the call panics, the outcome of the attempt that `lost` gives is unknown.
pub(super) async fn run_to_completion(
    mut reservation: Option<Reservation>,
    permit: OwnedSemaphorePermit,
    span: Span,
    lost: impl FnOnce() -> UnknownOutcome + Send + 'static,
    call: impl Future<Output = ApiResponse> + Send + 'static,
) -> ApiResponse {
    if let Some(reservation) = &mut reservation {
        reservation.start();
    }
    let completion = async move {
        let result = AssertUnwindSafe(call).catch_unwind().await;
        let response = result.unwrap_or_else(|_| panicked(lost()));
        if let Some(reservation) = reservation {
            reservation.store(&response).await;
        }
        drop(permit);
        response
    };
    DetachOnDrop(Some(Box::pin(completion.instrument(span)))).await
}

/// A future that becomes a task if it is dropped before its end. As long as it is polled in place, a call needs no
/// task and no switch of threads.
struct DetachOnDrop<F>(Option<Pin<Box<F>>>)
where
    F: Future<Output: Send> + Send + 'static;

impl<F: Future<Output: Send> + Send + 'static> Future for DetachOnDrop<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // Taken while it is polled: a future that panics is not polled again.
        let mut future = self.0.take().expect("not polled after its end");
        let polled = future.as_mut().poll(cx);
        if polled.is_pending() {
            self.0 = Some(future);
        }
        polled
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for DetachOnDrop<F> {
    fn drop(&mut self) {
        if let Some(future) = self.0.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(future);
        }
    }
}

fn panicked(attempt: UnknownOutcome) -> ApiResponse {
    let error = Error::unknown(
        ErrorKind::Internal,
        "repass failed during the change; please report it",
        attempt,
    );
    Problem::of_call(&error).response()
}
