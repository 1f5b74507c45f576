//! The handler by itself with a mock in its state, and the whole service with a client that leaves.

use std::io;
use std::time::Duration;

use repass::sandbox::{Action, Fault, Provider, RequestMatcher, Sandbox, Timing};
use repass::{
    AuditEvent, AuditRecord, AuditSink, Config, Error, ErrorKind, MockPasswordService, Rule, Services,
    UnknownOutcome, Violation,
};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::*;

async fn answer_for(error: fn() -> Error) -> (StatusCode, String) {
    let mut service = MockPasswordService::new();
    service
        .expect_capabilities()
        .return_const(repass::Capabilities::NONE);
    service
        .expect_change_password()
        .times(1)
        .returning(move |_, _| Err(error()));
    let form = r#"{"current":"Old-Passw0rd","new":"New-Passw0rd"}"#;
    let client = client::ask(router(Arc::new(service)), "alice", form)
        .await
        .unwrap();
    client::answer(client).await.unwrap()
}

#[tokio::test]
async fn a_lost_answer_is_neither_a_success_nor_a_failure() {
    let lost = || Error::unknown(ErrorKind::TimedOut, "no answer", UnknownOutcome::new("mock"));
    let (status, body) = answer_for(lost).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert!(body.contains("not known yet"), "{body}");
}

#[tokio::test]
async fn a_broken_rule_is_told_without_the_provider_s_words() {
    let refused = || {
        let detail = repass::ProviderDetail {
            code: Some("1124".into()),
            ..repass::ProviderDetail::default()
        };
        Error::refused(vec![Violation::of_provider(Rule::Digit)]).with_detail(detail)
    };
    let (status, body) = answer_for(refused).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        body.contains("at least one digit") && !body.contains("1124"),
        "{body}"
    );
}

#[derive(Debug)]
struct Kept(UnboundedSender<AuditRecord>);

impl AuditSink for Kept {
    fn write(&self, record: &AuditRecord) -> io::Result<()> {
        self.0.send(record.clone()).map_err(io::Error::other)
    }
}

#[tokio::test]
async fn a_change_ends_and_is_recorded_when_its_client_disconnects() {
    let sandbox = Sandbox::start().await.unwrap();
    let (sender, mut records) = unbounded_channel();
    let services = Services::builder()
        .config(Config::for_sandbox(&sandbox))
        .audit(Arc::new(Kept(sender)))
        .build()
        .unwrap();
    // The provider makes the change at once and answers a second later.
    let slow = Action {
        when: Timing::AfterApply,
        delay_ms: 1000,
        ..Action::default()
    };
    let matching = RequestMatcher {
        method: Some("POST".into()),
        ..RequestMatcher::default()
    };
    sandbox
        .inject(Fault {
            matching,
            action: slow,
        })
        .unwrap();
    let form = r#"{"current":"Alice-Start-7","new":"New-Passw0rd-1"}"#;
    let id = "a11ce000-0000-4000-8000-000000000001";
    let router = router(services.get("portal").unwrap());
    let client = client::ask(router, id, form).await.unwrap();
    while sandbox.changes() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(client);
    loop {
        let record = records.recv().await.unwrap();
        if record.event != AuditEvent::Intent {
            assert_eq!(record.outcome, Some("applied"), "{record:?}");
            break;
        }
    }
    assert!(sandbox.accepts(Provider::Identity, id, "New-Passw0rd-1"));
}
