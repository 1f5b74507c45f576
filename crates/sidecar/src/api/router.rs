//! The routes, and the description of the API.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderMap, Request, Uri};
use tower_service::Service as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Problem, changes, docs_page, health, openapi, policy, providers, resolutions};
use crate::net::{HostCheck, authorize};
use crate::state::AppState;

/// The router of the API and its documentation.
pub(crate) fn router(state: &AppState) -> Router {
    let (router, api) = routes(state);
    with_docs(router, &Arc::new(api))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(state.clone())
}

/// Responds to a request, if its host and token are accepted.
pub(crate) async fn respond(
    state: &AppState,
    hosts: Option<&HostCheck>,
    mut router: Router,
    request: Request<Body>,
) -> Response {
    if let Some(Err(problem)) = hosts.map(|hosts| hosts.check(&request)) {
        return problem.into_response();
    }
    if let Err(response) = authorize(state.options.token.as_ref(), &request) {
        return *response;
    }
    let Ok(response) = router.call(request).await;
    response
}

/// The OpenAPI description in JSON.
pub(crate) fn description(state: &AppState) -> String {
    let (_, api) = routes(state);
    let api = openapi::with_providers(&api, &state.directory.names());
    serde_json::to_string_pretty(&api).unwrap_or_default()
}

fn routes(state: &AppState) -> (Router<AppState>, OpenApi) {
    let (router, api) = OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(changes::change))
        .routes(routes!(resolutions::resolve))
        .routes(routes!(policy::show))
        .routes(routes!(policy::check))
        .routes(routes!(policy::generate))
        .routes(routes!(providers::capabilities))
        .routes(routes!(providers::list))
        .routes(routes!(health::health))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
        .split_for_parts();
    let api = match state.options.token {
        Some(_) => openapi::secured(api),
        None => api,
    };
    (router, api)
}

/// Adds the API description, in JSON and as a page.
fn with_docs(router: Router<AppState>, api: &Arc<OpenApi>) -> Router<AppState> {
    let for_page = Arc::clone(api);
    let for_json = Arc::clone(api);
    let json = async move |State(state): State<AppState>| {
        let description = state.description.get(&state.directory.names(), &for_json);
        ([(CONTENT_TYPE, "application/json")], description.json.clone()).into_response()
    };
    let page = async move |State(state): State<AppState>| {
        let description = state.description.get(&state.directory.names(), &for_page);
        let headers = [
            (CONTENT_SECURITY_POLICY, docs_page::CONTENT_SECURITY_POLICY),
            (CONTENT_TYPE, "text/html; charset=utf-8"),
        ];
        (headers, description.page.clone()).into_response()
    };
    router
        .route("/", get(index))
        .route("/openapi.json", get(json))
        .route("/docs", get(page))
}

/// The rendered description. It is rendered again when the set of providers has changed.
#[derive(Default)]
pub(crate) struct DescriptionCache(Mutex<Option<Arc<Description>>>);

struct Description {
    providers: Vec<String>,
    json: Bytes,
    page: Bytes,
}

impl DescriptionCache {
    fn get(&self, providers: &[String], api: &OpenApi) -> Arc<Description> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(description) = last.as_ref().filter(|it| it.providers == providers) {
            return Arc::clone(description);
        }
        let api = openapi::with_providers(api, providers);
        let description = Arc::new(Description {
            providers: providers.to_vec(),
            json: serde_json::to_vec(&api).unwrap_or_default().into(),
            page: docs_page::render(&api).into(),
        });
        *last = Some(Arc::clone(&description));
        description
    }
}

/// Redirects browsers to the documentation, and lists the routes for all others.
async fn index(headers: HeaderMap) -> Response {
    let accepted = headers.get(ACCEPT).and_then(|accepted| accepted.to_str().ok());
    if accepted.is_some_and(|accepted| accepted.contains("text/html")) {
        return Redirect::to("/docs").into_response();
    }
    let text = concat!(
        "repass sidecar ",
        env!("CARGO_PKG_VERSION"),
        "\n\n",
        "GET  /docs                                     the API documentation\n",
        "GET  /openapi.json                             the API description (OpenAPI)\n",
        "GET  /v1/providers                             the configured providers\n",
        "POST /v1/providers/{provider}/password-changes change a password\n",
        "POST /v1/providers/{provider}/resolutions      resolve an unknown outcome\n",
        "GET  /healthz, /readyz, /metrics               health and metrics\n",
    );
    text.into_response()
}

async fn not_found(uri: Uri) -> Response {
    let detail = "the path does not exist; see /docs or /openapi.json";
    Problem::at(uri.path(), "not_found", detail).into_response()
}

async fn method_not_allowed(uri: Uri) -> Problem {
    let detail = "the path does not support this method; see the header `Allow`";
    Problem::at(uri.path(), "method_not_allowed", detail)
}
