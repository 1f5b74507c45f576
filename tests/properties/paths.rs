//! Whatever names a user, it stays one segment of the path.

use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use repass::UserId;
use repass_transport::{Method, Replay, Request};

fn path(segment: &str) -> String {
    let request = Request::new("test", Method::PUT, Replay::OnlyIfUnacted);
    request
        .segment("users")
        .segment(segment)
        .segment("password")
        .path()
        .to_owned()
}

proptest! {
    #[test]
    fn a_segment_stays_one_and_reads_back(text in any::<String>()) {
        let path = path(&text);
        let parts: Vec<&str> = path.split('/').collect();
        prop_assert_eq!(parts.len(), 4);
        prop_assert_eq!((parts[0], parts[1], parts[3]), ("", "users", "password"));
        let safe = |c: char| c.is_ascii_alphanumeric() || "-._~@%".contains(c);
        prop_assert!(parts[2].chars().all(safe), "{}", path);
        let read = percent_decode_str(parts[2]).decode_utf8().unwrap();
        prop_assert_eq!(&*read, &*text);
    }

    #[test]
    fn a_user_id_is_no_step_in_a_path(text in "[a./%?#\\\\ \u{0}-\u{1f}é@]{0,8}|\\PC{0,300}") {
        if let Ok(user) = text.parse::<UserId>() {
            prop_assert!(!["", ".", ".."].contains(&user.expose()), "{:?}", text);
            prop_assert!(!text.contains(['/', '%', '?', '#', '\\', '\n', '\r', '\0', ' ']), "{:?}", text);
            let shown = format!("{user:?}");
            prop_assert!(text.len() < 4 || !shown.contains(&text), "{}", shown);
        }
    }

    #[test]
    fn a_query_reads_back(name in "[a-z]{1,8}", value in any::<String>()) {
        let request = Request::new("test", Method::GET, Replay::Convergent).segment("x").query(&name, &value);
        let (_, query) = request.path().split_once('?').unwrap();
        let read: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        prop_assert_eq!(read, [(name, value)]);
    }
}
