//! The description of the API, made from the code.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, ObjectBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Response,
    ResponseBuilder, Type,
};
use utoipa::{IntoResponses, PartialSchema as _, ToSchema as _};

use crate::api::Told;

/// What a call to a provider may be answered besides success.
pub(crate) struct Calls;
/// What a question about rules may be answered besides success.
pub(crate) struct Judgements;
/// What a question about what is configured may be answered besides success.
pub(crate) struct Lookups;

type Answered = (&'static str, &'static str);

const UNAUTHENTICATED: Answered = (
    "401",
    "The sidecar's token is missing or wrong: `not_authenticated`",
);
const FORBIDDEN: Answered = (
    "403",
    "Not from this machine, or from a web page of another site: `host_not_allowed`, `origin_not_allowed`",
);
const BODY: [Answered; 5] = [
    (
        "400",
        "The request cannot be understood, or not be made at this provider: `invalid_request`",
    ),
    ("408", "The body did not come in time: `request_timeout`"),
    ("411", "The body has no `Content-Length`: `length_required`"),
    ("413", "The body is too large: `body_too_large`"),
    ("415", "The body is not JSON: `unsupported_media_type`"),
];
const PROVIDER: [Answered; 4] = [
    (
        "429",
        "The provider's rate limit; nothing was sent or applied: `rate_limited`",
    ),
    ("500", "A defect of repass; nothing was applied: `internal`"),
    (
        "502",
        "The sidecar's credentials or address are not good at the provider: `unauthenticated`, \
         `permission_denied`, `misconfigured`; nothing was applied",
    ),
    (
        "503",
        "Not applied, and worth another try: `unreachable`, `overloaded`, `shutting_down`, `idempotency_full`, \
         `budget_exhausted` and others",
    ),
];

impl IntoResponses for Calls {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let own = [
            UNAUTHENTICATED,
            (
                "403",
                "Refused for this user: `wrong_current_password`, `locked_out`, `not_eligible`; nothing was applied. Or \
                 `host_not_allowed`, `origin_not_allowed`: not from this machine, or from a web page of another site",
            ),
            (
                "404",
                "No such user, `user_not_found`, or no such provider, `provider_not_found`",
            ),
            (
                "409",
                "The outcome is unknown (`effect` is `unknown`): settle it by `resolution`. Or `conflict`, where a \
                 change was not applied, and a resolution would overwrite a later change; or \
                 `idempotency_in_progress`, without `effect`",
            ),
            (
                "422",
                "The new password breaks the rules in `violations`: `password_refused`. Or `unsupported`; or \
                 `idempotency_mismatch`",
            ),
        ];
        problems(&[&own[..], &BODY, &PROVIDER])
    }
}

impl IntoResponses for Judgements {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let own = [
            UNAUTHENTICATED,
            FORBIDDEN,
            ("404", "No such provider: `provider_not_found`"),
        ];
        problems(&[&own[..], &BODY, &PROVIDER])
    }
}

impl IntoResponses for Lookups {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[&[
            UNAUTHENTICATED,
            FORBIDDEN,
            ("404", "No such provider: `provider_not_found`"),
        ]])
    }
}

fn problems(told: &[&[Answered]]) -> BTreeMap<String, RefOr<Response>> {
    let told = told.iter().flat_map(|part| part.iter());
    told.map(|(status, description)| {
        let schema = Ref::from_schema_name(Told::name());
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let mut response = ResponseBuilder::new()
            .description(*description)
            .content("application/problem+json", content);
        if matches!(*status, "429" | "503") {
            let seconds = ObjectBuilder::new().schema_type(Type::Integer);
            let header = HeaderBuilder::new()
                .description(Some("In how many seconds it makes sense to come back"))
                .schema(Some(seconds));
            response = response.header("Retry-After", header.build());
        }
        ((*status).to_owned(), response.build().into())
    })
    .collect()
}

/// What is told besides the routes.
pub(crate) fn frame() -> OpenApi {
    let description = "Changes users' passwords at other systems, and knows for certain whether it happened. Every \
        problem tells its `code`, and whether the change was applied: `effect` is `not_applied`, or `unknown` where the \
        provider's answer was lost. A resolution that is not made leaves it `unknown`, whatever its status says.";
    let info = InfoBuilder::new()
        .title("repass sidecar")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(description))
        .build();
    let mut api = OpenApiBuilder::new().info(info).build();
    let components = api.components.get_or_insert_default();
    components
        .schemas
        .insert(Told::name().into_owned(), Told::schema());
    let mut parts = Vec::new();
    Told::schemas(&mut parts);
    components.schemas.extend(parts);
    api
}

/// The same where a token has to be shown.
pub(crate) fn secured(mut api: OpenApi) -> OpenApi {
    let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    api.components
        .get_or_insert_default()
        .add_security_scheme("token", scheme);
    api.security = Some(vec![SecurityRequirement::new::<_, [&str; 0], &str>("token", [])]);
    api
}

/// The same as JSON, with the names that `{provider}` can have now, where there are any.
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
