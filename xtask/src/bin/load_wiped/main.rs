//! The program `load` with the allocator that wipes what is freed: `performance` compares the two.

use std::process::ExitCode;

#[path = "../load/main.rs"]
mod load;

#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    load::main()
}
