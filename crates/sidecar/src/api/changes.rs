//! `POST /v1/providers/{provider}/password-changes`

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use http::{HeaderMap, StatusCode};
use repass_domain::{
    CallContext, ChangeReceipt, Error, PasswordChange, PasswordService, PasswordServiceExt as _,
    UnknownOutcome,
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::body::{Fields, JsonBody, invalid};
use super::call::{EarlyResponse, change_permit, find_service, reserve_key, run_to_completion};
use super::openapi::CallProblems;
use super::{ApiResponse, Problem, trace};
use crate::state::AppState;

/// A change to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeRequest {
    /// The user's id at the provider: an e-mail address, a GUID.
    #[schema(value_type = String, required, example = "alice@example.com", min_length = 1, max_length = 320, pattern = r"^[^\u0000-\u0020#%/;?\\\u007f-\u00a0\u00ad\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]+$")]
    user: Option<Zeroizing<String>>,
    /// The password to set. One that cannot be typed into a login form is rejected.
    #[schema(value_type = String, required, format = Password, example = "New-Passw0rd-1", min_length = 1, max_length = 1024, pattern = r"^[^\x00-\x1f\x7f-\xa0]*$")]
    new_password: Option<SecretString>,
    /// The password that works now, which makes it the user's own change. Without it the change is an administrator's
    /// reset.
    #[schema(value_type = Option<String>, format = Password, min_length = 1, max_length = 1024, pattern = r"^[^\x00]*$")]
    current_password: Option<SecretString>,
}

/// A change that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangeResult {
    /// `applied`: the new password works now.
    effect: ChangeResultEffect,
    /// The provider.
    provider: String,
    /// The provider's id of the exchange, for its support desk.
    tracking_id: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChangeResultEffect {
    Applied,
}

/// Changes a password at most once, and never guesses its outcome.
///
/// With `current_password` it is the user's own change, without it an administrator's reset; the capabilities say which
/// of them a provider supports. The change continues when the connection is lost. With an `Idempotency-Key` the same
/// request can be sent again to learn its outcome.
#[utoipa::path(
    post,
    operation_id = "changePassword",
    tag = "Passwords",
    path = "/v1/providers/{provider}/password-changes",
    request_body(content = ChangeRequest, content_type = "application/json"),
    params(
        ("provider" = String, Path, description = "The provider's configured name"),
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, description = "The same key with the same body gives the same response and makes no second change. Kept for an hour"),
        ("traceparent" = Option<String>, Header, description = "W3C trace context; the call is logged under this trace"),
    ),
    responses((status = 200, description = "Applied: the new password works now", body = ChangeResult), CallProblems)
)]
pub(crate) async fn change(
    State(state): State<AppState>,
    provider: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Result<JsonBody, Problem>,
) -> Result<ApiResponse, Problem> {
    let service = find_service(provider, &state)?;
    let body = body?;
    let change = parse(&body)?;
    let route = format!("{}/password-changes", service.provider());
    let attempt = UnknownOutcome::new(service.provider());
    let reservation = match reserve_key(&state, &headers, &route, &body, attempt).await {
        Ok(reservation) => reservation,
        Err(EarlyResponse::Replay(response)) => return Ok(response),
        Err(EarlyResponse::Problem(problem)) => return Err(problem),
    };
    drop(body);
    let permit = change_permit(&state)?;
    let span = trace::span(&headers, "change");
    let lost = {
        let service = Arc::clone(&service);
        move || UnknownOutcome::new(service.provider())
    };
    let cx = state.call_context(reservation.as_ref());
    let call = async move {
        let result = change_password(&state, cx, &*service, &change).await;
        drop(change);
        match result {
            Ok(receipt) => ApiResponse::json(
                StatusCode::OK,
                &ChangeResult {
                    effect: ChangeResultEffect::Applied,
                    provider: service.provider().to_owned(),
                    tracking_id: receipt.tracking_id().map(str::to_owned),
                },
            ),
            Err(error) => Problem::of_call(&error).response(),
        }
    };
    Ok(run_to_completion(reservation, permit, span, lost, call).await)
}

fn parse(body: &JsonBody) -> Result<PasswordChange, Problem> {
    let body: ChangeRequest = body.parse("`user`, `new_password` and `current_password`")?;
    let user = body.user.as_ref().map(|user| user.as_str());
    to_change(user, body.new_password, body.current_password)
}

/// The change that a body describes.
pub(super) fn to_change(
    user: Option<&str>,
    new: Option<SecretString>,
    current: Option<SecretString>,
) -> Result<PasswordChange, Problem> {
    let mut fields = Fields::default();
    let user = fields.user(user);
    let new = fields.password("new_password", new);
    let current = fields.optional("current_password", current);
    fields.finish()?;
    match (user, new, current) {
        (Some(user), Some(new), Some(current)) => Ok(PasswordChange::change(user, current, new)),
        (Some(user), Some(new), None) => Ok(PasswordChange::reset(user, new)),
        _ => Err(invalid("the body is incomplete")),
    }
}

async fn change_password(
    state: &AppState,
    cx: CallContext,
    service: &dyn PasswordService,
    change: &PasswordChange,
) -> Result<ChangeReceipt, Error> {
    if state.options.resolve_unknown {
        service.change_and_resolve(&cx, change).await
    } else {
        service.change_password(&cx, change).await
    }
}
