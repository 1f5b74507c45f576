//! Servers that echo passwords.

use crate::calls::{EVERY, assert_clean, row};
use crate::test_env::{TestEnv, respond};

// Calls under each answer.
const EACH: u32 = 48;

fn assert_echoes_leave_nothing(tls: bool) {
    let env = TestEnv::new(tls, EACH * 6);
    let mut subject = env.subject();
    let mut first = 1;
    for (status, body) in [
        (400, r#"{"code":9999,"message":"not %PASSWORD% again"}"#),
        (
            400,
            r#"{"succeeded":false,"errors":[{"code":"X","description":"%PASSWORD%"}]}"#,
        ),
        (
            200,
            r#"{"succeeded":false,"errors":[{"code":"X","description":"%PASSWORD%"}]}"#,
        ),
        (401, "%PASSWORD%"),
        (500, "<html>%PASSWORD%</html>"),
        (307, "%PASSWORD%"),
    ] {
        env.fail(Some(respond(status, body)), None);
        let summary = subject.run(&row(&EVERY, first, EACH));
        first += EACH;
        assert_eq!(summary.applied, 0, "{status} {body}");
        assert_clean(&subject.search(), &format!("{status} {body}"));
    }
}

#[test]
fn echoed_passwords_over_http_are_wiped() {
    assert_echoes_leave_nothing(false);
}

#[test]
fn echoed_passwords_over_https_are_wiped() {
    assert_echoes_leave_nothing(true);
}
