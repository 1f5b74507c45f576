//! Blocklists and breach ranges.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::Arc;

use repass_domain::{
    Blocklist, Certainty, MalformedHashes, Password, PasswordPolicy, Preset, RangeQuery, Rule,
};

// SHA-1 of "password" and of "Straße".
const PASSWORD: &str = "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8";

fn password(text: &str) -> Password {
    Password::new(text).unwrap()
}

#[test]
fn plain_text_blocklist_matches_any_case_and_normalization() {
    let list = Blocklist::from_plain_text("letmein\r\n\nCafe\u{301}99\n with blanks \nПАРОЛЬ\n");
    assert_eq!(list.len(), 4);
    for text in [
        "letmein",
        "LETMEIN",
        "café99",
        "CAFÉ99",
        "cafe\u{301}99",
        " with blanks ",
        "пароль",
    ] {
        assert!(list.contains(&password(text)), "{text}");
    }
    for text in ["letmein1", "cafe99", "with blanks", "\r"] {
        assert!(!list.contains(&password(text)), "{text}");
    }
    assert!(!format!("{list:?}").contains("letmein"));
}

#[test]
fn hash_blocklist_matches_the_exact_password() {
    let (prefix, suffix) = PASSWORD.split_at(5);
    let lists = [
        Blocklist::from_sha1("", PASSWORD).unwrap(),
        Blocklist::from_sha1("", &format!("{}:3\r\n", PASSWORD.to_lowercase())).unwrap(),
        Blocklist::from_sha1(prefix, &format!("{suffix}:10434004\n")).unwrap(),
    ];
    for list in &lists {
        assert!(list.contains(&password("password")));
        assert!(!list.contains(&password("Password")));
    }
    let joined: Blocklist = lists.into_iter().collect();
    assert_eq!(joined.len(), 1);
    let padding = Blocklist::from_sha1("", &format!("{PASSWORD}:0")).unwrap();
    assert!(padding.is_empty());
}

#[test]
fn malformed_hash_list_is_rejected_with_its_line() {
    let bad = |prefix: &str, text: &str| Blocklist::from_sha1(prefix, text).unwrap_err();
    assert_eq!(
        bad("", &format!("{PASSWORD}\n\n{}", &PASSWORD[1..])),
        MalformedHashes { line: 3 }
    );
    assert_eq!(bad("", "password"), MalformedHashes { line: 1 });
    assert_eq!(bad("", &format!("{PASSWORD}:many")), MalformedHashes { line: 1 });
    assert_eq!(bad("5BAAX", &PASSWORD[5..]), MalformedHashes { line: 1 });
    assert_eq!(bad("5BAA61", &PASSWORD[5..]), MalformedHashes { line: 1 });
    assert_eq!(
        bad(&format!("{PASSWORD}0"), PASSWORD),
        MalformedHashes { line: 1 }
    );
    assert_eq!(
        bad("", "é").to_string(),
        "line 1 is not a SHA-1 hash of the expected length"
    );
}

#[test]
fn blocklist_makes_not_common_exact() {
    let nist = PasswordPolicy::from(Preset::Nist80063b4);
    let common = password("Correct Horse Battery");
    assert!(nist.check(&common).is_empty());
    let list = Arc::new(Blocklist::from_plain_text("correct horse battery"));
    let nist = nist.with_blocklist(list).unwrap();
    assert!(
        nist.rules()
            .any(|rule| rule == (&Rule::NotCommon, Certainty::Exact))
    );
    let broken = nist.check(&common);
    assert_eq!((broken.len(), broken[0].rule()), (1, &Rule::NotCommon));
    assert!(nist.check(&password("correct horse stapler")).is_empty());
}

#[test]
fn range_query_sends_five_digits_and_compares_the_rest() {
    let query = RangeQuery::new(&password("password"));
    assert_eq!(query.prefix(), "5BAA6");
    let suffix = &PASSWORD[5..];
    let other = "0".repeat(35);
    for (answer, count) in [
        (format!("{other}:5\r\n{suffix}:10434004\r\n"), 10_434_004),
        (format!("{}:7", suffix.to_lowercase()), 7),
        (format!("{other}:5"), 0),
        (format!("{suffix}:0"), 0),
        (format!("{suffix}:0\n{suffix}:2"), 2),
        (format!("{suffix}:2\n{suffix}:0"), 2),
        (String::new(), 0),
    ] {
        assert_eq!(query.count_in(&answer), Ok(count), "{answer}");
    }
    for answer in [
        "<!doctype html>".to_owned(),
        "<title>Sign in to continue</title>!".to_owned(),
        format!("{other}:5\n{suffix}:-1"),
        PASSWORD.to_owned(),
    ] {
        let line = answer.lines().count();
        assert_eq!(query.count_in(&answer), Err(MalformedHashes { line }), "{answer}");
    }
    assert!(!format!("{query:?}").contains("BAA6"));
}
