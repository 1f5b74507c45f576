//! Whatever names a user, it stays one segment of the path.

use proptest::collection::vec;
use proptest::prelude::*;
use repass_testkit::fuzzing::{path, user_id};

proptest! {
    #[test]
    fn path_segment_survives_a_round_trip(segment in any::<String>()) {
        path::check(&["users", &segment, "password"], &[]);
    }

    #[test]
    fn user_id_never_changes_the_path(text in "[a./%?#\\\\ \u{0}-\u{1f}é@]{0,8}|\\PC{0,300}") {
        user_id::check(&text);
    }

    #[test]
    fn query_survives_a_round_trip(query in vec(("[a-z]{1,8}", any::<String>()), 1..4)) {
        let query: Vec<_> = query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        path::check(&["x"], &query);
    }
}
