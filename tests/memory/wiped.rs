//! The same with the allocator that wipes what is freed, as the binary has it and as an embedder can:
//! then not even what a server sends back stays.

// Without optimisation, parsers spill what they read on the stack: `cargo test --release`.
#![cfg(not(debug_assertions))]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![cfg(target_os = "linux")]

mod calls;
mod plain_client;

mod echoes;
mod needles;
mod scan;
mod secrets;
mod subject;
mod test_env;

#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);
