//! The store of idempotency keys in memory keeps the contract of all stores. The one in PostgreSQL is checked by
//! `cargo xtask real-servers postgres`, with the same contract.

use std::sync::Arc;

use repass_sidecar::InMemoryIdempotencyStore;
use repass_testkit::idempotency_contract;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn store_in_memory_keeps_the_contract() {
    idempotency_contract::check(&[Arc::new(InMemoryIdempotencyStore::default())]).await;
}
