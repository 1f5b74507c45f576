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

use super::body::{Json, Values};
use super::call::{named, read_place};
use super::{Answer, Problem};
use crate::directory::Rules;
use crate::openapi::Judgements;
use crate::shared::Shared;

/// One rule.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "it stands in the description of the API for `PolicyRule`"
)]
#[schema(as = PolicyRule)]
pub(crate) struct KnownRule {
    /// The rule, for programs: `min_length`, `digit`, …
    code: String,
    /// Its number, where it has one that is known.
    limit: Option<u32>,
    /// The provider's own code, where `code` is `other`.
    provider_code: Option<String>,
    /// The rule in words.
    message: String,
    layer: RuleLayer,
    certainty: RuleCertainty,
}

/// One rule that a password breaks.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it stands in the description of the API for `Violation`")]
#[schema(as = PolicyViolation)]
pub(crate) struct BrokenRule {
    /// The rule, for programs: `min_length`, `digit`, …
    code: String,
    /// Its number, where it has one that is known.
    limit: Option<u32>,
    /// Where the first character stands that cannot be typed, counted from 1, where `code` is `typeable`.
    position: Option<u32>,
    /// The provider's own code, where `code` is `other`.
    provider_code: Option<String>,
    /// The rule in words.
    message: String,
    layer: RuleLayer,
    /// Absent if it is broken for certain.
    certainty: Option<RuleCertainty>,
}

/// Whose rule it is: the provider's, or the sidecar's operator's.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(
    dead_code,
    reason = "it stands in the description of the API for `PolicyLayer`"
)]
#[schema(as = PolicyLayer)]
enum RuleLayer {
    Provider,
    Caller,
}

/// How far a rule can be judged here.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "it stands in the description of the API for `Certainty`")]
#[schema(as = PolicyCertainty)]
enum RuleCertainty {
    Exact,
    Approximate,
    ProviderOnly,
}

/// The rules for new passwords.
#[derive(Serialize, ToSchema)]
pub(crate) struct Policy {
    /// The provider.
    provider: String,
    /// The published rules that stand in for the provider's, where it does not tell its own; `none` where none are
    /// published.
    preset: Option<&'static str>,
    #[schema(value_type = Vec<KnownRule>)]
    rules: Vec<PolicyRule>,
    /// What lengths are counted in.
    counted_in: String,
    /// How many characters a generated password has.
    generated_length: usize,
}

/// A password to be judged.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PolicyCheckRequest)]
pub(crate) struct Candidate {
    /// It is sent nowhere.
    #[schema(value_type = String, required, format = Password, example = "New-Passw0rd-1", min_length = 1, max_length = 1024, pattern = r"^[^\x00]*$")]
    new_password: Option<SecretString>,
}

/// What is wrong with a password.
#[derive(Serialize, ToSchema)]
#[schema(as = PolicyCheckResult)]
pub(crate) struct Checked {
    /// Whether it breaks none of the rules that can be judged here.
    ok: bool,
    /// The provider.
    provider: String,
    #[schema(value_type = Vec<BrokenRule>)]
    violations: Vec<Violation>,
    /// The rules that only the provider can judge.
    #[schema(value_type = Vec<KnownRule>)]
    not_judged: Vec<PolicyRule>,
}

/// A new password.
#[derive(Serialize, ToSchema)]
#[schema(as = GeneratedPassword)]
pub(crate) struct Generated<'a> {
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
    responses((status = 200, description = "The rules", body = Policy), Judgements)
)]
pub(crate) async fn show(
    State(shared): State<Shared>,
    provider: Result<Path<String>, PathRejection>,
) -> Result<Answer, Problem> {
    let (provider, rules) = rules(provider, &shared).await?;
    let policies = rules.policies();
    let policy = Policy {
        provider,
        preset: rules.preset(),
        rules: policies.explain(),
        counted_in: policies.provider().counting().to_string(),
        generated_length: policies.generated_length(),
    };
    Ok(Answer::json(StatusCode::OK, &policy))
}

/// Every rule that a password breaks. It is not sent to the provider.
#[utoipa::path(
    post,
    operation_id = "checkPassword",
    tag = "Policy",
    path = "/v1/providers/{provider}/policy/check",
    request_body(content = Candidate, content_type = "application/json"),
    params(("provider" = String, Path, description = "The provider's configured name")),
    responses((status = 200, description = "What is wrong with it, if anything is", body = Checked), Judgements)
)]
pub(crate) async fn check(
    State(shared): State<Shared>,
    provider: Result<Path<String>, PathRejection>,
    body: Result<Json, Problem>,
) -> Result<Answer, Problem> {
    let service = named(provider, &shared)?;
    let password = read(&body?)?;
    let _place = read_place(&shared)?;
    let (cx, start) = (shared.call_context(), Instant::now());
    let rules = shared.rules(service.provider()).await?;
    let violations = rules.check(&cx.after(start.elapsed()), &password).await;
    drop(password);
    let violations = violations.map_err(|error| Problem::of_call(&error))?;
    let checked = Checked {
        ok: violations.is_empty(),
        provider: service.provider().to_owned(),
        violations,
        not_judged: not_judged(&*rules),
    };
    Ok(Answer::json(StatusCode::OK, &checked))
}

fn read(body: &Json) -> Result<Password, Problem> {
    let body: Candidate = body.read("`new_password`")?;
    let mut values = Values::default();
    let password = values.password("new_password", body.new_password);
    values.check()?;
    password.ok_or_else(|| super::body::invalid("`new_password` is missing"))
}

fn not_judged(rules: &dyn Rules) -> Vec<PolicyRule> {
    let mut explained = rules.policies().explain();
    // The caller's own breach check has been asked.
    let is_asked = |it: &PolicyRule| it.layer() == PolicyLayer::Caller && *it.rule() == Rule::NotBreached;
    explained.retain(|it| it.certainty() == Certainty::ProviderOnly && !is_asked(it));
    explained
}

/// A new password that meets the rules.
#[utoipa::path(
    post,
    operation_id = "generatePassword",
    tag = "Policy",
    path = "/v1/providers/{provider}/policy/generate",
    params(("provider" = String, Path, description = "The provider's configured name")),
    responses((status = 200, description = "A new password", body = Generated), Judgements)
)]
pub(crate) async fn generate(
    State(shared): State<Shared>,
    provider: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let (_, rules) = rules(provider, &shared).await?;
    let password = rules
        .policies()
        .generate()
        .map_err(|error| Problem::of_call(&error))?;
    #[expect(clippy::disallowed_methods, reason = "the client has asked for it")]
    let text = password.expose_secret();
    let mut json = Zeroizing::new(Vec::with_capacity(6 * text.len() + 32));
    if serde_json::to_writer(&mut *json, &Generated { password: text }).is_err() {
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
    shared: &Shared,
) -> Result<(String, Arc<dyn Rules>), Problem> {
    let service = named(provider, shared)?;
    let _place = read_place(shared)?;
    let rules = shared.rules(service.provider()).await?;
    Ok((service.provider().to_owned(), rules))
}
