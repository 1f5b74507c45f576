//! Every preset against the laws that hold for any adapter, over a provider emulated from its recorded responses.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod cases;

use std::sync::Arc;
use std::time::Duration;

use base64ct::{Base64, Encoding as _};
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
}

impl Emulation {
    fn new(preset: &str) -> Self {
        let cases = Cases::of(preset);
        Self {
            document: cases.document(preset),
            cases,
        }
    }

    fn answer(&self, request: &ProviderRequest, current: &str) -> ProviderResponse {
        if self.is(request, "require") {
            return ProviderResponse::new(200, self.cases.require.clone().unwrap());
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
        if request.path().contains("not-the-password-of-anybody") {
            return ProviderResponse::new(200, self.cases.control.clone().unwrap());
        }
        if self.is(request, "lookup") {
            return ProviderResponse::new(200, self.cases.found.clone().unwrap());
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
    for preset in PRESET_NAMES {
        let subject = subject(preset);
        checks.spawn(async move { repass_conformance::check(&subject).await });
    }
    let mut count = 0;
    while let Some(report) = checks.join_next().await {
        report.unwrap().assert();
        count += 1;
    }
    assert_eq!(count, PRESET_NAMES.len());
}

fn subject(preset: &str) -> HttpSubject {
    let emulation = Emulation::new(preset);
    let table = Arc::new(Table::from_value(emulation.document.clone()).unwrap());
    let user = emulation.cases.user.clone();
    let refusals = emulation.cases.reset.iter();
    let refusal = refusals
        .filter(|case| case.get(3).is_some_and(|kind| kind == "password_refused"))
        .map(|case| (case[0].as_u64().unwrap(), case[1].as_str().unwrap().to_owned()))
        .next();
    let subject = HttpSubject::new(
        preset,
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
