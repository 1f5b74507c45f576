//! What can be read, and what is said of the rest.

use std::fmt::Write as _;

use repass_bulk::{Outcome, Passwords, Run, Tally, Terms};

use crate::world::World;

fn read(text: impl AsRef<[u8]>, passwords: Passwords) -> Vec<(u64, Option<String>, Option<String>)> {
    let world = World::new(&[]);
    let terms = Terms {
        passwords,
        input: None,
        provider: None,
        secrets: None,
    };
    let (mut run, _) = Run::create(&world.run(), terms, None).unwrap();
    let source = Box::new(std::io::Cursor::new(text.as_ref().to_vec()));
    let names = repass_bulk::Names::new(["zoom", "portal"], Some("zoom"));
    let input = repass_bulk::Input::new(source, "users.csv", names, passwords).unwrap();
    run.take_in(input).unwrap();
    let rows = world.records().into_iter();
    rows.map(|row| {
        (
            row.line,
            row.user,
            row.message.filter(|_| row.outcome == Outcome::NotApplied),
        )
    })
    .collect()
}

fn good(line: u64, user: &str) -> (u64, Option<String>, Option<String>) {
    (line, Some(user.to_owned()), None)
}

fn refusal(text: &str, passwords: Passwords) -> String {
    World::input(text, passwords).unwrap_err().to_string()
}

#[test]
fn csv_as_spreadsheets_write_it() {
    for text in [
        "user,provider\nann,zoom\nbob,portal\n",
        "\u{feff}user,provider\r\nann,zoom\r\nbob,portal",
        "provider;user\nzoom;ann\nportal;bob\n",
        "user,provider\rann,zoom\rbob,portal\r",
        "user\tprovider\nann\tzoom\nbob\tportal\n",
        "\"user\",\"provider\"\n\"ann\",\"\"\n\"bob\",portal\n",
        " user , provider \nann,\nbob,portal\n",
    ] {
        assert_eq!(
            read(text, Passwords::Generated),
            [good(2, "ann"), good(3, "bob")],
            "{text:?}"
        );
    }
}

#[test]
fn lines_are_those_of_the_file() {
    let text = "\nuser,new_password\n\nann,\"two\nlines\"\r\n\r\nbob,\"a \"\"b\"\"\"\ncarol,x";
    assert_eq!(
        read(text, Passwords::Given),
        [good(4, "ann"), good(7, "bob"), good(8, "carol")]
    );
}

#[test]
fn lines_end_with_a_return_a_line_feed_or_both() {
    let text = "user,new_password\r\nann,\"a\rb\r\nc\"\rbob,x\n\r\rcarol,y\r\n\ndave,z";
    let rows = [good(2, "ann"), good(5, "bob"), good(8, "carol"), good(10, "dave")];
    assert_eq!(read(text, Passwords::Given), rows);
    // However they come in pieces.
    let row = format!("user,new_password\r\n{}", "ann,x\r\n".repeat(20_000));
    let lines = read(row, Passwords::Given).into_iter().map(|(line, ..)| line);
    assert!(lines.eq(2..20_002));
}

#[test]
fn json_lines() {
    let text = "{\"user\":\"ann\",\"new_password\":\"x\"}\n\n  {\"user\":\"bob\",\"new_password\":\"y\",\"provider\":\"portal\"}";
    assert_eq!(read(text, Passwords::Given), [good(1, "ann"), good(3, "bob")]);
    let bad = "{\"user\":\"ann\",\"new_password\":\"canary-1\",\"canary-2\":1}\n{\"user\":\"bob\",\"new_password\":77}\nnonsense\n\
               [\"carol\",\"zoom\",\"canary-3\",null]\n";
    let rows = read(bad, Passwords::Given);
    assert_eq!(rows.len(), 4);
    for (_, _, reason) in rows {
        let reason = reason.unwrap();
        assert!(
            reason.contains("user, new_password") && !reason.contains("canary") && !reason.contains("77"),
            "{reason}"
        );
    }
}

#[test]
fn every_bad_row_is_told_with_every_reason() {
    let text = "user,new_password,provider\n,,okta\nann,x\nbob,\u{0},zoom\ncarol,y,zoom\n";
    let rows = read(text, Passwords::Given);
    let reasons: Vec<&str> = rows
        .iter()
        .filter_map(|(_, _, reason)| reason.as_deref())
        .collect();
    assert_eq!(
        reasons,
        [
            "the user id is empty; no provider is called what the row says; configured: zoom, portal; the new password is empty",
            "has 2 fields, but the header has 3; a field that holds the separator needs quotes",
            "the new password contains a NUL character",
        ]
    );
    assert_eq!(rows[3], good(5, "carol"));
}

#[test]
fn a_row_of_a_megabyte_is_refused_and_the_next_one_is_read() {
    for quote in ["", "\""] {
        let text = format!(
            "user,new_password\nann,{quote}{}{quote}\nbob,y\n",
            "x".repeat(1 << 20)
        );
        let rows = read(text, Passwords::Given);
        assert!(
            rows[0].2.as_deref().unwrap().starts_with("is longer than 64 KiB"),
            "{rows:?}"
        );
        assert_eq!(rows[1..], [good(3, "bob")]);
    }
    let text = format!(
        "{{\"user\":\"a\"}}\n{{\"user\":\"{}\"}}\n{{\"user\":\"b\"}}\n",
        "x".repeat(1 << 20)
    );
    let rows = read(text, Passwords::Generated);
    assert_eq!(rows[1].2.as_deref(), Some("is longer than 64 KiB"));
    assert_eq!((&rows[0], &rows[2]), (&good(1, "a"), &good(3, "b")));
}

#[test]
fn bytes_that_are_no_utf8_are_a_bad_row() {
    let rows = read(b"user,new_password\nann,\xff\n\xfe,x\n", Passwords::Given);
    assert!(
        rows[0]
            .2
            .as_deref()
            .unwrap()
            .starts_with("the new password is not valid UTF-8"),
        "{rows:?}"
    );
    assert!(
        rows[1]
            .2
            .as_deref()
            .unwrap()
            .starts_with("the user id is not valid UTF-8"),
        "{rows:?}"
    );
}

#[test]
fn a_header_that_is_none_is_not_quoted() {
    let text = refusal(
        "ann@example.com,canary-9\nbob@example.com,canary-10\n",
        Passwords::Given,
    );
    assert!(!text.contains("canary") && !text.contains("ann@"), "{text}");
    assert!(
        text.contains("column 1 of the header") && text.contains("which are: user, new_password"),
        "{text}"
    );
    let text = refusal("user,user\n", Passwords::Generated);
    assert!(text.contains("the column user twice"), "{text}");
    let text = refusal("user\nann\n", Passwords::Given);
    assert!(text.contains("no column new_password"), "{text}");
    let text = refusal("user,new_password\nann,x\n", Passwords::Generated);
    assert!(text.contains("although they are to be made"), "{text}");
    assert!(refusal("[{\"user\":\"ann\"}]", Passwords::Generated).contains("one object a line"));
    let world = World::new(&[]);
    let utf16 = Box::new(std::io::Cursor::new(b"\xff\xfeu\0s\0".to_vec()));
    let names = repass_bulk::Names::new(["zoom"], Some("zoom"));
    let problem = repass_bulk::Input::new(utf16, "users.csv", names, Passwords::Generated).unwrap_err();
    assert_eq!(problem.to_string(), "users.csv: is UTF-16; save it as UTF-8");
    drop(world);
}

#[test]
fn nothing_at_all_is_no_rows() {
    assert!(read("", Passwords::Generated).is_empty());
    assert!(read("\n\n", Passwords::Generated).is_empty());
    assert!(read("user\n", Passwords::Generated).is_empty());
}

#[test]
fn what_comes_in_is_counted_and_only_once() {
    let world = World::new(&[]);
    let (mut run, _) = world.begin(&["ann"]);
    // More than one commit takes, and one of them twice.
    let mut text = "user\nann\n".to_owned();
    for number in 0..5000 {
        writeln!(text, "user{}", number % 4999).unwrap();
    }
    let expected = Tally {
        rows: 5000,
        not_applied: 1,
        pending: 4999,
        ..Tally::default()
    };
    let mut taken = || run.take_in(World::input(&text, Passwords::Generated).unwrap());
    assert_eq!(taken().unwrap(), expected);
    assert_eq!(taken().unwrap(), Tally::default());
    assert_eq!(run.tally().unwrap().pending, 5000);
}
