//! `repass_tests::fuzzing::json`, guided by coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| repass_tests::fuzzing::json::target(data));
