//! `POST /oauth/token`: tokens for server-to-server apps.

use http::StatusCode;
use serde::Serialize;

use crate::message::basic;
use crate::message::content_type::media_type;
use crate::message::path::form_value;
use crate::message::response::{self, FullRequest, FullResponse};
use crate::shared::{Shared, reveal};

#[derive(Serialize)]
struct Issued<'a> {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    scope: String,
    api_url: &'a str,
}

/// The token endpoint's own error shape; in the order of the keys on the wire.
#[derive(Serialize)]
struct Refused {
    reason: &'static str,
    error: &'static str,
}

/// The order: the app's credentials, whether it is disabled, the grant, the account. Parameters are taken from
/// the query and from a form body; the body wins.
pub(super) fn token(shared: &Shared, request: &FullRequest) -> FullResponse {
    let options = &shared.options.zoom;
    let refuse = |reason, error| response::json(StatusCode::BAD_REQUEST, &Refused { reason, error });
    let known = (
        options.client.id.clone(),
        reveal(&options.client.secret).to_owned(),
    );
    if basic::credentials(request.headers()) != Some(known) {
        return refuse("Invalid client_id or client_secret", "invalid_client");
    }
    if options.app_disabled {
        return refuse("The app has been disabled by the developer", "invalid_client");
    }
    if parameter(request, "grant_type").as_deref() != Some("account_credentials") {
        return refuse("unsupported grant type", "unsupported_grant_type");
    }
    if parameter(request, "account_id").as_ref() != Some(&options.account_id) {
        return refuse("Bad Request", "invalid_request");
    }
    let mut state = shared.state();
    if options.one_token_only {
        state.zoom.tokens.revoke_all();
    }
    let scopes = options.scopes.clone();
    let access_token = state
        .zoom
        .tokens
        .issue(scopes, shared.clock.elapsed(), options.token_lifetime);
    let issued = Issued {
        access_token,
        token_type: "bearer",
        expires_in: options.token_lifetime.as_secs(),
        scope: options.scopes.join(" "),
        api_url: options.api_url.as_deref().unwrap_or(&shared.origin),
    };
    response::json(StatusCode::OK, &issued)
}

fn parameter(request: &FullRequest, name: &str) -> Option<String> {
    let is_form = media_type(request.headers()).as_deref() == Some("application/x-www-form-urlencoded");
    let body = if is_form {
        std::str::from_utf8(request.body()).unwrap_or_default()
    } else {
        ""
    };
    form_value(body, name).or_else(|| form_value(request.uri().query()?, name))
}
