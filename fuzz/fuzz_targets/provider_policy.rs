//! `repass_testkit::fuzzing::provider_policy`, guided by coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| repass_testkit::fuzzing::provider_policy::target(data));
