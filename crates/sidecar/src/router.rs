//! From a path to its handler.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderMap, Request, StatusCode, Uri};
use tower_service::Service as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::paths::{
    __path_capabilities, __path_change, __path_check, __path_generate, __path_health, __path_list,
    __path_metrics, __path_ready, __path_resolve, __path_show,
};
use crate::api::{
    Problem, capabilities, change, check, generate, health, list, metrics, ready, resolve, show,
};
use crate::hosts::HostCheck;
use crate::shared::Shared;
use crate::{access, openapi, page};

/// Everything that can be asked.
pub(crate) fn router(shared: &Shared) -> Router {
    let (router, api) = routes(shared);
    described(router, &Arc::new(api))
        .fallback(nowhere)
        .method_not_allowed_fallback(otherwise)
        .with_state(shared.clone())
}

/// Whatever is asked is answered here, if it may be asked.
pub(crate) async fn answer(
    shared: &Shared,
    hosts: Option<&HostCheck>,
    mut router: Router,
    request: Request<Body>,
) -> Response {
    if let Some(Err(problem)) = hosts.map(|hosts| hosts.check(&request)) {
        return problem.into_response();
    }
    if let Err(answer) = access::check(shared, &request) {
        return *answer;
    }
    let Ok(answer) = router.call(request).await;
    answer
}

/// The description of all of it.
pub(crate) fn description(shared: &Shared) -> String {
    let (_, api) = routes(shared);
    let api = openapi::with_providers(&api, &shared.directory.names());
    serde_json::to_string_pretty(&api).unwrap_or_default()
}

fn routes(shared: &Shared) -> (Router<Shared>, OpenApi) {
    let (router, api) = OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(change))
        .routes(routes!(resolve))
        .routes(routes!(show))
        .routes(routes!(check))
        .routes(routes!(generate))
        .routes(routes!(capabilities))
        .routes(routes!(list))
        .routes(routes!(health))
        .routes(routes!(ready))
        .routes(routes!(metrics))
        .split_for_parts();
    let api = match shared.options.token {
        Some(_) => openapi::secured(api),
        None => api,
    };
    (router, api)
}

/// The description, for programs and for people.
fn described(router: Router<Shared>, api: &Arc<OpenApi>) -> Router<Shared> {
    let for_people = Arc::clone(api);
    let for_programs = Arc::clone(api);
    let json = async move |State(shared): State<Shared>| {
        let description = shared.described.of(&shared.directory.names(), &for_programs);
        ([(CONTENT_TYPE, "application/json")], description.json.clone()).into_response()
    };
    let page = async move |State(shared): State<Shared>| {
        let description = shared.described.of(&shared.directory.names(), &for_people);
        let headers = [
            (CONTENT_SECURITY_POLICY, page::POLICY),
            (CONTENT_TYPE, "text/html; charset=utf-8"),
        ];
        (headers, description.page.clone()).into_response()
    };
    router
        .route("/", get(welcome))
        .route("/openapi.json", get(json))
        .route("/docs", get(page))
}

/// The description as it was last asked for. It is made once for each set of providers.
#[derive(Default)]
pub(crate) struct Described(Mutex<Option<Arc<Description>>>);

struct Description {
    providers: Vec<String>,
    json: Bytes,
    page: Bytes,
}

impl Described {
    fn of(&self, providers: &[String], api: &OpenApi) -> Arc<Description> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(description) = last.as_ref().filter(|it| it.providers == providers) {
            return Arc::clone(description);
        }
        let api = openapi::with_providers(api, providers);
        let description = Arc::new(Description {
            providers: providers.to_vec(),
            json: serde_json::to_vec(&api).unwrap_or_default().into(),
            page: page::render(&api).into(),
        });
        *last = Some(Arc::clone(&description));
        description
    }
}

/// Where to go from here: a browser to the page, a program to its list.
async fn welcome(headers: HeaderMap) -> Response {
    let accepted = headers.get(ACCEPT).and_then(|accepted| accepted.to_str().ok());
    if accepted.is_some_and(|accepted| accepted.contains("text/html")) {
        return Redirect::to("/docs").into_response();
    }
    let text = concat!(
        "repass sidecar ",
        env!("CARGO_PKG_VERSION"),
        "\n\n",
        "GET  /docs                                     the API, for people\n",
        "GET  /openapi.json                             the API, for programs\n",
        "GET  /v1/providers                             the configured providers\n",
        "POST /v1/providers/{provider}/password-changes change a password\n",
        "POST /v1/providers/{provider}/resolutions      settle an unknown outcome\n",
        "GET  /healthz, /readyz, /metrics               for operating it\n",
    );
    text.into_response()
}

async fn nowhere(uri: Uri) -> Response {
    let detail = "there is no such path; the API is described at /docs and /openapi.json";
    Problem::at(uri.path(), StatusCode::NOT_FOUND, "not_found", detail).into_response()
}

async fn otherwise(uri: Uri) -> Problem {
    let detail = "this path does not take this method; what it takes is in the header `Allow`";
    Problem::at(
        uri.path(),
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        detail,
    )
}
