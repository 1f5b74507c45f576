//! The layers around a service, on a paused clock.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use repass::{
    AuditEvent, AuditRecord, AuditSink, CallContext, Capabilities, ChangeReceipt, Error, ErrorKind,
    InMemoryPasswordService, JsonLines, Layers, Outcome, Password, PasswordChange, PasswordPolicy,
    PasswordService, PasswordServiceExt as _, Resolution, UnknownOutcome, UserId,
};
use tokio::time::{Instant, sleep};

/// A provider that takes a second for each change and counts how many are in flight.
#[derive(Debug)]
struct Slow {
    inner: InMemoryPasswordService,
    under_way: AtomicUsize,
    most: AtomicUsize,
    order: Mutex<Vec<String>>,
}

impl Slow {
    fn new(users: &[&str]) -> Arc<Self> {
        let inner = users
            .iter()
            .fold(InMemoryPasswordService::new("slow"), |service, user| {
                service.with_user(user, "old")
            });
        Arc::new(Self {
            inner,
            under_way: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            order: Mutex::default(),
        })
    }
}

#[async_trait]
impl PasswordService for Slow {
    fn provider(&self) -> &str {
        self.inner.provider()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn change_password(
        &self,
        cx: &CallContext,
        change: &PasswordChange,
    ) -> Result<ChangeReceipt, Error> {
        let under_way = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(under_way, Ordering::SeqCst);
        sleep(Duration::from_secs(1)).await;
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        self.order.lock().unwrap().push(change.user().expose().to_owned());
        self.inner.change_password(cx, change).await
    }

    async fn resolve(
        &self,
        cx: &CallContext,
        attempt: &UnknownOutcome,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        self.inner.resolve(cx, attempt, change).await
    }

    async fn policy(&self, cx: &CallContext) -> Result<PasswordPolicy, Error> {
        self.inner.policy(cx).await
    }
}

#[derive(Debug, Default)]
struct Kept {
    records: Mutex<Vec<AuditRecord>>,
    full: bool,
}

impl AuditSink for Kept {
    fn write(&self, record: &AuditRecord) -> std::io::Result<()> {
        if self.full {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.records.lock().unwrap().push(record.clone());
        Ok(())
    }
}

impl Kept {
    fn reported(&self) -> Vec<(AuditEvent, Option<&'static str>)> {
        let records = self.records.lock().unwrap();
        records
            .iter()
            .map(|record| (record.event, record.outcome))
            .collect()
    }
}

fn user(id: &str) -> UserId {
    id.parse().unwrap()
}

fn password(text: &str) -> Password {
    Password::new(text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn one_user_s_changes_are_made_one_after_the_other_in_order_of_arrival() {
    let slow = Slow::new(&["alice"]);
    let service = Layers::default().wrap(Arc::clone(&slow) as Arc<dyn PasswordService>);
    let start = Instant::now();
    let calls: Vec<_> = (0..20)
        .map(|n| {
            let service = Arc::clone(&service);
            tokio::spawn(async move {
                let new = password(&format!("new-{n}"));
                service.reset(&CallContext::default(), user("alice"), new).await
            })
        })
        .collect();
    for call in calls {
        assert!(call.await.unwrap().is_ok());
    }
    assert_eq!(
        (slow.most.load(Ordering::SeqCst), start.elapsed()),
        (1, Duration::from_secs(20))
    );
    assert!(
        slow.inner.accepts("alice", "new-19"),
        "the last one to come is the one that stays"
    );
}

#[tokio::test(start_paused = true)]
async fn other_users_do_not_wait_but_for_the_bound() {
    for (bound, most, seconds) in [(None, 6, 1), (NonZeroUsize::new(2), 2, 3)] {
        let users = ["a", "b", "c", "d", "e", "f"];
        let slow = Slow::new(&users);
        let layers = bound.map_or_else(Layers::default, |bound| Layers::default().max_in_flight(bound));
        let service = layers.wrap(Arc::clone(&slow) as Arc<dyn PasswordService>);
        let start = Instant::now();
        let calls = users.map(|name| {
            let service = Arc::clone(&service);
            tokio::spawn(async move {
                service
                    .reset(&CallContext::default(), user(name), password("new"))
                    .await
            })
        });
        for call in calls {
            assert!(call.await.unwrap().is_ok());
        }
        assert_eq!(
            (slow.most.load(Ordering::SeqCst), start.elapsed()),
            (most, Duration::from_secs(seconds))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_counts_against_the_budget_and_then_nothing_is_sent() {
    let slow = Slow::new(&["alice", "bob"]);
    let layers = Layers::default().max_in_flight(NonZeroUsize::MIN);
    let service = layers.wrap(Arc::clone(&slow) as Arc<dyn PasswordService>);
    let first = {
        let service = Arc::clone(&service);
        tokio::spawn(async move {
            service
                .reset(&CallContext::default(), user("alice"), password("new"))
                .await
        })
    };
    sleep(Duration::from_millis(1)).await;
    for name in ["alice", "bob"] {
        let start = Instant::now();
        let cx = CallContext::with_budget(Duration::from_millis(100));
        let error = service
            .reset(&cx, user(name), password("late"))
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome()),
            (ErrorKind::BudgetExhausted, Outcome::NotApplied)
        );
        assert_eq!(start.elapsed(), Duration::from_millis(100));
    }
    assert!(first.await.unwrap().is_ok());
    assert_eq!(*slow.order.lock().unwrap(), ["alice"]);
}

#[tokio::test(start_paused = true)]
async fn every_call_has_an_intent_and_an_end_on_record() {
    let (slow, kept) = (Slow::new(&["alice"]), Arc::new(Kept::default()));
    let layers = Layers::default().audit(Arc::clone(&kept) as Arc<dyn AuditSink>);
    let service = layers.wrap(Arc::clone(&slow) as Arc<dyn PasswordService>);
    let cx = CallContext::default();
    service.reset(&cx, user("alice"), password("one")).await.unwrap();
    service
        .reset(&cx, user("nobody"), password("one"))
        .await
        .unwrap_err();
    slow.inner.lose_next_response();
    let lost = service
        .reset(&cx, user("alice"), password("two"))
        .await
        .unwrap_err();
    let change = PasswordChange::reset(user("alice"), password("two"));
    service
        .resolve(&cx, lost.unknown_outcome().unwrap(), &change)
        .await
        .unwrap();
    {
        let abandoned = service.reset(&cx, user("alice"), password("three"));
        assert!(
            tokio::time::timeout(Duration::from_millis(10), abandoned)
                .await
                .is_err()
        );
    }
    let expected = [
        (AuditEvent::Intent, None),
        (AuditEvent::Result, Some("applied")),
        (AuditEvent::Intent, None),
        (AuditEvent::Result, Some("not_applied")),
        (AuditEvent::Intent, None),
        (AuditEvent::Result, Some("unknown")),
        (AuditEvent::Intent, None),
        (AuditEvent::Result, Some("in_place")),
        (AuditEvent::Intent, None),
        (AuditEvent::Abandoned, Some("unknown")),
    ];
    assert_eq!(kept.reported(), expected);
    let records = kept.records.lock().unwrap();
    assert!(
        records
            .chunks(2)
            .all(|pair| pair[0].id == pair[1].id && pair[0].user == pair[1].user)
    );
}

#[tokio::test(start_paused = true)]
async fn a_change_that_cannot_be_put_on_record_is_not_sent() {
    let kept = Arc::new(Kept {
        full: true,
        ..Kept::default()
    });
    let slow = Slow::new(&["alice"]);
    let service = Layers::default()
        .audit(kept)
        .wrap(Arc::clone(&slow) as Arc<dyn PasswordService>);
    let error = service
        .reset(&CallContext::default(), user("alice"), password("new"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome()),
        (ErrorKind::Internal, Outcome::NotApplied)
    );
    assert!(slow.order.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn records_are_lines_of_json_without_secrets() {
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let lines = Lines::default();
    let layers = Layers::default().audit(Arc::new(JsonLines::new(lines.clone())));
    let service = layers.wrap(Slow::new(&["alice"]));
    let (cx, current) = (CallContext::default(), password("Canary-old"));
    let wrong = service
        .change(&cx, user("alice"), current, password("Canary-new"))
        .await;
    assert_eq!(wrong.unwrap_err().kind(), ErrorKind::WrongCurrentPassword);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains("Canary"), "{text}");
    let records: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(records[0]["event"], "intent");
    assert_eq!(
        (&records[1]["outcome"], &records[1]["kind"]),
        (&"not_applied".into(), &"wrong_current_password".into())
    );
    assert_eq!(records[0]["id"], records[1]["id"]);
}
