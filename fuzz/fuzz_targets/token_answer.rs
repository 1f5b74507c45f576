//! `repass_testkit::fuzzing::token_answer`, guided by coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| repass_testkit::fuzzing::token_answer::target(data));
