//! `POST /v1/providers/{provider}/resolutions`

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use http::{HeaderMap, StatusCode};
use repass_domain::{ErrorKind, PasswordChange, Resolution, UnknownOutcome};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::body::{JsonBody, invalid};
use super::call::{EarlyResponse, change_permit, find_service, reserve_key, run_to_completion};
use super::changes::to_change;
use super::openapi::CallProblems;
use super::problem::decode_handle;
use super::{ApiResponse, Problem, trace};
use crate::state::AppState;

/// A change whose outcome is unknown.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResolutionRequest {
    /// The user of the change.
    #[schema(value_type = String, required, example = "alice@example.com", min_length = 1, max_length = 320, pattern = r"^[^\u0000-\u0020#%/;?\\\u007f-\u00a0\u00ad\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]+$")]
    user: Option<Zeroizing<String>>,
    /// The password that was to be set.
    #[schema(value_type = String, required, format = Password, example = "New-Passw0rd-1", min_length = 1, max_length = 1024, pattern = r"^[^\x00]*$")]
    new_password: Option<SecretString>,
    /// The password that worked before, if it was sent with the change.
    #[schema(value_type = Option<String>, format = Password, min_length = 1, max_length = 1024, pattern = r"^[^\x00]*$")]
    current_password: Option<SecretString>,
    /// The handle of the unknown outcome, from `resolution.attempt`. A request without it asserts that the change was
    /// sent long enough ago to have arrived.
    #[schema(min_length = 1, max_length = 512, pattern = r"^[A-Za-z0-9_-]+$")]
    attempt: Option<String>,
}

/// What a probe found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResolutionResult {
    /// What the probe found.
    #[schema(value_type = ResolutionFinding)]
    resolution: Resolution,
    /// What follows for the change.
    effect: ResolutionEffect,
    /// The provider.
    provider: String,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "documents `Resolution` in the API description")]
enum ResolutionFinding {
    /// The new password works.
    InPlace,
    /// It does not; the change may be made again.
    NotInPlace,
    /// The provider's response proves neither.
    StillUnknown,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ResolutionEffect {
    Applied,
    NotApplied,
    Unknown,
}

/// Resolves an unknown outcome: finds out whether the change was applied.
///
/// Send the user and passwords of the change again, with the handle from its problem. One probe is made, which may
/// itself set the new password (`resolve_sets_password` of the capabilities). Its result holds for the moment of the
/// probe: a change that is still in flight may take effect later, so `not_in_place` means `not_applied` only two minutes
/// after the outcome became unknown. If this process has sent a later change for the user, no probe is made that would
/// overwrite it. Every problem leaves the outcome `unknown`, with the handle that was posted.
#[utoipa::path(
    post,
    operation_id = "resolveChange",
    tag = "Passwords",
    path = "/v1/providers/{provider}/resolutions",
    request_body(content = ResolutionRequest, content_type = "application/json"),
    params(
        ("provider" = String, Path, description = "The provider's configured name"),
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, description = "The same key with the same body gives the same response and makes no second probe. Kept for an hour"),
        ("traceparent" = Option<String>, Header, description = "W3C trace context; the call is logged under this trace"),
    ),
    responses((status = 200, description = "What the probe found", body = ResolutionResult), CallProblems)
)]
pub(crate) async fn resolve(
    State(state): State<AppState>,
    provider: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Result<JsonBody, Problem>,
) -> Result<ApiResponse, Problem> {
    let body = body.map_err(|problem| problem.not_probed(None))?;
    // An error that prevents the probe says nothing about the change.
    let posted = posted_handle(&body);
    match probe(state, provider, &headers, body).await {
        Ok(response) | Err(EarlyResponse::Replay(response)) => Ok(response),
        Err(EarlyResponse::Problem(problem)) => Err(problem.not_probed(posted.as_ref())),
    }
}

async fn probe(
    state: AppState,
    provider: Result<Path<String>, PathRejection>,
    headers: &HeaderMap,
    body: JsonBody,
) -> Result<ApiResponse, EarlyResponse> {
    let service = find_service(provider, &state)?;
    let (attempt, change) = parse(&body, service.provider())?;
    let route = format!("{}/resolutions", service.provider());
    let reservation = reserve_key(&state, headers, &route, &body, attempt.clone()).await?;
    drop(body);
    let permit = change_permit(&state)?;
    let span = trace::span(headers, "resolve");
    let lost = {
        let attempt = attempt.clone();
        move || attempt.clone()
    };
    let cx = state.call_context(reservation.as_ref());
    let call = async move {
        let result = service.resolve(&cx, &attempt, &change).await;
        drop(change);
        match result {
            Ok(resolution) => ApiResponse::json(
                StatusCode::OK,
                &ResolutionResult {
                    resolution,
                    effect: match resolution {
                        Resolution::InPlace => ResolutionEffect::Applied,
                        // The original may take effect after the probe.
                        Resolution::NotInPlace if attempt.is_in_flight() => ResolutionEffect::Unknown,
                        Resolution::NotInPlace => ResolutionEffect::NotApplied,
                        Resolution::StillUnknown => ResolutionEffect::Unknown,
                    },
                    provider: service.provider().to_owned(),
                },
            ),
            // The provider was not called.
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                let problem = Problem::new(error.kind().as_str(), error.to_string());
                problem.not_probed(Some(&attempt)).response()
            }
            // The probe failed, so the outcome is as unknown as it was.
            Err(error) => Problem::of_call(&error).unknown(&attempt).response(),
        }
    };
    Ok(run_to_completion(reservation, permit, span, lost, call).await)
}

fn parse(body: &JsonBody, provider: &str) -> Result<(UnknownOutcome, PasswordChange), Problem> {
    let body: ResolutionRequest = body.parse("`user`, `new_password`, `current_password` and `attempt`")?;
    let attempt = match body.attempt {
        None => UnknownOutcome::undated(provider),
        Some(handle) => decode_handle(&handle)
            .ok_or_else(|| invalid("`attempt` is not the handle of an unknown outcome"))?,
    };
    if attempt.provider() != provider {
        return Err(invalid("`attempt` is the handle of a change at another provider"));
    }
    let user = body.user.as_ref().map(|user| user.as_str());
    let change = to_change(user, body.new_password, body.current_password)?;
    Ok((attempt, change))
}

/// The handle in a body that may have other faults.
fn posted_handle(body: &JsonBody) -> Option<UnknownOutcome> {
    #[derive(Deserialize)]
    struct Handle {
        attempt: String,
    }
    let posted: Handle = serde_json::from_slice(&body.bytes).ok()?;
    decode_handle(&posted.attempt)
}
