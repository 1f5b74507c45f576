//! `POST {base}/connect/token`: tokens for external applications.

use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderValue, PRAGMA};
use serde::Serialize;
use serde_json::json;

use super::refusal::page;
use crate::message::basic;
use crate::message::content_type::media_type;
use crate::message::path::form_value;
use crate::message::response::{self, FullRequest, FullResponse};
use crate::options::JsonTokenRequest;
use crate::shared::{Shared, reveal};

#[derive(Serialize)]
struct Issued {
    access_token: String,
    expires_in: u64,
    token_type: &'static str,
    scope: String,
}

/// The app's credentials come in the form or by Basic authorization. The order: form, app, grant, scope. Every
/// error has status 400, a wrong secret included.
pub(super) fn token(shared: &Shared, request: &FullRequest) -> FullResponse {
    let options = &shared.options.identity;
    match media_type(request.headers()).as_deref() {
        Some("application/x-www-form-urlencoded") => {}
        Some("application/json") if options.json_token_request == JsonTokenRequest::Page => return page(),
        _ => return refused("invalid_request"),
    }
    let form = std::str::from_utf8(request.body()).unwrap_or_default();
    let value = |name| form_value(form, name).unwrap_or_default();
    let given =
        basic::credentials(request.headers()).unwrap_or_else(|| (value("client_id"), value("client_secret")));
    if given
        != (
            options.client.id.clone(),
            reveal(&options.client.secret).to_owned(),
        )
    {
        return refused("invalid_client");
    }
    match value("grant_type").as_str() {
        "client_credentials" => {}
        "" => return refused("invalid_request"),
        _ => return refused("unsupported_grant_type"),
    }
    // `X` is not granted to whom only `X.Read` and `X.Write` are; and there are no refresh tokens to be had.
    let asked: Vec<String> = value("scope").split_whitespace().map(str::to_owned).collect();
    if asked.iter().any(|scope| !options.scopes.contains(scope)) {
        return refused("invalid_scope");
    }
    let scopes = if asked.is_empty() {
        options.scopes.clone()
    } else {
        asked
    };
    let scope = scopes.join(" ");
    let tokens = &mut shared.state().identity.tokens;
    let access_token = tokens.issue(scopes, shared.clock.elapsed(), options.token_lifetime);
    let expires_in = options.token_lifetime.as_secs();
    unstored(response::json(
        StatusCode::OK,
        &Issued {
            access_token,
            expires_in,
            token_type: "Bearer",
            scope,
        },
    ))
}

fn refused(error: &str) -> FullResponse {
    unstored(response::json(StatusCode::BAD_REQUEST, &json!({"error": error})))
}

fn unstored(mut response: FullResponse) -> FullResponse {
    let headers = response.headers_mut();
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("no-store, no-cache, max-age=0"),
    );
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
