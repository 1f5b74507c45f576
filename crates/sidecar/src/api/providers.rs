//! `GET /v1/providers`, `GET /v1/providers/{provider}/capabilities`

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use http::StatusCode;
use repass_domain::{Capabilities, PasswordService as _};
use serde::Serialize;
use utoipa::ToSchema;

use super::call::find_service;
use super::openapi::LookupProblems;
use super::{ApiResponse, Problem};
use crate::state::AppState;

/// All providers.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProviderList {
    providers: Vec<Provider>,
}

/// One provider.
#[derive(Serialize, ToSchema)]
pub(crate) struct Provider {
    /// Its configured name, as used in paths.
    name: String,
    /// Whether it is the default provider.
    default: bool,
    #[schema(value_type = ProviderCapabilities)]
    capabilities: Capabilities,
}

/// The capabilities of a provider.
#[derive(ToSchema)]
#[expect(
    dead_code,
    clippy::struct_excessive_bools,
    reason = "documents `Capabilities` in the API description"
)]
pub(crate) struct ProviderCapabilities {
    /// Supports resets: changes without the current password.
    administrator: bool,
    /// Supports changes with the current password.
    current_password: bool,
    /// Supports resolving unknown outcomes.
    resolve: bool,
    /// A resolution sends the change again, so it may itself set the new password.
    resolve_sets_password: bool,
    /// True where a change that was lost is sent once more, and the provider refuses it if it has made it; absent
    /// elsewhere.
    exactly_once: Option<bool>,
    /// The provider reports its rules.
    policy: bool,
}

/// All providers and their capabilities.
#[utoipa::path(
    get,
    operation_id = "listProviders",
    tag = "Providers",
    path = "/v1/providers",
    responses((status = 200, description = "All providers", body = ProviderList), LookupProblems)
)]
pub(crate) async fn list(State(state): State<AppState>) -> ApiResponse {
    let default = state.directory.default_name();
    let provider = |name: String| {
        let service = state.directory.service(&name)?;
        Some(Provider {
            default: default.as_ref() == Some(&name),
            capabilities: service.capabilities(),
            name,
        })
    };
    let providers = state.directory.names().into_iter().filter_map(provider).collect();
    ApiResponse::json(StatusCode::OK, &ProviderList { providers })
}

/// The capabilities of a provider, known before anything is sent.
#[utoipa::path(
    get,
    operation_id = "showCapabilities",
    tag = "Providers",
    path = "/v1/providers/{provider}/capabilities",
    params(("provider" = String, Path, description = "The provider's configured name")),
    responses((status = 200, description = "Its capabilities", body = ProviderCapabilities), LookupProblems)
)]
pub(crate) async fn capabilities(
    State(state): State<AppState>,
    provider: Result<Path<String>, PathRejection>,
) -> Result<ApiResponse, Problem> {
    let service = find_service(provider, &state)?;
    Ok(ApiResponse::json(StatusCode::OK, &service.capabilities()))
}
