//! `repass_testkit::fuzzing::token_response`, guided by coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| repass_testkit::fuzzing::token_response::target(data));
