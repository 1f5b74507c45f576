//! `POST /v1/providers/{provider}/resolutions`

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use http::{HeaderMap, StatusCode};
use repass_domain::{ErrorKind, PasswordChange, Resolution, UnknownOutcome};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::body::{Json, invalid};
use super::call::{Stopped, keyed, named, place, see_through};
use super::changes::change_of;
use super::problem::attempt;
use super::{Answer, Problem, trace};
use crate::openapi::Calls;
use crate::shared::Shared;

/// A change whose outcome is unknown.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ResolutionRequest)]
pub(crate) struct Question {
    /// The user of the change.
    #[schema(value_type = String, required, example = "alice@example.com", min_length = 1, max_length = 320, pattern = r"^[^\u0000-\u0020#%/;?\\\u007f-\u00a0\u00ad\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]+$")]
    user: Option<Zeroizing<String>>,
    /// The password that was to be set.
    #[schema(value_type = String, required, format = Password, example = "New-Passw0rd-1", min_length = 1, max_length = 1024, pattern = r"^[^\x00]*$")]
    new_password: Option<SecretString>,
    /// The password that was valid before, if it was sent with the change.
    #[schema(value_type = Option<String>, format = Password, min_length = 1, max_length = 1024, pattern = r"^[^\x00]*$")]
    current_password: Option<SecretString>,
    /// The handle that came with the unknown outcome, as `resolution.attempt`. Without it, asking says that the
    /// change was sent, long enough ago to have arrived.
    #[schema(min_length = 1, max_length = 512, pattern = r"^[A-Za-z0-9_-]+$")]
    attempt: Option<String>,
}

/// What a probe found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ResolutionResult)]
pub(crate) struct Settled {
    /// What the probe found.
    #[schema(value_type = Found)]
    resolution: Resolution,
    /// What follows for the change.
    effect: SettledEffect,
    /// The provider.
    provider: String,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(
    dead_code,
    reason = "it stands in the description of the API for `Resolution`"
)]
#[schema(as = ResolutionFinding)]
enum Found {
    /// The new password is the valid one.
    InPlace,
    /// It is not; the change may be made again.
    NotInPlace,
    /// The provider's answer proves neither.
    StillUnknown,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ResolutionEffect)]
enum SettledEffect {
    Applied,
    NotApplied,
    Unknown,
}

/// Finds out whether a change with an unknown outcome took effect.
///
/// Send the change's own user and passwords once more, with the handle of its problem. It is answered by one probe,
/// which may itself set the new password (`resolve_sets_password` of the capabilities), and is true at the probe: an
/// original that is still on its way may land after it, so `not_in_place` means `not_applied` only two minutes after
/// the outcome became unknown. Where this process has sent a later change of the user, no probe is made that would
/// overwrite it. Every problem leaves the outcome `unknown`, with the handle that was posted.
#[utoipa::path(
    post,
    operation_id = "resolveChange",
    tag = "Passwords",
    path = "/v1/providers/{provider}/resolutions",
    request_body(content = Question, content_type = "application/json"),
    params(
        ("provider" = String, Path, description = "The provider's configured name"),
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, description = "The same key with the same body: the same answer, and no second probe. It is kept for an hour"),
        ("traceparent" = Option<String>, Header, description = "W3C trace context; the call is logged under this trace"),
    ),
    responses((status = 200, description = "What the probe found", body = Settled), Calls)
)]
pub(crate) async fn resolve(
    State(shared): State<Shared>,
    provider: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Result<Json, Problem>,
) -> Result<Answer, Problem> {
    let body = body.map_err(|problem| problem.unprobed(None))?;
    // What keeps the probe from being made says nothing about the change.
    let posted = posted(&body);
    match probe(shared, provider, &headers, body).await {
        Ok(answer) | Err(Stopped::Answered(answer)) => Ok(answer),
        Err(Stopped::Problem(problem)) => Err(problem.unprobed(posted.as_ref())),
    }
}

async fn probe(
    shared: Shared,
    provider: Result<Path<String>, PathRejection>,
    headers: &HeaderMap,
    body: Json,
) -> Result<Answer, Stopped> {
    let service = named(provider, &shared)?;
    let (attempt, change) = read(&body, service.provider())?;
    let route = format!("{}/resolutions", service.provider());
    let open = keyed(&shared, headers, &route, &body)?;
    drop(body);
    let place = place(&shared)?;
    let span = trace::span(headers, "resolve");
    let lost = {
        let attempt = attempt.clone();
        move || attempt.clone()
    };
    let call = async move {
        let probed = service.resolve(&shared.call_context(), &attempt, &change).await;
        drop(change);
        match probed {
            Ok(resolution) => Answer::json(
                StatusCode::OK,
                &Settled {
                    resolution,
                    effect: match resolution {
                        Resolution::InPlace => SettledEffect::Applied,
                        // It was true at the probe, and the original may land after it.
                        Resolution::NotInPlace if attempt.is_in_flight() => SettledEffect::Unknown,
                        Resolution::NotInPlace => SettledEffect::NotApplied,
                        Resolution::StillUnknown => SettledEffect::Unknown,
                    },
                    provider: service.provider().to_owned(),
                },
            ),
            // Nothing was asked of the provider.
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                let problem = Problem::new(status, error.kind().as_str(), error.to_string());
                problem.unprobed(Some(&attempt)).answer()
            }
            // The probe did not come through, so the outcome is as unknown as it was.
            Err(error) => Problem::of_call(&error).unknown(&attempt).answer(),
        }
    };
    Ok(see_through(open, place, span, lost, call).await)
}

fn read(body: &Json, provider: &str) -> Result<(UnknownOutcome, PasswordChange), Problem> {
    let body: Question = body.read("`user`, `new_password`, `current_password` and `attempt`")?;
    let attempt = match body.attempt {
        None => UnknownOutcome::undated(provider),
        Some(handle) => {
            attempt(&handle).ok_or_else(|| invalid("`attempt` is not the handle of an unknown outcome"))?
        }
    };
    if attempt.provider() != provider {
        return Err(invalid("`attempt` is the handle of a change at another provider"));
    }
    let user = body.user.as_ref().map(|user| user.as_str());
    let change = change_of(user, body.new_password, body.current_password)?;
    Ok((attempt, change))
}

/// The handle in a body, whatever else is wrong with it.
fn posted(body: &Json) -> Option<UnknownOutcome> {
    #[derive(Deserialize)]
    struct Posted {
        attempt: String,
    }
    let posted: Posted = serde_json::from_slice(&body.bytes).ok()?;
    attempt(&posted.attempt)
}
