//! From a path to its handler.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use http::header::CONTENT_SECURITY_POLICY;
use http::{Request, StatusCode, Uri};
use tower_service::Service as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::paths::{
    __path_capabilities, __path_change, __path_check, __path_generate, __path_health, __path_list,
    __path_metrics, __path_ready, __path_resolve, __path_show,
};
use crate::api::{
    Answer, Problem, capabilities, change, check, generate, health, list, metrics, ready, resolve, show,
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
        let api = openapi::with_providers(&for_programs, &shared.directory.names());
        Answer::json(StatusCode::OK, &api)
    };
    let page = async move |State(shared): State<Shared>| {
        let api = openapi::with_providers(&for_people, &shared.directory.names());
        (
            [(CONTENT_SECURITY_POLICY, page::POLICY)],
            Html(page::render(&api)),
        )
    };
    router.route("/openapi.json", get(json)).route("/docs", get(page))
}

async fn nowhere(uri: Uri) -> Response {
    let hint = if uri.path() == "/" {
        ""
    } else {
        "there is no such path; "
    };
    let detail = format!("{hint}what there is, is told at /docs and /openapi.json");
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
