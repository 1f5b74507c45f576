//! What is written can be read back, by others' readers.

use proptest::collection::vec;
use proptest::prelude::*;
use repass_testkit::fuzzing::{form, json, multipart, password};

fn fields() -> impl Strategy<Value = Vec<(String, String)>> {
    vec(("[a-zA-Z_]{1,12}", any::<String>()), 1..6)
}

proptest! {
    #[test]
    fn form_data_reads_back(fields in fields()) {
        multipart::check(&fields);
    }

    #[test]
    fn a_form_reads_back(fields in fields()) {
        form::check(&fields);
    }

    #[test]
    fn json_reads_back(fields in fields()) {
        json::check(&fields);
    }

    #[test]
    fn a_password_reaches_the_provider_as_it_is(current in any::<String>(), new in any::<String>()) {
        password::check(&current, &new);
    }
}
