//! One change at a time per user, for processes that share their locks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use repass::{
    CallContext, Capabilities, ChangeReceipt, Error, ErrorKind, Password, PasswordChange, PasswordPolicy,
    PasswordService, Resolution, Services, UnknownOutcome, UserId, UserKey,
};
use repass_postgres::{ChangeEnd, Database, LockError, UserLocks};
use tokio::time::sleep;
use uuid::Uuid;

use super::super::servers::Result;
use super::SECRET;
use super::cluster::Cluster;

// Read in whole at the end of each change, the rows of 300,000 users would leave 93 changes per second.
fn releases_by_index(cluster: &Cluster) -> Result<()> {
    cluster.execute(
        "INSERT INTO repass.user_locks (provider, user_hash, changed_at, is_applied) \
         SELECT 'many', sha256(user_::text::bytea), now(), true FROM generate_series(1, 20000) user_",
    )?;
    cluster.execute("ANALYZE repass.user_locks")?;
    let plan = cluster.query(&format!(
        "EXPLAIN UPDATE repass.user_locks SET holder = NULL WHERE holder = '{}'",
        Uuid::from_bytes([5; 16])
    ))?;
    cluster.execute("DELETE FROM repass.user_locks WHERE provider = 'many'")?;
    if plan.contains("Seq Scan") {
        return Err(format!("a release reads the rows of all users: {plan}").into());
    }
    Ok(())
}

/// The locks themselves, by two processes.
pub(super) async fn check(cluster: &Cluster, databases: [Arc<Database>; 2]) -> Result<()> {
    releases_by_index(cluster)?;
    let secret = || SECRET.as_bytes().to_vec().into();
    let [here, there] = databases.map(|database| Arc::new(UserLocks::new(database, secret())));
    let (alice, short) = (UserKey::of("alice@example.com"), Duration::from_millis(100));
    let first = here.lock("zoom", &alice, None, short).await?;
    assert_eq!(first.prior(), None, "a user without a change");
    let refused = there
        .lock("zoom", &UserKey::of("Alice@Example.com"), None, short)
        .await;
    assert_eq!(refused.err(), Some(LockError::TimedOut), "in another process");
    drop(there.lock("portal", &alice, None, short).await?);
    first.record(ChangeEnd::Applied);
    first.release().await;
    let second = there.lock("zoom", &alice, None, short).await?;
    let prior = second.prior().ok_or("the change is recorded")?;
    assert!(prior.is_applied && prior.unknown.is_none(), "{prior:?}");
    second.record(ChangeEnd::NotApplied);
    second.release().await;
    let unknown = UnknownOutcome::new("zoom");
    let third = here.lock("zoom", &alice, None, short).await?;
    assert_eq!(third.prior(), Some(prior), "what was not applied is no change");
    third.record(ChangeEnd::Unknown(Some(unknown.id())));
    third.release().await;
    // A process that ends with the lock: the row is free once its lease is over.
    let attempt = Uuid::from_bytes([4; 16]);
    let fourth = there.lock("zoom", &alice, Some(attempt), short).await?;
    assert_eq!(fourth.prior().and_then(|prior| prior.unknown), Some(unknown.id()));
    std::mem::forget(fourth);
    assert!(
        here.lock("zoom", &alice, None, short).await.is_err(),
        "its lease lasts"
    );
    cluster
        .execute("UPDATE repass.user_locks SET until = now() - interval '1 s' WHERE holder IS NOT NULL")?;
    let fifth = here.lock("zoom", &alice, None, short).await?;
    let prior = fifth.prior().ok_or("the change is recorded")?;
    assert!(
        !prior.is_applied && prior.unknown == Some(attempt),
        "it counts as sent: {prior:?}"
    );
    println!("  locks of users hold for two processes");
    Ok(())
}

/// Counts changes of one user at the same time, and changes each in a little while.
#[derive(Debug, Default)]
struct Detector {
    running: Mutex<BTreeMap<String, usize>>,
    overlaps: AtomicUsize,
    changes: AtomicUsize,
}

/// The provider of one process.
#[derive(Debug)]
struct Watched(Arc<Detector>);

impl Detector {
    fn running(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, usize>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl PasswordService for Watched {
    fn provider(&self) -> &'static str {
        "watched"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE.with_reset()
    }

    async fn change_password(
        &self,
        _: &CallContext,
        change: &PasswordChange,
    ) -> std::result::Result<ChangeReceipt, Error> {
        let user = change.user().expose().to_owned();
        let detector = &*self.0;
        let others = {
            let mut running = detector.running();
            let count = running.entry(user.clone()).or_default();
            *count += 1;
            *count - 1
        };
        detector.overlaps.fetch_add(others, Ordering::Relaxed);
        sleep(Duration::from_millis(5)).await;
        if let Some(count) = detector.running().get_mut(&user) {
            *count -= 1;
        }
        detector.changes.fetch_add(1, Ordering::Relaxed);
        Ok(ChangeReceipt::default())
    }

    async fn resolve(
        &self,
        _: &CallContext,
        _: &UnknownOutcome,
        _: &PasswordChange,
    ) -> std::result::Result<Resolution, Error> {
        Ok(Resolution::StillUnknown)
    }

    async fn policy(&self, _: &CallContext) -> std::result::Result<PasswordPolicy, Error> {
        Err(Error::not_applied(ErrorKind::Unsupported, "it has no rules"))
    }
}

/// Services with the same `[shared]` section, which change few users all at once, while connections are cut.
pub(super) async fn campaign(cluster: &Cluster, changes: usize) -> Result<usize> {
    const PROCESSES: usize = 3;
    const USERS: usize = 4;
    let folder = tempfile::tempdir()?;
    let config = super::configuration(folder.path(), cluster, "")?;
    let detector = Arc::new(Detector::default());
    let mut tasks = Vec::new();
    for process in 0..PROCESSES {
        let services = Services::builder()
            .file(&config)
            .with("watched", Watched(Arc::clone(&detector)))
            .build()?;
        let service = services.get("watched")?;
        for task in 0..USERS {
            let service = Arc::clone(&service);
            tasks.push(tokio::spawn(async move {
                let mut refused = 0;
                for number in 0..changes / PROCESSES / USERS {
                    let user = format!("user{}", (number + task) % USERS);
                    let new = format!("New-Passw0rd-{process}-{task}-{number}");
                    let reset = PasswordChange::reset(user.parse::<UserId>()?, Password::new(new.as_str())?);
                    // Without the database nothing is sent.
                    refused += usize::from(
                        service
                            .change_password(&CallContext::default(), &reset)
                            .await
                            .is_err(),
                    );
                }
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(refused)
            }));
        }
    }
    let mut cuts = 0;
    while tasks.iter().any(|task| !task.is_finished()) {
        sleep(Duration::from_millis(150)).await;
        cluster.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'repass' AND random() < 0.5",
        )?;
        cuts += 1;
    }
    let mut refused = 0;
    for task in tasks {
        refused += task.await??;
    }
    let (overlaps, made) = (
        detector.overlaps.load(Ordering::Relaxed),
        detector.changes.load(Ordering::Relaxed),
    );
    println!(
        "  {made} changes of {USERS} users by {PROCESSES} processes, {refused} not sent, connections cut {cuts} times: \
         {overlaps} at once for one user"
    );
    Ok(overlaps)
}
