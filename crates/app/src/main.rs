//! The command line `repass`. All of it is in the library, behind the feature `cli`.

/// Wipes all memory that any crate frees. An embedder can have the same by this line.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> std::process::ExitCode {
    repass::cli::main()
}
