//! The same with the allocator that wipes freed memory, as in the binary: even echoed passwords are gone.

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
