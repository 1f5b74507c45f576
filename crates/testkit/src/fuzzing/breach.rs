//! Lists of breached passwords, from a service or a file.

use repass::{Blocklist, Password, RangeQuery};

/// Fuzzes lists of breached passwords. The first line is a password, the rest a list.
///
/// # Panics
/// If a law is broken.
pub fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (password, list) = text.split_once('\n').unwrap_or_default();
    let Ok(known) = Password::new(password) else {
        return;
    };
    let query = RangeQuery::new(&known);
    assert!(query.prefix().len() == 5 && query.prefix().bytes().all(|digit| digit.is_ascii_hexdigit()));
    let counted = query.count_in(list);
    let listed = Blocklist::from_sha1(query.prefix(), list);
    // Two readers of the same list: what one counts, the other finds.
    assert_eq!(counted.is_ok(), listed.is_ok(), "{counted:?}");
    if let (Ok(count), Ok(listed)) = (counted, listed) {
        assert_eq!(count > 0, listed.contains(&known));
    }

    if let Ok(hashes) = Blocklist::from_sha1("", list) {
        assert!(hashes.len() <= list.lines().count());
    }
    let words = Blocklist::from_plain_text(list);
    assert!(words.len() <= list.lines().count());
    for word in list.lines().take(8) {
        let taken = Password::new(word);
        assert!(
            taken.is_err() || taken.is_ok_and(|word| words.contains(&word)),
            "{word:?}"
        );
    }
}
