//! `repass_testkit::fuzzing::base_url`, guided by coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| repass_testkit::fuzzing::base_url::target(data));
