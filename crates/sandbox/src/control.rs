//! The sandbox's own routes, under `/_sandbox`.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::message::path::segments;
use crate::message::response::{self, FullRequest, FullResponse};
use crate::options::Provider;
use crate::shared::{ProviderState, Shared};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verify {
    provider: Provider,
    user: String,
    password: String,
}

#[derive(Serialize)]
struct Verified {
    current: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Connections {
    close_next: u32,
    refuse_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    provider: Provider,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_seconds: u64,
}

/// What there is, for somebody who asks.
const ROUTES: [&str; 11] = [
    "GET /_sandbox/ledger",
    "POST /_sandbox/verify",
    "GET /_sandbox/requests",
    "GET /_sandbox/faults",
    "POST /_sandbox/faults",
    "DELETE /_sandbox/faults",
    "POST /_sandbox/connections",
    "POST /_sandbox/revoke-tokens",
    "POST /_sandbox/clock",
    "POST /_sandbox/reset",
    "GET /_sandbox/",
];

/// Answers a request. No token is asked for: the sandbox holds nothing but inventions.
pub(crate) fn answer(shared: &Shared, request: &FullRequest) -> FullResponse {
    handle(shared, request)
        .unwrap_or_else(|message| response::json(StatusCode::BAD_REQUEST, &json!({"error": message})))
}

fn handle(shared: &Shared, request: &FullRequest) -> Result<FullResponse, String> {
    let segments = segments(request.uri().path());
    match (request.method(), &segments[1..]) {
        (&Method::GET, ["ledger"]) => {
            let ledger = shared.state().ledger.snapshot();
            Ok(response::json(StatusCode::OK, &ledger))
        }
        (&Method::GET, ["requests"]) => Ok(response::json(StatusCode::OK, &shared.counters.snapshot())),
        (&Method::POST, ["verify"]) => {
            let Verify {
                provider,
                user,
                password,
            } = parsed(request)?;
            let current = shared.accepts(provider, &user, &password);
            Ok(response::json(StatusCode::OK, &Verified { current }))
        }
        (&Method::GET, ["faults"]) => Ok(response::json(StatusCode::OK, &shared.faults.snapshot())),
        (&Method::POST, ["faults"]) => {
            shared
                .faults
                .arm(parsed(request)?)
                .map_err(|error| error.to_string())?;
            Ok(response::empty(StatusCode::NO_CONTENT))
        }
        (&Method::DELETE, ["faults"]) => {
            shared.faults.disarm_all();
            Ok(response::empty(StatusCode::NO_CONTENT))
        }
        (&Method::POST, ["connections"]) => {
            let Connections {
                close_next,
                refuse_ms,
            } = parsed(request)?;
            shared.listener_faults.close_next(close_next);
            shared
                .listener_faults
                .refuse_for(Duration::from_millis(refuse_ms));
            Ok(response::empty(StatusCode::NO_CONTENT))
        }
        (&Method::POST, ["revoke-tokens"]) => {
            let Revoke { provider } = parsed(request)?;
            shared.revoke_tokens(provider);
            Ok(response::empty(StatusCode::NO_CONTENT))
        }
        (&Method::POST, ["clock"]) => {
            let Advance { advance_seconds } = parsed(request)?;
            shared.clock.advance(advance_seconds);
            Ok(response::json(
                StatusCode::OK,
                &json!({"now": shared.clock.now()}),
            ))
        }
        (&Method::GET, [] | [""]) => Ok(response::json(StatusCode::OK, &json!({ "routes": ROUTES }))),
        (&Method::POST, ["reset"]) => {
            shared.reset();
            Ok(response::empty(StatusCode::NO_CONTENT))
        }
        _ => Ok(response::json(
            StatusCode::NOT_FOUND,
            &json!({"error": "no such control route", "routes": ROUTES}),
        )),
    }
}

fn parsed<'r, T: Deserialize<'r>>(request: &'r FullRequest) -> Result<T, String> {
    serde_json::from_slice(request.body()).map_err(|error| error.to_string())
}

impl Shared {
    /// Ends every token that a provider has issued.
    pub(crate) fn revoke_tokens(&self, provider: Provider) {
        let mut state = self.state();
        match provider {
            Provider::Zoom => state.zoom.tokens.revoke_all(),
            Provider::Identity => state.identity.tokens.revoke_all(),
        }
    }

    /// Whether this is the user's current password.
    pub(crate) fn accepts(&self, provider: Provider, user: &str, password: &str) -> bool {
        let password = self.fingerprinter.of(password);
        let ProviderState { zoom, identity, .. } = &mut *self.state();
        let current = match provider {
            Provider::Zoom => zoom.find(user, &self.fingerprinter).map(|user| &user.password),
            Provider::Identity => identity
                .find(user, &self.fingerprinter)
                .map(|user| &user.password),
        };
        current
            .and_then(Option::as_ref)
            .is_some_and(|current| current.is(password))
    }
}
