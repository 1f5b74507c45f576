# Shortcuts for developers. CONTRIBUTING.md lists the plain command of each.

# List the commands
[private]
default:
    @{{ just_executable() }} --list --unsorted

# Check formatting and lints, warnings as errors
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Run all tests
test:
    cargo test --workspace

# Show a lost response and what repass makes of it
demo:
    cargo run -- demo

# Run everything that must pass for a commit on main
gate:
    .ci/run

# Measure what a change costs
bench:
    cargo run --release -p xtask -- performance

# Build the API documentation, warnings as errors
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
