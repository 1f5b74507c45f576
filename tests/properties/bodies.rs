//! What is written can be read back, by others' readers.

use proptest::collection::vec;
use proptest::prelude::*;
use repass_testkit::fuzzing::{form, json, multipart, password};

fn fields() -> impl Strategy<Value = Vec<(String, String)>> {
    vec(("[a-zA-Z_]{1,12}", any::<String>()), 1..6)
}

proptest! {
    #[test]
    fn multipart_form_survives_a_round_trip(fields in fields()) {
        multipart::check(&fields);
    }

    #[test]
    fn urlencoded_form_survives_a_round_trip(fields in fields()) {
        form::check(&fields);
    }

    #[test]
    fn json_body_survives_a_round_trip(fields in fields()) {
        json::check(&fields);
    }

    #[test]
    fn password_reaches_the_provider_unchanged(current in any::<String>(), new in any::<String>()) {
        password::check(&current, &new);
    }
}
