//! `repass_testkit::fuzzing::retry_after`, guided by coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| repass_testkit::fuzzing::retry_after::target(data));
