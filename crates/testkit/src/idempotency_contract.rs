//! What every store of idempotency keys guarantees, in this process or for several.

use std::sync::Arc;

use bytes::Bytes;
use rand::RngExt as _;
use repass::UnknownOutcome;
use repass_sidecar::{IdempotencyStore, KeyState, KeyedRequest, StoredResponse};

/// A request under a new key.
pub fn request() -> KeyedRequest {
    let mut random = rand::rng();
    KeyedRequest {
        key: random.random(),
        body: random.random(),
        client: None,
        attempt: UnknownOutcome::new("zoom"),
    }
}

/// A response with this body.
pub fn response(body: &str) -> StoredResponse {
    StoredResponse {
        status: 503,
        is_problem: true,
        retry_after: Some(2),
        body: Bytes::copy_from_slice(body.as_bytes()),
        is_evictable: false,
    }
}

async fn state(store: &dyn IdempotencyStore, request: &KeyedRequest) -> KeyState {
    store.reserve(request).await.expect("the store can be reached")
}

/// Checks the guarantee of [`IdempotencyStore`] with these stores, which share their keys: all processes, or one.
///
/// # Panics
/// If one of them breaks it.
pub async fn check(stores: &[Arc<dyn IdempotencyStore>]) {
    let (first, last) = (&*stores[0], &*stores[stores.len() - 1]);
    let asked = request();
    let other_body = KeyedRequest {
        body: [7; 32],
        ..asked.clone()
    };
    assert!(
        matches!(state(first, &asked).await, KeyState::Reserved),
        "a new key"
    );
    assert!(first.may_send(&asked.key), "what was reserved may be sent");
    assert!(
        matches!(state(last, &asked).await, KeyState::InFlight),
        "without a response"
    );
    assert!(
        matches!(state(last, &other_body).await, KeyState::Mismatch),
        "another body in flight"
    );
    first.store(&asked.key, response("done")).await;
    match state(last, &asked).await {
        KeyState::Answered(answer) => assert_eq!(answer, response("done")),
        other => panic!("a stored response: {other:?}"),
    }
    assert!(
        matches!(state(last, &other_body).await, KeyState::Mismatch),
        "another body, answered"
    );

    let refused = request();
    assert!(matches!(state(first, &refused).await, KeyState::Reserved));
    first.release(&refused.key);
    let mut again = state(last, &refused).await;
    // A process that shares its keys frees them a little later.
    for _ in 0..100 {
        if matches!(again, KeyState::Reserved) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        again = state(last, &refused).await;
    }
    assert!(matches!(again, KeyState::Reserved), "a released key: {again:?}");
    // The late release of another request with the key frees nothing.
    first.release(&request().key);
    assert!(matches!(state(first, &refused).await, KeyState::InFlight));

    races(stores).await;
}

// Of all that ask for a key at once, one gets it.
async fn races(stores: &[Arc<dyn IdempotencyStore>]) {
    const KEYS: usize = 25;
    const ASKING: usize = 16;
    for _ in 0..KEYS {
        let asked = request();
        let mut tasks = Vec::new();
        for at in 0..ASKING {
            let (store, asked) = (Arc::clone(&stores[at % stores.len()]), asked.clone());
            tasks.push(tokio::spawn(async move { state(&*store, &asked).await }));
        }
        let mut reserved = 0;
        for task in tasks {
            match task.await.expect("the task ends") {
                KeyState::Reserved => reserved += 1,
                KeyState::InFlight => {}
                other => panic!("a key that is asked for at once: {other:?}"),
            }
        }
        assert_eq!(reserved, 1, "one of {ASKING} gets a key");
    }
}
