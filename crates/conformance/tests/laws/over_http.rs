//! An adapter over a provider in a function.

use std::sync::Arc;

use repass::config::BodyEncoding;
use repass::{Error, PasswordService};
use repass_conformance::{AnswerPart, Asked, By, Ending, Fault, Law, OverHttp, Suite, Told, When};
use repass_transport::{HttpTransport, HttpWire, Timeouts, TrustedRoots};
use repass_zoom::{Plan, ZoomConfig, ZoomService};

use crate::bent::Bent;

const TOKEN: &str = "canary-token-4711";

fn service(base_url: &str) -> Arc<dyn PasswordService> {
    let timeouts = Timeouts::default();
    let wire = HttpWire::new(
        base_url.parse().unwrap(),
        TrustedRoots::default(),
        timeouts.connect,
    );
    let transport = HttpTransport::with_bearer(wire, &TOKEN.into(), timeouts).unwrap();
    let config = ZoomConfig {
        plan: Plan::Unlimited,
        body: BodyEncoding::Json,
    };
    Arc::new(ZoomService::new("zoom", config, Arc::new(transport)))
}

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

fn over_http(build: impl Fn(&str) -> Arc<dyn PasswordService> + Send + Sync + 'static) -> OverHttp {
    OverHttp::new("Zoom, JSON, a function", By::Administrator, build, provider)
        .refusal(r#"{"code":300,"message":"Bad %PASSWORD%"}"#)
        .secret(TOKEN)
}

/// Zoom's adapter, over as much of Zoom as fits in a function.
pub(crate) fn zoom() -> OverHttp {
    over_http(service)
}

#[tokio::test]
async fn the_function_sees_through_who_guesses_and_who_sends_twice() {
    let bent = |url: &str| {
        let mut bent = Bent::new(service(url));
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
    let report = Suite::default().faults([lost]).check(&over_http(bent)).await;
    let broken: Vec<Law> = report.broken().into_iter().map(|(law, ..)| law).collect();
    assert!(broken.contains(&Law::Truth), "{report}");
    assert!(broken.contains(&Law::Once), "{report}");
}
