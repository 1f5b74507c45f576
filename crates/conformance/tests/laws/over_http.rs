//! An adapter over a provider in a function.

use std::sync::Arc;

use repass::config::{BodyEncoding, Plan, ZoomSettings};
use repass::{Error, PasswordService};
use repass_conformance::{AnswerPart, Asked, By, Ending, Fault, Law, OverHttp, Suite, Told, When};
use repass_provider::ProviderKind;
use repass_transport::{HttpTransport, PooledClient, Timeouts, TrustedRoots};

use crate::bent::Bent;

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
    kind.clients(kind.name(), Arc::new(transport)).passwords
}

/// The adapter of a kind by itself, as the administrator, over a provider that is a function of what is asked and of
/// the password that is valid.
pub(crate) fn of_kind(
    name: &'static str,
    kind: impl ProviderKind,
    provider: impl Fn(&Asked, &str) -> Told + Send + Sync + 'static,
) -> OverHttp {
    OverHttp::new(name, By::Administrator, move |url| service(&kind, url), provider).secret(TOKEN)
}

const ZOOM: ZoomSettings = ZoomSettings {
    plan: Plan::Unlimited,
    body: BodyEncoding::Json,
};

fn provider(asked: &Asked, current: &str) -> Told {
    let path = "/users/alice@example.com/password";
    match asked.json_text("password") {
        Some(new) if new == current => Told::says(
            400,
            r#"{"code":300,"message":"New password can not match the old password."}"#,
        ),
        Some(new) if (asked.method(), asked.path()) == ("PUT", path) => Told::sets(new, 204, ""),
        _ => Told::says(404, r#"{"code":1001,"message":"User does not exist."}"#),
    }
}

/// Zoom's adapter, over as much of Zoom as fits in a function.
pub(crate) fn zoom() -> OverHttp {
    of_kind("Zoom, JSON, a function", ZOOM, provider).refusal(400, REFUSAL)
}

#[tokio::test]
async fn the_function_sees_through_who_guesses_and_who_sends_twice() {
    let bent = |url: &str| {
        let mut bent = Bent::new(service(&ZOOM, url));
        bent.call = Arc::new(|service, cx, change| {
            Box::pin(async move {
                let Err(lost) = service.change_password(&cx, &change).await else {
                    panic!("the answer was not lost");
                };
                // Once more, and then a guess.
                let _ = service.change_password(&cx, &change).await;
                Err(Error::not_applied(lost.kind(), "it will not have been done"))
            })
        });
        Arc::new(bent) as Arc<dyn PasswordService>
    };
    let lost = Fault::AnswerCut(When::Applied, AnswerPart::Nothing, Ending::Rst);
    let subject = OverHttp::new("bent", By::Administrator, bent, provider).refusal(400, REFUSAL);
    let report = Suite::default().faults([lost]).check(&subject).await;
    let broken: Vec<Law> = report.broken().into_iter().map(|(law, ..)| law).collect();
    assert!(broken.contains(&Law::Truth), "{report}");
    assert!(broken.contains(&Law::Once), "{report}");
}
