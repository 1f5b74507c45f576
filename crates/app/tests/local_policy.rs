//! The guard of the caller's own rules, among the others.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

use repass::{
    AuditEvent, AuditRecord, AuditSink, CallContext, ErrorKind, InMemoryPasswordService, Layers, LocalPolicy,
    Password, PasswordPolicy, PasswordService, PasswordServiceExt as _, Preset, Rule,
};

#[derive(Debug, Default)]
struct Kept(Mutex<Vec<AuditRecord>>);

impl AuditSink for Kept {
    fn write(&self, record: &AuditRecord) -> std::io::Result<()> {
        self.0.lock().unwrap().push(record.clone());
        Ok(())
    }
}

fn rules(own: impl IntoIterator<Item = Rule>, approximate: bool) -> LocalPolicy {
    let own = if approximate {
        PasswordPolicy::builder().approximate(own)
    } else {
        PasswordPolicy::builder().exact(own)
    };
    let provider = PasswordPolicy::from(Preset::ZoomDefault);
    LocalPolicy::new(provider.and_local(own.build().unwrap()).unwrap())
}

async fn reset(service: &dyn PasswordService, cx: &CallContext, new: &str) -> Result<(), repass::Error> {
    let new = Password::new(new).unwrap();
    service.reset(cx, "alice".parse().unwrap(), new).await.map(drop)
}

#[tokio::test]
async fn a_refusal_is_on_record_and_reaches_nobody() {
    let kept = Arc::new(Kept::default());
    let provider = Arc::new(InMemoryPasswordService::new("memory").with_user("alice", "old"));
    let service = Layers::default()
        .audit(Arc::<Kept>::clone(&kept))
        .local_policy(rules([Rule::MinLength(12)], false))
        .max_in_flight(NonZeroUsize::MIN)
        .wrap(Arc::<InMemoryPasswordService>::clone(&provider));
    // Without any time: it waits for no one.
    let cx = CallContext::with_budget(std::time::Duration::ZERO);
    let error = reset(&*service, &cx, "Short-1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PasswordRefused);
    let reported: Vec<_> = error.violations().iter().map(ToString::to_string).collect();
    assert_eq!(
        reported,
        ["at least 8 characters", "at least 12 characters (own policy)"]
    );
    assert!(provider.accepts("alice", "old"));
    let records = kept.0.lock().unwrap();
    let events: Vec<_> = records.iter().map(|record| (record.event, record.kind)).collect();
    let refused = (AuditEvent::Result, Some(ErrorKind::PasswordRefused));
    assert_eq!(events, [(AuditEvent::Intent, None), refused]);
}

#[tokio::test]
async fn what_only_the_provider_asks_for_and_what_is_not_certain_is_left_to_the_provider() {
    let cx = CallContext::default();
    for (own, approximate) in [(Rule::MinLength(4), false), (Rule::MinLength(20), true)] {
        let provider = Arc::new(InMemoryPasswordService::new("memory").with_user("alice", "old"));
        let service = Layers::default()
            .local_policy(rules([own], approximate))
            .wrap(Arc::<InMemoryPasswordService>::clone(&provider));
        reset(&*service, &cx, "Short-1").await.unwrap();
        assert!(provider.accepts("alice", "Short-1"));
    }
}
