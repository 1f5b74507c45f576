//! `repass_testkit::fuzzing::zoom_profile`, guided by coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| repass_testkit::fuzzing::zoom_profile::target(data));
