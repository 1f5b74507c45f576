//! The workspace as a whole under test. `house_rules.rs` holds what ARCHITECTURE.md says;
//! `end_to_end` runs the real binary and library against the sandbox and is compiled as a test of
//! the package `repass`, the only one to which Cargo hands its binary.

use std::path::Path;

/// The workspace's root folder.
pub fn root() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}
