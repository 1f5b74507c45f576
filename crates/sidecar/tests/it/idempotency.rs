//! `Idempotency-Key`.

use std::sync::Arc;

use async_trait::async_trait;
use repass_domain::{ChangeReceipt, Error, ErrorKind, ProviderDetail};
use repass_sidecar::{
    IdempotencyStore, KeyState, KeyedHash, KeyedRequest, Options, SharedIdempotency, StoreUnavailable,
    StoredResponse,
};
use serde_json::Value;

use crate::world::{ALICE, CHANGES, SCRIPTED, Scripted, Services, get, keyed, memory, post, send};

#[tokio::test]
async fn idempotency_key_with_the_same_request_replays_the_response() {
    let memory = memory();
    let sidecar = Services::default().with(&memory).sidecar(Options::default());
    memory.lose_next_response();
    let first = send(&sidecar, keyed(CHANGES, "k-1", ALICE)).await;
    let again = send(&sidecar, keyed(CHANGES, "k-1", ALICE)).await;
    assert_eq!((first.status.as_u16(), &first.json), (409, &again.json));
    assert_eq!(
        (
            first.header("idempotency-replayed"),
            again.header("idempotency-replayed")
        ),
        ("", "true")
    );
    assert_eq!(memory.applied().len(), 1);
    assert_eq!(send(&sidecar, keyed(CHANGES, "k-2", ALICE)).await.status, 200);
    assert_eq!(send(&sidecar, post(CHANGES, ALICE)).await.status, 200);
    assert_eq!(memory.applied().len(), 3);
}

#[tokio::test]
async fn idempotency_key_with_another_request_is_rejected() {
    let sidecar = Services::default().with(&memory()).sidecar(Options::default());
    assert_eq!(send(&sidecar, keyed(CHANGES, "k", ALICE)).await.status, 200);
    let other = send(&sidecar, keyed(CHANGES, "k", ALICE.replace("New", "Old"))).await;
    assert_eq!(
        (other.status.as_u16(), other.json["code"].as_str()),
        (422, Some("idempotency_mismatch"))
    );
    // Another route is another request, and what was never sent is not kept.
    let resolutions = "/v1/providers/memory/resolutions";
    assert_eq!(send(&sidecar, keyed(resolutions, "k", ALICE)).await.status, 200);
    assert_eq!(send(&sidecar, keyed(CHANGES, "bad", "{}")).await.status, 400);
    assert_eq!(send(&sidecar, keyed(CHANGES, "bad", ALICE)).await.status, 200);
    assert_eq!(
        send(&sidecar, keyed(CHANGES, &"k".repeat(256), ALICE))
            .await
            .status,
        400
    );
    assert_eq!(send(&sidecar, keyed(CHANGES, "", ALICE)).await.status, 400);
}

#[tokio::test]
async fn client_that_disconnected_gets_the_outcome_by_its_idempotency_key() {
    let scripted = Scripted::held(|| Ok(ChangeReceipt::new()));
    let sidecar = Services::default().with(&scripted).sidecar(Options::default());
    let hung_up = async {
        while scripted.begun() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        read = send(&sidecar, keyed(SCRIPTED, "k", ALICE)) => panic!("{read:?}"),
        () = hung_up => {}
    }
    let running = send(&sidecar, keyed(SCRIPTED, "k", ALICE)).await;
    assert_eq!(
        (
            running.status.as_u16(),
            running.json["code"].as_str(),
            &running.json["effect"]
        ),
        (409, Some("idempotency_in_progress"), &Value::Null)
    );
    assert_eq!(running.header("retry-after"), "1");
    scripted.let_go(1);
    while scripted.ended() == 0 {
        tokio::task::yield_now().await;
    }
    let reported = loop {
        let read = send(&sidecar, keyed(SCRIPTED, "k", ALICE)).await;
        if read.json["code"] != "idempotency_in_progress" {
            break read;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(
        (reported.status.as_u16(), reported.header("idempotency-replayed")),
        (200, "true")
    );
    assert_eq!(scripted.begun(), 1);
}

#[tokio::test]
async fn idempotency_key_of_a_request_that_never_reached_the_provider_is_freed() {
    let scripted = Scripted::new(|| Err(Error::not_applied(ErrorKind::Unreachable, "no connection")));
    let sidecar = Services::default().with(&scripted).sidecar(Options::default());
    for _ in 0..2 {
        let read = send(&sidecar, keyed(SCRIPTED, "k", ALICE)).await;
        assert_eq!(
            (read.status.as_u16(), read.header("idempotency-replayed")),
            (503, "")
        );
    }
    assert_eq!(scripted.ended(), 2);
    let refused = || {
        let error = Error::not_applied(ErrorKind::NotEligible, "it refuses");
        Err(error.with_detail(ProviderDetail::default()))
    };
    let scripted = Scripted::new(refused);
    let sidecar = Services::default().with(&scripted).sidecar(Options::default());
    for replayed in ["", "true"] {
        let read = send(&sidecar, keyed(SCRIPTED, "k", ALICE)).await;
        assert_eq!(
            (read.status.as_u16(), read.header("idempotency-replayed")),
            (403, replayed)
        );
    }
    assert_eq!(scripted.ended(), 1);
}

// 100,000 keys and more, of changes that were made: not one of them is made twice.
#[tokio::test]
async fn idempotency_cache_at_its_limit_rejects_new_keys() {
    let scripted = Scripted::new(|| Ok(ChangeReceipt::new()));
    let sidecar = Services::default().with(&scripted).sidecar(Options::default());
    let mut made = 0;
    let refused = loop {
        let read = send(&sidecar, keyed(SCRIPTED, &format!("k{made}"), ALICE)).await;
        if read.status != 200 {
            break read;
        }
        made += 1;
        assert!(made <= 200_000, "nothing bounds it");
    };
    assert_eq!(
        (
            refused.status.as_u16(),
            refused.json["code"].as_str(),
            &*refused.json["effect"].to_string()
        ),
        (503, Some("idempotency_full"), "\"not_applied\"")
    );
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=3600).contains(&seconds));
    assert_eq!(scripted.ended(), made);
    let first = send(&sidecar, keyed(SCRIPTED, "k0", ALICE)).await;
    assert_eq!(
        (first.status.as_u16(), first.header("idempotency-replayed")),
        (200, "true")
    );
    assert_eq!(send(&sidecar, post(SCRIPTED, ALICE)).await.status, 200);
}

/// A shared store that can, or cannot, be used.
#[derive(Debug)]
struct Store(Result<Option<&'static str>, &'static str>);

#[async_trait]
impl IdempotencyStore for Store {
    async fn reserve(&self, _: &KeyedRequest) -> Result<KeyState, StoreUnavailable> {
        match self.0 {
            Ok(_) => Ok(KeyState::Reserved),
            Err(why) => Err(StoreUnavailable(why.to_owned())),
        }
    }

    async fn store(&self, _: &KeyedHash, _: StoredResponse) {}

    fn release(&self, _: &KeyedHash) {}

    fn keys_in_memory(&self) -> usize {
        0
    }

    fn check(&self) -> Result<(), StoreUnavailable> {
        self.0.map(drop).map_err(|why| StoreUnavailable(why.to_owned()))
    }

    fn warning(&self) -> Option<String> {
        self.0.ok().flatten().map(str::to_owned)
    }
}

#[tokio::test]
async fn readiness_shows_the_state_of_a_shared_store() {
    for (store, status, text) in [
        (Ok(None), 200, "ready\n"),
        (
            Ok(Some("responses wait: 3")),
            200,
            "ready\nwarning: responses wait: 3\n",
        ),
        (Err("the database is gone"), 503, "the database is gone"),
    ] {
        let memory = memory();
        let sidecar = Services::default().with(&memory).sidecar(Options {
            idempotency: Some(SharedIdempotency {
                store: Arc::new(Store(store)),
                secret: vec![7; 32].into(),
            }),
            ..Options::default()
        });
        let ready = get(&sidecar, "/readyz").await;
        assert_eq!(ready.status, status, "{}", ready.text);
        assert!(ready.text.contains(text), "{}", ready.text);
        let changed = send(&sidecar, keyed(CHANGES, "k", ALICE)).await;
        assert_eq!(
            (changed.status.as_u16(), memory.applied().len()),
            (status, usize::from(status == 200))
        );
    }
}
