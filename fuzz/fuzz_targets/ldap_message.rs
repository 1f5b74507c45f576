//! `repass_testkit::fuzzing::ldap_message`, guided by coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| repass_testkit::fuzzing::ldap_message::target(data));
