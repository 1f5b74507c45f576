//! `repass_tests::fuzzing::form`, guided by coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| repass_tests::fuzzing::form::target(data));
