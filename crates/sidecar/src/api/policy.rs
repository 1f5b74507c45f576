//! `GET …/policy`, `POST …/policy/check`, `POST …/policy/generate`

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use repass_domain::{Certainty, Password, PasswordService as _, PolicyLayer, PolicyRule, Rule, Violation};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::body::{Fields, JsonBody};
use super::call::{find_service, lookup_permit};
use super::openapi::RuleProblems;
use super::{ApiResponse, Problem};
use crate::directory::Rules;
use crate::state::AppState;

/// One rule.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents `PolicyRule` in the API description")]
#[schema(as = PolicyRule)]
pub(crate) struct PolicyRuleSchema {
    /// The rule, for programs: `min_length`, `digit`, …
    code: String,
    /// Its limit, if it has one that is known.
    limit: Option<u32>,
    /// The provider's own code, where `code` is `other`.
    provider_code: Option<String>,
    /// The rule in words.
    message: String,
    layer: PolicyLayerSchema,
    certainty: PolicyCertaintySchema,
}

/// One rule that a password violates.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents `Violation` in the API description")]
#[schema(as = PolicyViolation)]
pub(crate) struct PolicyViolationSchema {
    /// The rule, for programs: `min_length`, `digit`, …
    code: String,
    /// Its limit, if it has one that is known.
    limit: Option<u32>,
    /// The position of the first character that cannot be typed, counted from 1, where `code` is `typeable`.
    position: Option<u32>,
    /// The provider's own code, where `code` is `other`.
    provider_code: Option<String>,
    /// The rule in words.
    message: String,
    layer: PolicyLayerSchema,
    /// Absent if it is certainly violated.
    certainty: Option<PolicyCertaintySchema>,
}

/// Whose rule it is: the provider's, or the sidecar's operator's.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "documents `PolicyLayer` in the API description")]
#[schema(as = PolicyLayer)]
enum PolicyLayerSchema {
    Provider,
    Caller,
}

/// How well a rule can be checked here.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "documents `Certainty` in the API description")]
#[schema(as = PolicyCertainty)]
enum PolicyCertaintySchema {
    Exact,
    Approximate,
    ProviderOnly,
}

/// The rules for new passwords.
#[derive(Serialize, ToSchema)]
pub(crate) struct Policy {
    /// The provider.
    provider: String,
    /// The published rules that are used where the provider does not report its own; `none` where there are none.
    preset: Option<&'static str>,
    #[schema(value_type = Vec<PolicyRuleSchema>)]
    rules: Vec<PolicyRule>,
    /// The unit of lengths.
    counted_in: String,
    /// The length of a generated password in characters.
    generated_length: usize,
}

/// A password to check.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyCheckRequest {
    /// It is not sent to the provider.
    #[schema(value_type = String, required, format = Password, example = "New-Passw0rd-1", min_length = 1, max_length = 1024, pattern = r"^[^\x00]*$")]
    new_password: Option<SecretString>,
}

/// The result of a check.
#[derive(Serialize, ToSchema)]
pub(crate) struct PolicyCheckResult {
    /// Whether it violates none of the rules that can be checked here.
    ok: bool,
    /// The provider.
    provider: String,
    #[schema(value_type = Vec<PolicyViolationSchema>)]
    violations: Vec<Violation>,
    /// The rules that only the provider can check.
    #[schema(value_type = Vec<PolicyRuleSchema>)]
    not_judged: Vec<PolicyRule>,
}

/// A new password.
#[derive(Serialize, ToSchema)]
pub(crate) struct GeneratedPassword<'a> {
    #[schema(format = Password)]
    password: &'a str,
}

/// The rules for new passwords: the provider's, and the operator's on top.
#[utoipa::path(
    get,
    operation_id = "showPolicy",
    tag = "Policy",
    path = "/v1/providers/{provider}/policy",
    params(("provider" = String, Path, description = "The provider's configured name")),
    responses((status = 200, description = "The rules", body = Policy), RuleProblems)
)]
pub(crate) async fn show(
    State(state): State<AppState>,
    provider: Result<Path<String>, PathRejection>,
) -> Result<ApiResponse, Problem> {
    let (provider, rules) = rules(provider, &state).await?;
    let policies = rules.policies();
    let policy = Policy {
        provider,
        preset: rules.preset(),
        rules: policies.explain(),
        counted_in: policies.provider().counting().to_string(),
        generated_length: policies.generated_length(),
    };
    Ok(ApiResponse::json(StatusCode::OK, &policy))
}

/// Every rule that a password violates. It is not sent to the provider.
#[utoipa::path(
    post,
    operation_id = "checkPassword",
    tag = "Policy",
    path = "/v1/providers/{provider}/policy/check",
    request_body(content = PolicyCheckRequest, content_type = "application/json"),
    params(("provider" = String, Path, description = "The provider's configured name")),
    responses((status = 200, description = "The rules that it violates", body = PolicyCheckResult), RuleProblems)
)]
pub(crate) async fn check(
    State(state): State<AppState>,
    provider: Result<Path<String>, PathRejection>,
    body: Result<JsonBody, Problem>,
) -> Result<ApiResponse, Problem> {
    let service = find_service(provider, &state)?;
    let password = parse(&body?)?;
    let _permit = lookup_permit(&state)?;
    let (cx, start) = (state.call_context(None), Instant::now());
    let rules = state.rules.get(service.provider()).await?;
    let violations = rules.check(&cx.after(start.elapsed()), &password).await;
    drop(password);
    let violations = violations.map_err(|error| Problem::of_call(&error))?;
    let checked = PolicyCheckResult {
        ok: violations.is_empty(),
        provider: service.provider().to_owned(),
        violations,
        not_judged: not_judged(&*rules),
    };
    Ok(ApiResponse::json(StatusCode::OK, &checked))
}

fn parse(body: &JsonBody) -> Result<Password, Problem> {
    let body: PolicyCheckRequest = body.parse("`new_password`")?;
    let mut fields = Fields::default();
    let password = fields.password("new_password", body.new_password);
    fields.finish()?;
    password.ok_or_else(|| super::body::invalid("`new_password` is missing"))
}

fn not_judged(rules: &dyn Rules) -> Vec<PolicyRule> {
    let mut explained = rules.policies().explain();
    // The caller's breach check was made.
    let is_checked = |it: &PolicyRule| it.layer() == PolicyLayer::Caller && *it.rule() == Rule::NotBreached;
    explained.retain(|it| it.certainty() == Certainty::ProviderOnly && !is_checked(it));
    explained
}

/// A new password that meets the rules.
#[utoipa::path(
    post,
    operation_id = "generatePassword",
    tag = "Policy",
    path = "/v1/providers/{provider}/policy/generate",
    params(("provider" = String, Path, description = "The provider's configured name")),
    responses((status = 200, description = "A new password", body = GeneratedPassword), RuleProblems)
)]
pub(crate) async fn generate(
    State(state): State<AppState>,
    provider: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let (_, rules) = rules(provider, &state).await?;
    let password = rules
        .policies()
        .generate()
        .map_err(|error| Problem::of_call(&error))?;
    #[expect(clippy::disallowed_methods, reason = "the client requested it")]
    let text = password.expose_secret();
    let mut json = Zeroizing::new(Vec::with_capacity(6 * text.len() + 32));
    if serde_json::to_writer(&mut *json, &GeneratedPassword { password: text }).is_err() {
        json.clear();
    }
    let mut response = Response::new(Bytes::from_owner(json).into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn rules(
    provider: Result<Path<String>, PathRejection>,
    state: &AppState,
) -> Result<(String, Arc<dyn Rules>), Problem> {
    let service = find_service(provider, state)?;
    let _permit = lookup_permit(state)?;
    let rules = state.rules.get(service.provider()).await?;
    Ok((service.provider().to_owned(), rules))
}
