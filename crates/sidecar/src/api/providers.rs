//! `GET /v1/providers`, `GET /v1/providers/{provider}/capabilities`

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use http::StatusCode;
use repass_domain::{Capabilities, PasswordService as _};
use serde::Serialize;
use utoipa::ToSchema;

use super::call::named;
use super::{Answer, Problem};
use crate::openapi::Lookups;
use crate::shared::Shared;

/// All providers.
#[derive(Serialize, ToSchema)]
#[schema(as = ProviderList)]
pub(crate) struct Providers {
    providers: Vec<Provider>,
}

/// One provider.
#[derive(Serialize, ToSchema)]
pub(crate) struct Provider {
    /// Its configured name, which stands in the paths.
    name: String,
    /// Whether it is the one that is meant when none is named.
    default: bool,
    #[schema(value_type = Abilities)]
    capabilities: Capabilities,
}

/// What a provider can do.
#[derive(ToSchema)]
#[expect(
    dead_code,
    clippy::struct_excessive_bools,
    reason = "it stands in the description of the API for `Capabilities`"
)]
#[schema(as = ProviderCapabilities)]
pub(crate) struct Abilities {
    /// Resets are taken: changes without the current password.
    administrator: bool,
    /// Changes with the current password are taken.
    current_password: bool,
    /// Unknown outcomes can be settled.
    resolve: bool,
    /// Settling sends the change once more, so it may itself set the new password.
    resolve_sets_password: bool,
    /// The provider tells its rules.
    policy: bool,
}

/// All providers, and what they can do.
#[utoipa::path(
    get,
    operation_id = "listProviders",
    tag = "Providers",
    path = "/v1/providers",
    responses((status = 200, description = "All providers", body = Providers), Lookups)
)]
pub(crate) async fn list(State(shared): State<Shared>) -> Answer {
    let default = shared.directory.default_name();
    let provider = |name: String| {
        let service = shared.directory.service(&name)?;
        Some(Provider {
            default: default.as_ref() == Some(&name),
            capabilities: service.capabilities(),
            name,
        })
    };
    let providers = shared
        .directory
        .names()
        .into_iter()
        .filter_map(provider)
        .collect();
    Answer::json(StatusCode::OK, &Providers { providers })
}

/// What a provider can do, known before anything is sent.
#[utoipa::path(
    get,
    operation_id = "showCapabilities",
    tag = "Providers",
    path = "/v1/providers/{provider}/capabilities",
    params(("provider" = String, Path, description = "The provider's configured name")),
    responses((status = 200, description = "What it can do", body = Abilities), Lookups)
)]
pub(crate) async fn capabilities(
    State(shared): State<Shared>,
    provider: Result<Path<String>, PathRejection>,
) -> Result<Answer, Problem> {
    let service = named(provider, &shared)?;
    Ok(Answer::json(StatusCode::OK, &service.capabilities()))
}
