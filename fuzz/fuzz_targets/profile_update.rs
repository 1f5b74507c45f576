//! `repass_testkit::fuzzing::profile_update`, guided by coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| repass_testkit::fuzzing::profile_update::target(data));
