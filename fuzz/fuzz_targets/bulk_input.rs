//! `repass_testkit::fuzzing::bulk_input`, guided by coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| repass_testkit::fuzzing::bulk_input::target(data));
