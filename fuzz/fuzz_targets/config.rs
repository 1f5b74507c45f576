//! `repass_testkit::fuzzing::config`, guided by coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| repass_testkit::fuzzing::config::target(data));
