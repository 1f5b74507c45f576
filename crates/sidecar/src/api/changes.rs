//! `POST /v1/providers/{provider}/password-changes`

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use http::{HeaderMap, StatusCode};
use repass_domain::{
    ChangeReceipt, Error, PasswordChange, PasswordService, PasswordServiceExt as _, UnknownOutcome,
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::body::{Json, Values, invalid};
use super::call::{Stopped, keyed, named, place, see_through};
use super::{Answer, Problem, trace};
use crate::openapi::Calls;
use crate::shared::Shared;

/// A change that is to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangeRequest)]
pub(crate) struct Wanted {
    /// The user, as the provider names them: an e-mail address, a GUID.
    #[schema(value_type = String, required, example = "alice@example.com", min_length = 1, max_length = 320, pattern = r"^[^\u0000-\u0020#%/;?\\\u007f-\u00a0\u00ad\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]+$")]
    user: Option<Zeroizing<String>>,
    /// The password to set. One that nobody could type into a login form is refused.
    #[schema(value_type = String, required, format = Password, example = "New-Passw0rd-1", min_length = 1, max_length = 1024, pattern = r"^[^\x00-\x1f\x7f-\xa0]*$")]
    new_password: Option<SecretString>,
    /// The password that is valid now, which proves the user. Without it an administrator's reset is made.
    #[schema(value_type = Option<String>, format = Password, min_length = 1, max_length = 1024, pattern = r"^[^\x00]*$")]
    current_password: Option<SecretString>,
}

/// A change that was made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChangeResult)]
pub(crate) struct Applied {
    /// `applied`: the new password is the valid one now.
    effect: AppliedEffect,
    /// The provider.
    provider: String,
    /// The provider's id of the exchange, for its support desk.
    tracking_id: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ChangeResultEffect)]
pub(crate) enum AppliedEffect {
    Applied,
}

/// Changes a password: at most once, and with an answer that is never a guess.
///
/// With `current_password` it is the user's change, without it an administrator's reset; which of them a provider
/// takes is in its capabilities. The change goes on when the connection breaks. Send an `Idempotency-Key`, and the
/// same request can be sent again to learn what became of it.
#[utoipa::path(
    post,
    operation_id = "changePassword",
    tag = "Passwords",
    path = "/v1/providers/{provider}/password-changes",
    request_body(content = Wanted, content_type = "application/json"),
    params(
        ("provider" = String, Path, description = "The provider's configured name"),
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, description = "The same key with the same body: the same answer, and no second change. It is kept for an hour"),
        ("traceparent" = Option<String>, Header, description = "W3C trace context; the call is logged under this trace"),
    ),
    responses((status = 200, description = "Applied: the new password is the valid one now", body = Applied), Calls)
)]
pub(crate) async fn change(
    State(shared): State<Shared>,
    provider: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Result<Json, Problem>,
) -> Result<Answer, Problem> {
    let service = named(provider, &shared)?;
    let body = body?;
    let change = read(&body)?;
    let route = format!("{}/password-changes", service.provider());
    let open = match keyed(&shared, &headers, &route, &body) {
        Ok(open) => open,
        Err(Stopped::Answered(answer)) => return Ok(answer),
        Err(Stopped::Problem(problem)) => return Err(problem),
    };
    drop(body);
    let place = place(&shared)?;
    let span = trace::span(&headers, "change");
    let lost = {
        let service = Arc::clone(&service);
        move || UnknownOutcome::new(service.provider())
    };
    let call = async move {
        let made = made(&shared, &*service, &change).await;
        drop(change);
        match made {
            Ok(changed) => Answer::json(
                StatusCode::OK,
                &Applied {
                    effect: AppliedEffect::Applied,
                    provider: service.provider().to_owned(),
                    tracking_id: changed.tracking_id().map(str::to_owned),
                },
            ),
            Err(error) => Problem::of_call(&error).answer(),
        }
    };
    Ok(see_through(open, place, span, lost, call).await)
}

fn read(body: &Json) -> Result<PasswordChange, Problem> {
    let body: Wanted = body.read("`user`, `new_password` and `current_password`")?;
    let user = body.user.as_ref().map(|user| user.as_str());
    change_of(user, body.new_password, body.current_password)
}

/// The change that a body describes.
pub(super) fn change_of(
    user: Option<&str>,
    new: Option<SecretString>,
    current: Option<SecretString>,
) -> Result<PasswordChange, Problem> {
    let mut values = Values::default();
    let user = values.user(user);
    let new = values.password("new_password", new);
    let current = values.optional("current_password", current);
    values.check()?;
    match (user, new, current) {
        (Some(user), Some(new), Some(current)) => Ok(PasswordChange::change(user, current, new)),
        (Some(user), Some(new), None) => Ok(PasswordChange::reset(user, new)),
        _ => Err(invalid("the body is not whole")),
    }
}

async fn made(
    shared: &Shared,
    service: &dyn PasswordService,
    change: &PasswordChange,
) -> Result<ChangeReceipt, Error> {
    let cx = shared.call_context();
    if shared.options.resolve_unknown {
        service.change_and_resolve(&cx, change).await
    } else {
        service.change_password(&cx, change).await
    }
}
