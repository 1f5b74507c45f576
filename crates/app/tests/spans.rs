//! One span a call, with what became of it. Alone in its process: whether anybody listens to a span is remembered
//! for all threads, and other tests' threads do not.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::Write;
use std::sync::{Arc, Mutex};

use repass::sandbox::{Action, Cut, CutKind, CutPoint, Fault, Sandbox, Timing};
use repass::{
    CallContext, ChangeReceipt, Error, Outcome, Password, PasswordService, PasswordServiceExt as _, Services,
};
use tracing_subscriber::fmt::format::FmtSpan;

const ALICE: &str = "alice@example.com";

async fn reset(service: &dyn PasswordService, new: &str) -> Result<ChangeReceipt, Error> {
    let new = Password::new(new).unwrap();
    service
        .reset(&CallContext::default(), ALICE.parse().unwrap(), new)
        .await
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_call_is_one_span_that_says_how_it_ended() {
    let written = Written::default();
    let writer = written.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_span_events(FmtSpan::CLOSE)
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _listening = tracing::subscriber::set_default(subscriber);
    let sandbox = Sandbox::start().await.unwrap();
    let zoom = Services::for_sandbox(&sandbox).unwrap().get("zoom").unwrap();
    let changed = reset(&*zoom, "New-Passw0rd-1").await.unwrap();
    let cut = Cut {
        at: CutPoint::Answer,
        how: CutKind::Rst,
    };
    let action = Action {
        when: Timing::AfterApply,
        cut: Some(cut),
        ..Action::default()
    };
    let fault = Fault {
        action,
        ..Fault::default()
    };
    sandbox.inject(fault).unwrap();
    let error = reset(&*zoom, "New-Passw0rd-2").await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown);

    let log = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    let applied = format!(
        "repass.password{{provider=\"zoom\" operation=\"reset\" tracking_id=\"{}\" outcome=\"applied\"}}",
        changed.tracking_id().unwrap()
    );
    let unknown = format!(
        "repass.password{{provider=\"zoom\" operation=\"reset\" kind=\"connection_lost\" attempt={} \
         outcome=\"unknown\"}}",
        error.unknown_outcome().unwrap().id()
    );
    let closed: Vec<&str> = log.lines().filter(|line| line.contains(": close")).collect();
    assert_eq!(closed.len(), 2, "{log}");
    assert!(closed[0].contains(&applied), "{log}");
    assert!(closed[1].contains(&unknown), "{log}");
    let answer = log.lines().find(|line| line.contains(": response "));
    assert!(
        answer.unwrap().contains("repass.password{provider=\"zoom\""),
        "{log}"
    );
    for secret in [ALICE, "Passw0rd"] {
        assert!(!log.contains(secret), "{log}");
    }
}
