//! `repass_tests::fuzzing::token_answer`, guided by coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| repass_tests::fuzzing::token_answer::target(data));
