//! One row: a call, the responses to it, and its one right outcome.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use repass::{
    CallContext, ChangeReceipt, Error, ErrorKind, Password, PasswordChange, PasswordService as _, Resolution,
    Services, UnknownOutcome,
};
use tokio::task::JoinSet;
use tokio::time::timeout;

use repass_testkit::fault_server::{FaultServer, RawRequest, RawResponse, Then};

pub(crate) const NEW: &str = "Canary'New+Passw0rd-77";
const OLD: &str = "Canary-Old-Passw0rd-1";
const EMAIL: &str = "alice@example.com";
const GUID: &str = "a11ce000-0000-4000-8000-000000000001";
const BUDGET: Duration = Duration::from_secs(3);

/// The call of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// A reset at Zoom, with a fixed token.
    Zoom,
    /// The same, with issued tokens.
    ZoomGranted,
    /// The same, in the encoding that the provider accepts.
    ZoomAuto,
    /// The probe that resolves an unknown reset at Zoom.
    ZoomProbe,
    /// A change at the portal, with both passwords and a fixed token.
    Portal,
    /// The same, with issued tokens.
    PortalGranted,
    /// The same, for a user named by e-mail address, who is looked up first.
    PortalByEmail,
    /// The probe that resolves an unknown change at the portal.
    PortalProbe,
    /// A reset at a provider that an operator's own table describes: 200 with `{"done":true}`.
    Table,
}

/// The right outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Applied,
    NotApplied(ErrorKind),
    Unknown(ErrorKind),
    /// A probe resolved it.
    Resolved(Resolution),
}

pub(crate) struct Case {
    name: String,
    call: Call,
    responses: Vec<RawResponse>,
    tokens: Vec<RawResponse>,
    outcome: Expected,
    requests: Option<usize>,
    token_requests: Option<usize>,
    says: Vec<&'static str>,
    code: Option<&'static str>,
    violation: Option<(&'static str, Option<u32>)>,
}

/// Gives the responses in turn, the last one repeatedly; the token endpoint has its own.
async fn start(api: Vec<RawResponse>, tokens: Vec<RawResponse>) -> FaultServer {
    let (api, tokens) = (in_turn(api), in_turn(tokens));
    FaultServer::start(
        move |request: &RawRequest| {
            if is_token(request.path()) { tokens() } else { api() }
        },
    )
    .await
}

fn in_turn(responses: Vec<RawResponse>) -> impl Fn() -> RawResponse + Send + Sync {
    let next = AtomicUsize::new(0);
    move || {
        let next = next.fetch_add(1, Ordering::SeqCst);
        let response = responses.get(next).or(responses.last());
        response.expect("a response is prepared").clone()
    }
}

fn is_token(path: &str) -> bool {
    path.contains("/token")
}

fn count(server: &FaultServer, is_counted: impl Fn(&str) -> bool) -> usize {
    let requests = server.requests();
    requests
        .iter()
        .filter(|request| is_counted(request.path()))
        .count()
}

/// A row whose request is sent once.
pub(crate) fn case(name: impl Into<String>, call: Call, response: RawResponse, outcome: Expected) -> Case {
    Case {
        name: name.into(),
        call,
        responses: vec![response],
        tokens: vec![json(
            200,
            r#"{"access_token":"granted-canary-token","expires_in":3600}"#,
        )],
        outcome,
        requests: Some(1),
        token_requests: None,
        says: vec![],
        code: None,
        violation: None,
    }
}

impl Case {
    /// Adds the response to the next request.
    pub(crate) fn then(mut self, response: RawResponse) -> Self {
        self.responses.push(response);
        self
    }

    /// The responses of the token endpoint.
    pub(crate) fn tokens(mut self, responses: impl IntoIterator<Item = RawResponse>) -> Self {
        self.tokens = responses.into_iter().collect();
        self
    }

    /// The number of requests to the provider.
    pub(crate) fn requests(mut self, count: usize) -> Self {
        self.requests = Some(count);
        self
    }

    pub(crate) fn token_requests(mut self, count: usize) -> Self {
        self.token_requests = Some(count);
        self
    }

    /// A part of the error message.
    pub(crate) fn says(mut self, part: &'static str) -> Self {
        self.says.push(part);
        self
    }

    /// The provider's code, as it is shown.
    pub(crate) fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// The first rule in the error.
    pub(crate) fn violates(mut self, rule: &'static str, limit: Option<u32>) -> Self {
        self.violation = Some((rule, limit));
        self
    }

    async fn check(self) {
        let server = start(self.responses, self.tokens).await;
        let result = timeout(Duration::from_secs(30), call(self.call, server.address()))
            .await
            .unwrap_or_else(|_| panic!("{}: the call does not end", self.name));
        let (outcome, error) = match result {
            Ok(outcome) => (outcome, None),
            Err(error) => {
                let outcome = match error.unknown_outcome() {
                    None => Expected::NotApplied(error.kind()),
                    Some(_) => Expected::Unknown(error.kind()),
                };
                (outcome, Some(error))
            }
        };
        let shown = error.as_ref().map(ToString::to_string).unwrap_or_default();
        let row = format!("{} ({:?}): {shown}", self.name, self.call);
        assert_eq!(outcome, self.outcome, "{row}");
        if let Some(requests) = self.requests {
            assert_eq!(
                count(&server, |path| !is_token(path)),
                requests,
                "requests, {row}"
            );
        }
        if let Some(requests) = self.token_requests {
            assert_eq!(count(&server, is_token), requests, "token requests, {row}");
        }
        for part in &self.says {
            assert!(shown.contains(part), "says {part:?}, {row}");
        }
        let detail = error.as_ref().and_then(Error::provider_detail);
        if let Some(code) = self.code {
            assert_eq!(
                detail.and_then(|detail| detail.code.as_deref()),
                Some(code),
                "{row}"
            );
        }
        if let Some(violation) = self.violation {
            let first = error.as_ref().and_then(|error| error.violations().first());
            let first = first.map(|first| (first.rule().code(), first.rule().limit()));
            assert_eq!(first, Some(violation), "{row}");
        }
        let debug = format!("{error:?}");
        for secret in ["Canary'New", "New+Passw0rd", "Canary-Old", "canary-token"] {
            assert!(
                !shown.contains(secret) && !debug.contains(secret),
                "{secret} is shown, {row}"
            );
        }
    }
}

/// Replays all rows concurrently, and reports every wrong one.
pub(crate) async fn replay(cases: Vec<Case>) {
    assert!(!cases.is_empty(), "there are rows");
    let mut running = JoinSet::new();
    for case in cases {
        running.spawn(case.check());
    }
    let mut wrong = 0;
    while let Some(row) = running.join_next().await {
        wrong += usize::from(row.is_err());
    }
    assert_eq!(wrong, 0, "wrong rows; see above");
}

async fn call(call: Call, address: SocketAddr) -> Result<Expected, Error> {
    // The command that gives the secret must not delay other rows.
    let services = tokio::task::spawn_blocking(move || services(call, address));
    let services = services.await.unwrap();
    let cx = CallContext::with_budget(BUDGET);
    let service = services.get(call.provider()).unwrap();
    let new = Password::new(NEW).unwrap();
    let change = if call.provider() == "portal" {
        let user = if call == Call::PortalByEmail { EMAIL } else { GUID };
        PasswordChange::change(user.parse().unwrap(), Password::new(OLD).unwrap(), new)
    } else {
        PasswordChange::reset(EMAIL.parse().unwrap(), new)
    };
    if matches!(call, Call::ZoomProbe | Call::PortalProbe) {
        let attempt = UnknownOutcome::new(service.provider());
        return service
            .resolve(&cx, &attempt, &change)
            .await
            .map(Expected::Resolved);
    }
    let changed: Result<ChangeReceipt, Error> = service.change_password(&cx, &change).await;
    changed.map(|_| Expected::Applied)
}

impl Call {
    fn provider(self) -> &'static str {
        match self {
            Self::Zoom | Self::ZoomGranted | Self::ZoomAuto | Self::ZoomProbe => "zoom",
            Self::Portal | Self::PortalGranted | Self::PortalByEmail | Self::PortalProbe => "portal",
            Self::Table => "table",
        }
    }
}

fn services(call: Call, address: SocketAddr) -> Services {
    let secret = "{ command = [\"printf\", \"fixed-canary-token\"] }";
    let auth = match call {
        Call::ZoomGranted => format!(
            "auth = {{ kind = \"server-to-server\", account_id = \"acct\", client_id = \"id\", client_secret = {secret}, \
             token_url = \"http://{address}/oauth/token\" }}"
        ),
        Call::PortalGranted => format!(
            "auth = {{ kind = \"client-credentials\", client_id = \"id\", client_secret = {secret}, scope = \"PM.User.Write\", \
             token_url = \"http://{address}/identity/connect/token\" }}"
        ),
        _ => format!("auth = {{ kind = \"bearer\", token = {secret} }}"),
    };
    let provider = call.provider();
    let kind = match provider {
        "zoom" => {
            let body = if call == Call::ZoomAuto { "auto" } else { "json" };
            format!(
                "kind = \"zoom\"\nplan = \"unlimited\"\nbody = \"{body}\"\nbase_url = \"http://{address}/v2\"\n"
            )
        }
        "portal" => {
            let organization = match call {
                Call::PortalByEmail => "organization = \"0c6a0000-0000-4000-8000-00000000000a\"\n",
                _ => "",
            };
            format!("kind = \"identity\"\n{organization}base_url = \"http://{address}/identity\"\n")
        }
        _ => format!(
            "kind = \"http\"\nbase_url = \"http://{address}/api\"\n\
             reset = {{ method = \"PUT\", path = \"/users/{{user}}/password\", body = {{ password = \"{{new}}\" }} }}\n\
             rows = [{{ status = 200, at = \"/done\", is = true, then = \"applied\" }}]\n"
        ),
    };
    let text = format!("[providers.{provider}]\n{kind}{auth}\n");
    Services::builder().toml(&text).build().unwrap()
}

/// A complete response, after which the connection is closed.
pub(crate) fn raw(status: &str, headers: &[&str], body: impl AsRef<[u8]>) -> RawResponse {
    let body = body.as_ref();
    let mut bytes = format!("HTTP/1.1 {status}\r\n").into_bytes();
    for header in headers {
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(body);
    RawResponse::new(bytes)
}

/// These bytes, after which the connection is closed.
pub(crate) fn bytes(bytes: impl AsRef<[u8]>) -> RawResponse {
    RawResponse::new(bytes.as_ref())
}

pub(crate) fn json(status: u16, body: &str) -> RawResponse {
    raw(
        &format!("{status} X"),
        &["Content-Type: application/json; charset=utf-8"],
        body,
    )
    // Closed without a word, it could take the request after it and lose it.
    .then(Then::KeepAlive(Duration::from_secs(60)))
}

pub(crate) fn problem(status: u16, body: &str) -> RawResponse {
    raw(
        &format!("{status} X"),
        &["Content-Type: application/problem+json"],
        body,
    )
}

pub(crate) fn page(status: u16) -> RawResponse {
    let body = "<!DOCTYPE html><html><title>Service unavailable</title></html>";
    raw(&format!("{status} X"), &["Content-Type: text/html"], body)
}

pub(crate) fn xml(status: u16, body: &str) -> RawResponse {
    raw(
        &format!("{status} X"),
        &["Content-Type: application/xml;charset=UTF-8"],
        body,
    )
}

pub(crate) fn empty(status: u16) -> RawResponse {
    raw(&format!("{status} X"), &[], "")
}
