//! `repass_testkit::fuzzing::redactor`, guided by coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| repass_testkit::fuzzing::redactor::target(data));
