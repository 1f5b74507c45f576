//! Look-ups of rules at a provider that does not answer.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use repass_domain::ChangeReceipt;
use repass_sidecar::{DrainReport, Options};
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;

use crate::connections::{Running, answer, until};
use crate::world::{ALICE, SCRIPTED, Scripted, Services, get, post, send};

const POLICY: &str = "/v1/providers/scripted/policy";

#[tokio::test(start_paused = true)]
async fn rules_lookups_share_a_timeout_and_delay_no_change() {
    let scripted = Scripted::silent(|| Ok(ChangeReceipt::new()));
    scripted.let_go(100);
    let options = Options {
        budget: Duration::from_secs(2),
        max_in_flight: 12,
        ..Options::default()
    };
    let sidecar = Services::default().with(&scripted).sidecar(options);
    let start = Instant::now();
    let look_ups = join_all((0..12).map(|_| get(&sidecar, POLICY)));
    let change = async {
        until(|| scripted.asked.load(Ordering::SeqCst) == 1).await;
        // As many look-ups wait as there may be.
        assert_eq!(get(&sidecar, POLICY).await.json["code"], "overloaded");
        send(&sidecar, post(SCRIPTED, ALICE)).await
    };
    let (look_ups, change) = tokio::join!(look_ups, change);
    assert_eq!(change.status, 200);
    for read in look_ups {
        assert_eq!(
            (read.status.as_u16(), &read.json["code"], &read.json["effect"]),
            (503, &"timed_out".into(), &"not_applied".into())
        );
    }
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    // All of them waited for one, and the next asks again.
    assert_eq!(scripted.asked.load(Ordering::SeqCst), 1);
    assert_eq!(get(&sidecar, POLICY).await.status, 503);
    assert_eq!(scripted.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn shutdown_does_not_wait_for_rules_lookups() {
    let scripted = Scripted::silent(|| Ok(ChangeReceipt::new()));
    let mut running = Running::start(&scripted, Options::default()).await;
    let mut reading = running.connect().await;
    let head = format!("GET {POLICY} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    reading.write_all(head.as_bytes()).await.unwrap();
    until(|| scripted.asked.load(Ordering::SeqCst) == 1).await;
    let mut changing = running.connect().await;
    let head = format!(
        "POST {SCRIPTED} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        ALICE.len()
    );
    changing.write_all((head + ALICE).as_bytes()).await.unwrap();
    until(|| scripted.begun() == 1).await;
    running.stop();
    scripted.let_go(1);
    assert!(answer(&mut changing).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(running.ended().await, DrainReport { abandoned: 0 });
}
