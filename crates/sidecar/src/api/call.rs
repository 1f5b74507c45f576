//! What every call to a provider goes through: its key, its place, and a life of its own.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use futures_util::FutureExt as _;
use http::{HeaderMap, StatusCode};
use repass_domain::{Error, ErrorKind, PasswordService, UnknownOutcome};
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tracing::{Instrument as _, Span};
use utoipa::ToSchema;

use super::body::{Json, invalid};
use super::{Answer, Problem};
use crate::idempotency::{Found, Open};
use crate::shared::Shared;

/// Whether a change that did not end in `applied` may have been made.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "it stands in the description of the API for `Outcome`")]
#[schema(as = ProblemEffect)]
pub(super) enum Unsettled {
    NotApplied,
    Unknown,
}

/// A provider that a path names.
pub(super) fn named(
    path: Result<Path<String>, PathRejection>,
    shared: &Shared,
) -> Result<Arc<dyn PasswordService>, Problem> {
    let name = path.map(|Path(name)| name).unwrap_or_default();
    shared.directory.service(&name).ok_or_else(|| {
        let known = shared.directory.names().join(", ");
        let detail = format!("no provider is called that; there are: {known}");
        Problem::new(StatusCode::NOT_FOUND, "provider_not_found", detail)
    })
}

/// The longest `Idempotency-Key`, in bytes.
const LONGEST_KEY: usize = 255;

/// Why a request is not carried out under its key.
pub(super) enum Stopped {
    /// It was before, and this was its answer.
    Answered(Answer),
    Problem(Problem),
}

impl From<Problem> for Stopped {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// What the client's key stands for: an answer that there is already, or what this request's answer goes under.
pub(super) fn keyed(
    shared: &Shared,
    headers: &HeaderMap,
    route: &str,
    body: &Json,
) -> Result<Option<Open>, Stopped> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = key.as_bytes();
    if !(1..=LONGEST_KEY).contains(&key.len()) {
        let detail = format!("the `Idempotency-Key` must have 1 to {LONGEST_KEY} bytes");
        return Err(invalid(&detail).into());
    }
    match shared.kept.look_up(body.client, route, key, &body.bytes) {
        Found::New(open) => Ok(Some(open)),
        Found::Answered(answer) => Err(Stopped::Answered(answer.replayed())),
        Found::Running => Err(Problem::new(
            StatusCode::CONFLICT,
            "idempotency_in_progress",
            "the request with this `Idempotency-Key` is not answered yet; send it again a little later",
        )
        .told_elsewhere()
        .retry_after(Duration::from_secs(1))
        .into()),
        Found::Full(delay) => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "idempotency_full",
            "as many answers are kept under an `Idempotency-Key` as there may be, so nothing was sent; try again when \
             the oldest has gone",
        )
        .retry_after(delay)
        .into()),
        Found::Another => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_mismatch",
            "this `Idempotency-Key` was used for another request; take a new one for a new request",
        )
        .into()),
    }
}

/// Requests for which there was no place.
pub(crate) const OVERLOADED: &str = "repass_sidecar_overloaded_total";

/// A place for one call that changes something or settles it.
pub(super) fn place(shared: &Shared) -> Result<OwnedSemaphorePermit, Problem> {
    shared.place().ok_or_else(|| no_place(shared))
}

/// A place for one call that changes nothing.
pub(super) fn read_place(shared: &Shared) -> Result<OwnedSemaphorePermit, Problem> {
    shared.read_place().ok_or_else(|| no_place(shared))
}

fn no_place(shared: &Shared) -> Problem {
    let (code, detail) = if shared.is_draining() {
        (
            "shutting_down",
            "the sidecar is about to end, so nothing was sent; ask another one, or try again",
        )
    } else {
        metrics::counter!(OVERLOADED).increment(1);
        (
            "overloaded",
            "as many calls are under way as there may be, so nothing was sent; try again",
        )
    };
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).retry_after(Duration::from_secs(1))
}

/// Makes a call that goes on whatever becomes of the client, keeps its answer under the client's key and holds
/// its place to the end. If it comes to no end of its own, the outcome of the attempt that `lost` gives is unknown.
pub(super) async fn see_through(
    open: Option<Open>,
    place: OwnedSemaphorePermit,
    span: Span,
    lost: impl FnOnce() -> UnknownOutcome + Send + 'static,
    call: impl Future<Output = Answer> + Send + 'static,
) -> Answer {
    let whole = async move {
        let ended = AssertUnwindSafe(call).catch_unwind().await;
        let answer = ended.unwrap_or_else(|_| broken(lost()));
        if let Some(open) = open {
            open.answer(&answer);
        }
        drop(place);
        answer
    };
    GoesOn(Some(Box::pin(whole.instrument(span)))).await
}

/// A future that is dropped before its end goes on as a task of its own. Until then it needs none, which spares
/// every call the way to another thread and back.
struct GoesOn<F>(Option<Pin<Box<F>>>)
where
    F: Future<Output: Send> + Send + 'static;

impl<F: Future<Output: Send> + Send + 'static> Future for GoesOn<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // Not there while it is polled: what panics has come to its end too.
        let mut rest = self.0.take().expect("it is not polled after its end");
        let polled = rest.as_mut().poll(cx);
        if polled.is_pending() {
            self.0 = Some(rest);
        }
        polled
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for GoesOn<F> {
    fn drop(&mut self) {
        if let Some(rest) = self.0.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(rest);
        }
    }
}

fn broken(attempt: UnknownOutcome) -> Answer {
    let error = Error::unknown(
        ErrorKind::Internal,
        "repass failed while the change was under way; please report it",
        attempt,
    );
    Problem::of_call(&error).answer()
}
