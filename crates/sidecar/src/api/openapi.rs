//! The OpenAPI description, generated from the code.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, ObjectBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Response,
    ResponseBuilder, Type,
};
use utoipa::{IntoResponses, PartialSchema as _, ToSchema as _};

use super::ProblemBody;

/// The problems of a call to a provider.
pub(crate) struct CallProblems;
/// The problems of a request about rules.
pub(crate) struct RuleProblems;
/// The problems of a request about what is configured.
pub(crate) struct LookupProblems;

type StatusDoc = (&'static str, &'static str);

const UNAUTHENTICATED: StatusDoc = (
    "401",
    "The sidecar's token is missing or wrong: `not_authenticated`",
);
const FORBIDDEN: StatusDoc = (
    "403",
    "Not a local host, or from a web page of another site: `host_not_allowed`, `origin_not_allowed`",
);
const BODY: [StatusDoc; 5] = [
    (
        "400",
        "The request is malformed, or cannot be made at this provider: `invalid_request`",
    ),
    ("408", "The body did not arrive in time: `request_timeout`"),
    ("411", "The body has no `Content-Length`: `length_required`"),
    ("413", "The body is too large: `body_too_large`"),
    ("415", "The body is not JSON: `unsupported_media_type`"),
];
const PROVIDER: [StatusDoc; 4] = [
    (
        "429",
        "The provider's rate limit; nothing was applied: `rate_limited`",
    ),
    ("500", "A bug in repass; nothing was applied: `internal`"),
    (
        "502",
        "The provider rejected the sidecar's credentials, or the address is wrong: `unauthenticated`, \
         `permission_denied`, `misconfigured`; nothing was applied",
    ),
    (
        "503",
        "Not applied, and worth a retry: `unreachable`, `overloaded`, `shutting_down`, `idempotency_full`, \
         `idempotency_unavailable`, `budget_exhausted` and others",
    ),
];

impl IntoResponses for CallProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let own = [
            UNAUTHENTICATED,
            (
                "403",
                "Rejected for this user: `wrong_current_password`, `locked_out`, `not_eligible`; nothing was applied. Or \
                 `host_not_allowed`, `origin_not_allowed`: not a local host, or from a web page of another site",
            ),
            (
                "404",
                "No such user, `user_not_found`, or no such provider, `provider_not_found`",
            ),
            (
                "409",
                "The outcome is unknown (`effect` is `unknown`), with `idempotency_lost` because a sidecar ended before \
                 it had stored it: resolve it with `resolution`. Or `conflict`, where a \
                 change was not applied, or a resolution would overwrite a later change; or \
                 `idempotency_in_progress`, without `effect`",
            ),
            (
                "422",
                "The new password violates the rules in `violations`: `password_refused`. Or `unsupported`; or \
                 `idempotency_mismatch`",
            ),
        ];
        problems(&[&own[..], &BODY, &PROVIDER])
    }
}

impl IntoResponses for RuleProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let own = [
            UNAUTHENTICATED,
            FORBIDDEN,
            ("404", "No such provider: `provider_not_found`"),
        ];
        problems(&[&own[..], &BODY, &PROVIDER])
    }
}

impl IntoResponses for LookupProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[&[
            UNAUTHENTICATED,
            FORBIDDEN,
            ("404", "No such provider: `provider_not_found`"),
        ]])
    }
}

fn problems(parts: &[&[StatusDoc]]) -> BTreeMap<String, RefOr<Response>> {
    let docs = parts.iter().flat_map(|part| part.iter());
    docs.map(|(status, description)| {
        let schema = Ref::from_schema_name(ProblemBody::name());
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let mut response = ResponseBuilder::new()
            .description(*description)
            .content("application/problem+json", content);
        if matches!(*status, "429" | "503") {
            let seconds = ObjectBuilder::new().schema_type(Type::Integer);
            let header = HeaderBuilder::new()
                .description(Some("In how many seconds to retry"))
                .schema(Some(seconds));
            response = response.header("Retry-After", header.build());
        }
        ((*status).to_owned(), response.build().into())
    })
    .collect()
}

/// The description without its routes.
pub(crate) fn frame() -> OpenApi {
    let description = "Changes users' passwords at other systems, and knows for certain whether it happened. Every \
        problem has a `code`, and says whether the change was applied: `effect` is `not_applied`, or `unknown` where the \
        provider's response was lost. A resolution that fails leaves it `unknown`, whichever status it has.";
    let info = InfoBuilder::new()
        .title("repass sidecar")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(description))
        .build();
    let mut api = OpenApiBuilder::new().info(info).build();
    let components = api.components.get_or_insert_default();
    components
        .schemas
        .insert(ProblemBody::name().into_owned(), ProblemBody::schema());
    let mut parts = Vec::new();
    ProblemBody::schemas(&mut parts);
    components.schemas.extend(parts);
    api
}

/// The same where a token is required.
pub(crate) fn secured(mut api: OpenApi) -> OpenApi {
    let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    api.components
        .get_or_insert_default()
        .add_security_scheme("token", scheme);
    api.security = Some(vec![SecurityRequirement::new::<_, [&str; 0], &str>("token", [])]);
    api
}

/// The same as JSON, with the configured names as the values of `{provider}`.
pub(crate) fn with_providers(api: &OpenApi, names: &[String]) -> Value {
    let mut api = serde_json::to_value(api).unwrap_or_default();
    if names.is_empty() {
        return api;
    }
    let paths = api["paths"].as_object_mut().into_iter().flatten();
    let operations = paths.flat_map(|(_, methods)| methods.as_object_mut().into_iter().flatten());
    for (_, operation) in operations {
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            if parameter["name"] == "provider" {
                parameter["schema"]["enum"] = json!(names);
            }
        }
    }
    api
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::problem::CODES;

    #[test]
    fn documented_codes_have_the_statuses_of_the_table() {
        let parts = [
            CallProblems::responses(),
            RuleProblems::responses(),
            LookupProblems::responses(),
        ];
        for (status, response) in parts.into_iter().flatten() {
            let RefOr::T(response) = response else {
                panic!("{status} is a reference")
            };
            for word in response.description.split('`').skip(1).step_by(2) {
                let known = CODES.iter().find(|known| known.code == word);
                assert!(
                    known.is_none_or(|known| known.statuses().contains(&status)),
                    "{word} is documented under {status}"
                );
            }
        }
    }
}
