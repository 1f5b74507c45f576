//! Servers that send back what they were sent, over plain HTTP. Over TLS it does not hold yet: of a
//! small answer the whole body is there with the head, so the pool has the connection back before it
//! can be told to close it, and its buffers live until the pool looks through its idle connections.

use crate::calls::{EVERY, assert_clean, row};
use crate::world::{World, respond};

// Calls under each answer.
const EACH: u32 = 48;

fn leave_nothing() {
    let world = World::new(false, EACH * 5);
    let mut subject = world.subject();
    let mut first = 1;
    for (status, body) in [
        (400, r#"{"code":9999,"message":"not %PASSWORD% again"}"#),
        (
            400,
            r#"{"succeeded":false,"errors":[{"code":"X","description":"%PASSWORD%"}]}"#,
        ),
        (401, "%PASSWORD%"),
        (500, "<html>%PASSWORD%</html>"),
        (307, "%PASSWORD%"),
    ] {
        world.fail(Some(respond(status, body)), None);
        let summary = subject.run(&row(&EVERY, first, EACH));
        first += EACH;
        assert_eq!(summary.applied, 0, "{status} {body}");
        assert_clean(&subject.search_when_settled(), &format!("{status} {body}"));
    }
}

#[test]
fn over_plain_http_leave_nothing() {
    leave_nothing();
}
