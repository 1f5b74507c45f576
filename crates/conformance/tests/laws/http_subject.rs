//! An adapter over a provider in a function.

use std::sync::Arc;

use repass::config::{BodyEncoding, Plan, ZoomSettings};
use repass::{Error, PasswordService};
use repass_conformance::{
    Ending, Fault, HttpSubject, Law, ProviderRequest, ProviderResponse, ResponsePart, SubjectMode, Suite,
    Timing,
};
use repass_provider::{ProviderKind, Wire};
use repass_transport::{HttpTransport, PooledClient, Timeouts, TrustedRoots};

use crate::faulty_services::FaultyService;

const TOKEN: &str = "canary-token-4711";
const REFUSAL: &str = r#"{"code":300,"message":"Bad %PASSWORD%"}"#;

fn service(kind: &impl ProviderKind, base_url: &str) -> Arc<dyn PasswordService> {
    let timeouts = Timeouts::default();
    let wire = PooledClient::new(
        base_url.parse().unwrap(),
        TrustedRoots::default(),
        timeouts.connect,
    );
    let transport = HttpTransport::with_bearer(wire, &TOKEN.into(), timeouts).unwrap();
    let Wire::Http(clients) = kind.wire() else {
        panic!("{} does not speak HTTP", kind.name());
    };
    clients(kind.name(), Arc::new(transport)).passwords
}

/// The adapter of a kind by itself, as the administrator, over a provider that is a function of what is asked and of
/// the password that is valid.
pub(crate) fn of_kind(
    name: &'static str,
    kind: impl ProviderKind,
    provider: impl Fn(&ProviderRequest, &str) -> ProviderResponse + Send + Sync + 'static,
) -> HttpSubject {
    HttpSubject::new(
        name,
        SubjectMode::AdminReset,
        move |url| service(&kind, url),
        provider,
    )
    .secret(TOKEN)
}

const ZOOM: ZoomSettings = ZoomSettings {
    plan: Plan::Unlimited,
    body: BodyEncoding::Json,
};

fn provider(request: &ProviderRequest, current: &str) -> ProviderResponse {
    let path = "/users/alice@example.com/password";
    match request.json_text("password") {
        Some(new) if new == current => ProviderResponse::new(
            400,
            r#"{"code":300,"message":"New password can not match the old password."}"#,
        ),
        Some(new) if (request.method(), request.path()) == ("PUT", path) => {
            ProviderResponse::set_password(new, 204, "")
        }
        _ => ProviderResponse::new(404, r#"{"code":1001,"message":"User does not exist."}"#),
    }
}

/// Zoom's adapter, over as much of Zoom as fits in a function.
pub(crate) fn zoom() -> HttpSubject {
    of_kind("Zoom, JSON, a function", ZOOM, provider).refusal(400, REFUSAL)
}

#[tokio::test]
async fn http_subject_detects_guessing_and_resending() {
    let faulty = |url: &str| {
        let mut faulty = FaultyService::new(service(&ZOOM, url));
        faulty.call = Arc::new(|service, cx, change| {
            Box::pin(async move {
                let Err(lost) = service.change_password(&cx, &change).await else {
                    panic!("the answer was not lost");
                };
                // Once more, and then a guess.
                let _ = service.change_password(&cx, &change).await;
                Err(Error::not_applied(lost.kind(), "it will not have been done"))
            })
        });
        Arc::new(faulty) as Arc<dyn PasswordService>
    };
    let lost = Fault::ResponseCut(Timing::AfterApply, ResponsePart::Nothing, Ending::Rst);
    let subject = HttpSubject::new("faulty", SubjectMode::AdminReset, faulty, provider).refusal(400, REFUSAL);
    let report = Suite::default().faults([lost]).check(&subject).await;
    let broken: Vec<Law> = report.broken().into_iter().map(|(law, ..)| law).collect();
    assert!(broken.contains(&Law::Truth), "{report}");
    assert!(broken.contains(&Law::Once), "{report}");
}
