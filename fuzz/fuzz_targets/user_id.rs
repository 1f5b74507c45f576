//! `repass_testkit::fuzzing::user_id`, guided by coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| repass_testkit::fuzzing::user_id::target(data));
