//! The simulated providers: users, passwords, a ledger, and the answers on the wire.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use repass_transport::{Request, Response, StatusCode};
use serde_json::Value;

/// Whose wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Zoom's.
    Zoom,
    /// The identity portal's.
    Identity,
}

/// Which bodies a simulated Zoom takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepts {
    /// Form data and JSON.
    Both,
    /// Form data only.
    FormData,
    /// JSON only.
    Json,
}

/// One simulated provider.
#[derive(Debug)]
pub struct Provider {
    pub(crate) kind: Kind,
    accepts: Accepts,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    current: HashMap<String, String>,
    /// Every password that was set, with whose it is: what really happened.
    pub(crate) ledger: Vec<(String, String)>,
    /// Every request about a password, by that password.
    pub(crate) attempts: HashMap<String, Vec<Attempt>>,
    /// How often a gateway sent a request once more on its own, by the password.
    pub(crate) repeats: HashMap<String, usize>,
    /// Tokens up to this one are no longer taken.
    pub(crate) revoked: u64,
}

/// One request that reached the network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt {
    pub(crate) seen: NetworkOutcome,
    /// Whether the password was the valid one once the provider had dealt with the request.
    pub(crate) in_place: Option<bool>,
}

/// What the network did with a request, in the terms of the delivery table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NetworkOutcome {
    Answered,
    Refused,
    Ambiguous,
    /// Answered, but not so well that every client must understand it.
    Either,
    /// A status that HTTP defines as not processed.
    Declined,
    TokenRejected,
    EncodingRefused,
    Limited(Option<std::time::Duration>),
}

impl Provider {
    pub(crate) fn new(kind: Kind, accepts: Accepts, users: u32) -> Self {
        let current = (0..users).map(|n| (Self::user(n), format!("Start-{n:03}-Aa")));
        let state = State {
            current: current.collect(),
            ..State::default()
        };
        Self {
            kind,
            accepts,
            state: Mutex::new(state),
        }
    }

    pub(crate) fn user(n: u32) -> String {
        format!("user-{n:03}")
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn current(&self, user: &str) -> String {
        self.state().current.get(user).cloned().unwrap_or_default()
    }

    /// Counts a request that a gateway sends once more.
    pub(crate) fn repeated(&self, parsed: &ParsedRequest) {
        *self.state().repeats.entry(parsed.new.clone()).or_default() += 1;
    }

    /// How it returns a token that it no longer takes.
    pub(crate) fn rejects_token(&self) -> Response {
        let answer = Response::new(StatusCode::UNAUTHORIZED);
        match self.kind {
            Kind::Zoom => answer.with_body(r#"{"code":124,"message":"Access token is expired."}"#),
            Kind::Identity => answer.with_header("www-authenticate", "Bearer error=\"invalid_token\""),
        }
    }

    /// Deals with a request as the provider would: changes its state, and responses.
    pub(crate) fn apply(&self, parsed: &ParsedRequest) -> (Response, NetworkOutcome, Option<bool>) {
        let refused = self.kind == Kind::Zoom
            && matches!(
                (self.accepts, parsed.form_data),
                (Accepts::Json, true) | (Accepts::FormData, false)
            );
        if refused {
            let body = r#"{"code":300,"message":"Unsupported Content Type"}"#;
            let answer = Response::new(StatusCode::UNSUPPORTED_MEDIA_TYPE).with_body(body);
            return (answer, NetworkOutcome::EncodingRefused, None);
        }
        let mut state = self.state();
        let current = state.current.get(&parsed.user).cloned().unwrap_or_default();
        let answer = match (self.kind, &parsed.current) {
            (Kind::Zoom, _) if current == parsed.new => {
                let body = r#"{"code":300,"message":"Your new password can not match the old password."}"#;
                Response::new(StatusCode::BAD_REQUEST).with_body(body)
            }
            (Kind::Identity, Some(given)) if *given != current => {
                let body = r#"{"succeeded":false,"errors":[{"code":"PasswordMismatch","description":"Incorrect password."}]}"#;
                Response::new(StatusCode::BAD_REQUEST).with_body(body)
            }
            (kind, _) => {
                state.current.insert(parsed.user.clone(), parsed.new.clone());
                state.ledger.push((parsed.user.clone(), parsed.new.clone()));
                match kind {
                    Kind::Zoom => Response::new(StatusCode::NO_CONTENT),
                    Kind::Identity => {
                        Response::new(StatusCode::OK).with_body(r#"{"succeeded":true,"errors":[]}"#)
                    }
                }
            }
        };
        let in_place = state.current.get(&parsed.user) == Some(&parsed.new);
        (answer, NetworkOutcome::Answered, Some(in_place))
    }
}

/// What a request asks for, read from its bytes as a server would.
#[derive(Debug, Clone)]
pub(crate) struct ParsedRequest {
    pub(crate) user: String,
    pub(crate) new: String,
    current: Option<String>,
    form_data: bool,
}

impl ParsedRequest {
    pub(crate) fn read(request: &Request) -> Self {
        let user = request
            .path()
            .split('/')
            .find(|segment| segment.starts_with("user-"));
        let body = request
            .secret_body()
            .map(|body| (body.content_type().to_owned(), body.bytes()));
        let (content_type, bytes) = body.unwrap_or_default();
        let form_data = content_type.starts_with("multipart/");
        let (new, current) = if form_data {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let value = text
                .split("\r\n\r\n")
                .nth(1)
                .and_then(|rest| rest.split("\r\n").next());
            (value.map(str::to_owned), None)
        } else {
            let json: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            let text = |name: &str| json.get(name).and_then(Value::as_str).map(str::to_owned);
            (
                text("newPassword").or_else(|| text("password")),
                text("oldPassword"),
            )
        };
        Self {
            user: user.unwrap_or_default().to_owned(),
            new: new.unwrap_or_default(),
            current,
            form_data,
        }
    }
}
