//! `repass_testkit::fuzzing::policy_document`, guided by coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| repass_testkit::fuzzing::policy_document::target(data));
