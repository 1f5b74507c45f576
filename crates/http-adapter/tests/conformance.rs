//! Every preset against the laws that hold for any adapter, over a provider emulated from its recorded responses.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod cases;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64ct::{Base64, Encoding as _};
use jiff::Timestamp;
use repass_conformance::{HttpSubject, ProviderRequest, ProviderResponse, SubjectMode};
use repass_domain::PasswordService;
use repass_http_provider::{HttpService, PRESET_NAMES, Table};
use repass_transport::{BaseUrl, Credentials, HttpTransport, PooledClient, Timeouts, TrustedRoots};
use serde_json::Value;

use cases::{Case, Cases};

/// A provider that does what the preset describes, in the words of its recorded responses.
struct Emulation {
    document: Value,
    cases: Cases,
    // For each account the password that the last look-up saw, and since when.
    seen: Mutex<BTreeMap<String, (String, Timestamp)>>,
}

impl Emulation {
    fn of_preset(preset: &str) -> Self {
        let cases = Cases::of(preset);
        let document = cases.document(preset);
        Self::new(cases, document)
    }

    /// Of an operator's own table, whose probe reads something with the new password, as no preset does.
    fn of_own_table() -> Self {
        let mut cases = Cases::of("rabbitmq");
        let mut document = cases.document("rabbitmq");
        document["probe"] = serde_json::json!({
            "kind": "request", "method": "GET", "path": "/whoami", "auth": "new_password",
            "in_place": {"status": 200, "at": "/name", "is": "{id}"},
            "not_in_place": {"status": 401, "at": "/reason", "is": "Login failed"},
        });
        let case = |status: u16, body: &str, word: &str| vec![status.into(), body.into(), word.into()];
        cases.probe = vec![
            case(200, r#"{"name":"alice"}"#, "in_place"),
            case(
                401,
                r#"{"error":"not_authorized","reason":"Login failed"}"#,
                "not_in_place",
            ),
        ];
        Self::new(cases, document)
    }

    fn new(cases: Cases, mut document: Value) -> Self {
        if document["probe"]["kind"] == "timestamp" {
            // What the operator and the provider would have to promise.
            document["sole_writer"] = true.into();
            document["probe"]["lag_seconds"] = 0.into();
        }
        if let Some(require) = document.get_mut("require").and_then(Value::as_object_mut) {
            // The laws tell a change from what is asked before it by the method.
            require.remove("method");
            require.remove("body");
        }
        Self {
            document,
            cases,
            seen: Mutex::default(),
        }
    }

    // What a look-up finds, with the time of the last change where the preset reads that.
    fn found(&self, current: &str) -> String {
        let found = self.cases.found.clone().unwrap();
        let Some(at) = self.document["probe"]["at"].as_str() else {
            return found;
        };
        // Passwords are numbered, and what stands before the number names the account.
        let account = current.rsplitn(3, '-').last().unwrap();
        let mut all = self.seen.lock().unwrap();
        let first = || (current.to_owned(), Timestamp::UNIX_EPOCH);
        let seen = all.entry(account.to_owned()).or_insert_with(first);
        if seen.0 != current {
            *seen = (current.to_owned(), Timestamp::now());
        }
        let mut found: Value = serde_json::from_str(&found).unwrap();
        *found.pointer_mut(at).unwrap() = seen.1.to_string().into();
        found.to_string()
    }

    fn answer(&self, request: &ProviderRequest, current: &str) -> ProviderResponse {
        if self.is(request, "require") {
            let (status, body) = self.cases.require.clone().unwrap();
            return ProviderResponse::new(status, body);
        }
        if self.is(request, "reset") {
            let new = presented(&self.document["reset"]["body"], &request.text());
            let (status, body) = first(&self.cases.reset, "applied");
            return ProviderResponse::set_password(new.unwrap_or_default(), status, body);
        }
        if self.is(request, "probe") {
            let new = presented(&self.document["probe"]["body"], &request.text()).or_else(|| basic(request));
            let is_in_place = new.as_deref() == Some(current);
            let word = if is_in_place { "in_place" } else { "not_in_place" };
            let (status, body) = first(&self.cases.probe, word);
            return ProviderResponse::new(status, body);
        }
        if self.is(request, "confirm") {
            let is_confirmed = field(request).as_deref() == Some(current);
            let word = if is_confirmed { "confirmed" } else { "unconfirmed" };
            let (status, body) = first(&self.cases.confirm, word);
            let response = ProviderResponse::new(status, body).reading();
            return match &self.cases.confirm_header {
                Some((_, value)) if is_confirmed => response.header("set-cookie", value),
                _ => response,
            };
        }
        if request.path().contains("not-the-password-of-anybody") {
            return ProviderResponse::new(200, self.cases.control.clone().unwrap());
        }
        if self.is(request, "lookup") {
            return ProviderResponse::new(200, self.found(current));
        }
        ProviderResponse::new(404, "{\"message\":\"no Route matched with those values\"}")
    }

    // Whether a request is this one of the table, by its method and the parts of the path that do not vary.
    fn is(&self, request: &ProviderRequest, section: &str) -> bool {
        let section = &self.document[section];
        let Some(path) = section["path"].as_str() else {
            return false;
        };
        let method = section["method"].as_str().unwrap_or("GET");
        let mut rest = request.path();
        let parts = path.split(['{', '}']).step_by(2).filter(|part| !part.is_empty());
        request.method() == method
            && parts.into_iter().all(|part| match rest.find(part) {
                Some(at) => {
                    rest = &rest[at + part.len()..];
                    true
                }
                None => false,
            })
            && path.matches('/').count() == request.path().matches('/').count()
    }
}

/// The password that a body presents, where the template has `{new}`.
fn presented(template: &Value, body: &str) -> Option<String> {
    fn find(template: &Value, body: &Value) -> Option<String> {
        match template {
            Value::String(text) if text == "{new}" => body.as_str().map(str::to_owned),
            Value::String(text) if text.contains("{new:quoted}") => {
                let (before, _) = text.split_once("{new:quoted}")?;
                let (_, before) = before.rsplit_once('}').unwrap_or(("", before));
                let (_, quoted) = body.as_str()?.split_once(before)?;
                serde_json::Deserializer::from_str(quoted)
                    .into_iter::<String>()
                    .next()?
                    .ok()
            }
            Value::Array(items) => {
                let mut pairs = items.iter().zip(body.as_array()?);
                pairs.find_map(|(template, body)| find(template, body))
            }
            Value::Object(members) => members
                .iter()
                .find_map(|(name, template)| find(template, body.get(name)?)),
            _ => None,
        }
    }
    find(template, &serde_json::from_str(body).ok()?)
}

fn basic(request: &ProviderRequest) -> Option<String> {
    let encoded = request.header("authorization")?.strip_prefix("Basic ")?;
    let pair = String::from_utf8(Base64::decode_vec(encoded).ok()?).ok()?;
    pair.split_once(':').map(|(_, password)| password.to_owned())
}

/// The password of a form, whose characters need no encoding.
fn field(request: &ProviderRequest) -> Option<String> {
    let text = request.text();
    let mut fields = text.split('&').filter_map(|field| field.split_once('='));
    fields
        .find(|(name, _)| *name == "pwd")
        .map(|(_, value)| value.to_owned())
}

fn first(cases: &[Case], word: &str) -> (u16, String) {
    let case = cases.iter().find(|case| case[2] == word).unwrap();
    (
        case[0].as_u64().unwrap().try_into().unwrap(),
        case[1].as_str().unwrap().to_owned(),
    )
}

fn service(table: &Arc<Table>, base_url: &str) -> Arc<dyn PasswordService> {
    let url: BaseUrl = base_url.parse().unwrap();
    let timeouts = Timeouts {
        connect: Duration::from_secs(2),
        attempt: Duration::from_millis(700),
    };
    let client = PooledClient::new(url, TrustedRoots::default(), timeouts.connect);
    let transport = HttpTransport::new(client, Credentials::None, timeouts);
    Arc::new(HttpService::new("preset", Arc::clone(table), Arc::new(transport)))
}

// Most of the time they wait, so they run side by side.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_preset_obeys_every_law() {
    let mut checks = tokio::task::JoinSet::new();
    let mut probes = BTreeSet::new();
    let presets = PRESET_NAMES
        .iter()
        .map(|preset| (*preset, Emulation::of_preset(preset)));
    for (name, emulation) in presets.chain([("http", Emulation::of_own_table())]) {
        probes.insert(probe_kind(&emulation.document["probe"]));
        let subject = subject(name, emulation);
        checks.spawn(async move { repass_conformance::check(&subject).await });
    }
    let mut count = 0;
    while let Some(report) = checks.join_next().await {
        report.unwrap().assert();
        count += 1;
    }
    assert_eq!(count, PRESET_NAMES.len() + 1);
    // Every law was checked with every kind of probe.
    assert!(
        ["login", "read", "repeat", "timestamp"]
            .iter()
            .all(|kind| probes.contains(*kind)),
        "{probes:?}"
    );
}

fn probe_kind(probe: &Value) -> String {
    let kind = match (probe["kind"].as_str(), probe["method"].as_str()) {
        (Some("request"), Some("GET")) => "read",
        (Some("request"), _) => "login",
        (kind, _) => kind.unwrap_or("none"),
    };
    kind.to_owned()
}

fn subject(name: &str, emulation: Emulation) -> HttpSubject {
    let table = Arc::new(Table::from_value(emulation.document.clone()).unwrap());
    let user = emulation.cases.user.clone();
    let refusals = emulation.cases.reset.iter();
    let refusal = refusals
        .filter(|case| case.get(3).is_some_and(|kind| kind == "password_refused"))
        .map(|case| (case[0].as_u64().unwrap(), case[1].as_str().unwrap().to_owned()))
        .next();
    let subject = HttpSubject::new(
        name,
        SubjectMode::AdminReset,
        move |base_url| service(&table, base_url),
        move |request, current| emulation.answer(request, current),
    )
    .user(user);
    match refusal {
        Some((status, body)) => subject.refusal(u16::try_from(status).unwrap(), body),
        None => subject,
    }
}
