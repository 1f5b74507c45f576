//! `repass_testkit::fuzzing::identity_lookup`, guided by coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| repass_testkit::fuzzing::identity_lookup::target(data));
