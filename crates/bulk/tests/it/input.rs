//! What can be read, and what is said of the rest.

use std::fmt::Write as _;

use repass_bulk::{PasswordSource, RowStatus, Run, RunManifest, Tally};

use crate::world::World;

fn read(text: impl AsRef<[u8]>, passwords: PasswordSource) -> Vec<(u64, Option<String>, Option<String>)> {
    let world = World::new(&[]);
    let manifest = RunManifest {
        passwords,
        input: None,
        provider: None,
        secrets: None,
    };
    let (mut run, _) = Run::create(&world.run(), manifest, None).unwrap();
    let source = Box::new(std::io::Cursor::new(text.as_ref().to_vec()));
    let names = repass_bulk::ProviderNames::new(["zoom", "portal"], Some("zoom"));
    let input = repass_bulk::Input::new(source, "users.csv", names, passwords).unwrap();
    run.ingest(input).unwrap();
    let rows = world.records().into_iter();
    rows.map(|row| {
        (
            row.line,
            row.user,
            row.message.filter(|_| row.outcome == RowStatus::NotApplied),
        )
    })
    .collect()
}

fn good(line: u64, user: &str) -> (u64, Option<String>, Option<String>) {
    (line, Some(user.to_owned()), None)
}

fn refusal(text: &str, passwords: PasswordSource) -> String {
    World::input(text, passwords).unwrap_err().to_string()
}

#[test]
fn csv_of_spreadsheets_is_read() {
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
            read(text, PasswordSource::Generated),
            [good(2, "ann"), good(3, "bob")],
            "{text:?}"
        );
    }
}

#[test]
fn csv_line_numbers_match_the_file() {
    let text = "\nuser,new_password\n\nann,\"two, words\"\r\n\r\nbob,\"a \"\"b\"\"\"\ncarol,x";
    assert_eq!(
        read(text, PasswordSource::Input),
        [good(4, "ann"), good(6, "bob"), good(7, "carol")]
    );
}

#[test]
fn csv_accepts_cr_lf_and_crlf_line_endings() {
    let text = "user,new_password\r\nann,\"a\"\rbob,x\n\r\rcarol,y\r\n\ndave,z";
    let rows = [good(2, "ann"), good(3, "bob"), good(6, "carol"), good(8, "dave")];
    assert_eq!(read(text, PasswordSource::Input), rows);
    // However they come in pieces.
    let row = format!("user,new_password\r\n{}", "ann,x\r\n".repeat(20_000));
    let lines = read(row, PasswordSource::Input)
        .into_iter()
        .map(|(line, ..)| line);
    assert!(lines.eq(2..20_002));
}

// The lines that are refused, each with the beginning of its reason.
fn refused(text: &str) -> Vec<(u64, String)> {
    let rows = read(text, PasswordSource::Input).into_iter();
    rows.filter_map(|(line, user, reason)| {
        let reason = reason?;
        assert!(!reason.contains("canary") && !reason.contains(user.as_deref().unwrap_or("canary")));
        Some((line, reason))
    })
    .collect()
}

#[test]
fn csv_quotes_outside_rfc_4180_are_rejected() {
    const OPEN: &str = "a quote is opened in field 2 and not closed on this line";
    const INSIDE: &str = "is inside the quotes that are opened on line 2";
    const UNQUOTED: &str = "there is a quote inside field 2, which is not quoted";
    const BEHIND: &str = "there is text after the closing quote of field 2";
    for (rows, expected) in [
        // Never closed: what follows may be a part of the field.
        (
            "ann,\"canary\nbob,x\ncarol,y\n",
            &[(2, OPEN), (3, INSIDE), (4, INSIDE)][..],
        ),
        ("ann,\"canary", &[(2, OPEN)]),
        // Closed by a quote two lines on.
        (
            "ann,\"canary\nbob,x\ncarol,canary\"\ndave,z\n",
            &[(2, OPEN), (3, INSIDE), (4, INSIDE)],
        ),
        // Closed where another field is opened.
        ("ann,\"canary\nbob,\"canary\"\ndave,z", &[(2, OPEN), (3, INSIDE)]),
        // Empty lines are no rows inside quotes either.
        ("ann,\"canary\n\nb\"\n", &[(2, OPEN), (4, INSIDE)]),
        (
            "ann,\"canary\r\nbob,x\rcarol,y\"\r\ndave,z",
            &[(2, OPEN), (3, INSIDE), (4, INSIDE)],
        ),
        // Open again behind what was closed.
        (
            "ann,\"canary\nb\",\"canary\nbob,x\n\"\ndave,z",
            &[(2, OPEN), (3, INSIDE), (4, INSIDE), (5, INSIDE)],
        ),
        ("ann,\"canary\"tail\nbob,x\n", &[(2, BEHIND)]),
        ("ann,\"canary\" \nbob,x\n", &[(2, BEHIND)]),
        ("ann,\"\"canary\nbob,x\n", &[(2, BEHIND)]),
        // A quote as MySQL writes it, in a field that goes on.
        ("ann,\"can\\\"ary\"\nbob,x\n", &[(2, BEHIND)]),
        (
            "ann,\"can\\\"ary\nbob,x\ny\"\ndave,z\n",
            &[(2, BEHIND), (3, INSIDE), (4, INSIDE)],
        ),
        ("ann,can\"ary\nbob,x\n", &[(2, UNQUOTED)]),
        ("ann,canary\"\nbob,x\n", &[(2, UNQUOTED)]),
        ("ann,'\"canary\nbob,x\n", &[(2, UNQUOTED)]),
        (
            "ann, \"canary\"\nbob,x\n",
            &[(2, "there are blanks before the quote of field 2")],
        ),
        (
            "ann,\t\"canary\nbob,x\n\"\ndave,z",
            &[
                (2, "there are blanks before the quote of field 2"),
                (3, INSIDE),
                (4, INSIDE),
            ],
        ),
        (
            "\"ann\" ,canary\n",
            &[(2, "there is text after the closing quote of field 1")],
        ),
    ] {
        let text = format!("user,new_password\n{rows}");
        let found = refused(&text);
        assert_eq!(found.len(), expected.len(), "{rows:?}: {found:?}");
        for ((line, reason), (expected_line, start)) in found.iter().zip(expected) {
            assert!(
                line == expected_line && reason.starts_with(start),
                "{rows:?}: {found:?}"
            );
        }
        // No line is lost.
        let lines = rows.split(['\n', '\r']).filter(|line| !line.is_empty()).count();
        assert_eq!(read(&text, PasswordSource::Input).len(), lines, "{rows:?}");
    }
}

#[test]
fn csv_password_with_outer_blanks_needs_quotes() {
    for password in [
        " canary",
        "canary ",
        "canary\t",
        "\u{a0}canary",
        "canary\u{a0}",
        "\u{3000}canary",
        " ",
    ] {
        let found = refused(&format!("user;new_password\nann;{password}\n"));
        assert!(
            matches!(&found[..], [(2, reason)] if reason.starts_with("the new password begins or ends with a blank and is not in quotes")),
            "{password:?}: {found:?}"
        );
        let found = refused(&format!("user;current_password;new_password\nann;{password};x\n"));
        assert!(
            found[0].1.starts_with("the current password begins or ends"),
            "{found:?}"
        );
    }
    assert!(refused("user,new_password\nann,\" a \"\n").is_empty());
    assert!(refused("{\"user\":\"ann\",\"new_password\":\" a \"}").is_empty());
}

#[test]
fn csv_blank_rows_are_skipped_and_counted() {
    let text = "user,new_password\r\nann,x\r\n,\r\n   \r\n,,,\r\n \u{a0},\t\r\nbob,y\r\n\x1a";
    assert_eq!(
        read(text, PasswordSource::Input),
        [good(2, "ann"), good(7, "bob")]
    );
    let world = World::new(&[]);
    let (mut run, _) = world.begin(&[]);
    let input = World::input("user\nann\n \n;\n\n,\n", PasswordSource::Generated).unwrap();
    let skipped = input.skipped();
    run.ingest(input).unwrap();
    assert_eq!(skipped.load(std::sync::atomic::Ordering::Relaxed), 2);
    assert!(read("{\"user\":\"ann\"}\n\x1a", PasswordSource::Generated) == [good(1, "ann")]);
}

#[test]
fn csv_column_names_ignore_case_and_blanks() {
    for header in [
        "User,New_Password",
        "USER , NEW_PASSWORD",
        " \"user\", \"new_password\"",
        "user\u{a0},new_password\u{200b}",
        "User,New Password",
        "\u{feff}user,NewPassword",
        "sep=,\nuser,new_password",
        "\u{feff}sep=,\r\nuser,new_password",
        "SEP=,\nuser,new_password",
    ] {
        let rows = read(format!("{header}\nann,x\n"), PasswordSource::Input);
        assert!(
            matches!(&rows[..], [(_, Some(user), None)] if user == "ann"),
            "{header:?}: {rows:?}"
        );
    }
    for separator in [";", "|", "\t", ":"] {
        let text = format!("sep={separator}\nuser{separator}new_password\nann{separator}a,b\n");
        assert_eq!(read(text, PasswordSource::Input), [good(3, "ann")]);
    }
}

#[test]
fn input_of_another_format_is_identified() {
    for (start, what) in [
        (
            &b"PK\x03\x04canary"[..],
            "is a zip file, as a workbook (.xlsx, .ods) is",
        ),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            "is a workbook of Excel (.xls)",
        ),
        (b"\x1f\x8b\x08\0canary", "is compressed by gzip"),
        (b"BZh91AYcanary", "is compressed"),
        (b"\xff\xfeu\0s\0", "is UTF-16"),
        (b"\xfe\xff\0u\0s", "is UTF-16"),
        (b"u\0s\0e\0r\0\n\0", "is UTF-16"),
        (b"\0u\0s\0e\0r\0\n", "is UTF-16"),
        (b"\xff\xfe\0\0u\0\0\0", "is UTF-32"),
        (b"{\\rtf1\\ansi canary}", "is rich text (RTF)"),
        (b"<!DOCTYPE html><p>canary", "is HTML or XML"),
        (b"\xef\xbb\xbf\r\n<table>", "is HTML or XML"),
        (
            b"#TYPE System.canary\nuser\n",
            "begins with a line #TYPE, as PowerShell writes it; export it with -NoTypeInformation",
        ),
        (b"# canary\nuser\n", "begins with a comment"),
        (b"%PDF-1.7 canary", "is a PDF"),
        (b"age-encryption.org/v1\ncanary", "is encrypted"),
    ] {
        let source = Box::new(std::io::Cursor::new(start.to_vec()));
        let names = repass_bulk::ProviderNames::new(["zoom"], Some("zoom"));
        let problem =
            repass_bulk::Input::new(source, "users.csv", names, PasswordSource::Generated).unwrap_err();
        let text = problem.to_string();
        assert!(
            text.starts_with(&format!("users.csv: {what}")) && !text.contains("canary"),
            "{text}"
        );
    }
}

#[test]
fn json_error_never_quotes_the_input() {
    for (line, why) in [
        (
            "{\"user\":\"ann\",\"new_password\":\"canary\",\"new_password\":\"canary-2\"}",
            "a field occurs twice",
        ),
        ("{\"user\":\"ann\",\"User\":\"canary\"}", "a field is unknown"),
        (
            "{\"user\":\"ann\",\"new_password\":77123456}",
            "a field is not text",
        ),
        (
            "{\"user\":\"ann\",\"new_password\":[\"canary\"]}",
            "a field is not text",
        ),
        (
            "{\"user\":{\"canary\":1},\"new_password\":\"x\"}",
            "a field is not text",
        ),
        ("{\"new_password\":\"canary\"}", "the user is missing"),
        (
            "{\"user\":null,\"new_password\":\"canary\"}",
            "the user is missing",
        ),
        ("{\"user\":\"ann\",\"new_password\":\"canary", "it is cut off"),
        (
            "{\"user\":\"ann\",\"new_password\":\"canary\"} canary",
            "it is not JSON, or has more than one object",
        ),
        (
            "{\"user\":\"ann\"}{\"user\":\"canary\"}",
            "it is not JSON, or has more than one object",
        ),
        ("[\"ann\",\"canary\"]", "it is not an object"),
        ("\"canary\"", "it is not an object"),
        ("\u{feff}{\"user\":\"canary\"}", "it is not JSON"),
    ] {
        let found = refused(&format!(
            "{{\"user\":\"first\",\"new_password\":\"x\"}}\n{line}\n"
        ));
        assert!(
            matches!(&found[..], [(2, reason)] if reason.contains(why) && !reason.contains("77123456")),
            "{line}: {found:?}"
        );
    }
}

#[test]
fn json_lines_are_read() {
    let text = "{\"user\":\"ann\",\"new_password\":\"x\"}\n\n  {\"user\":\"bob\",\"new_password\":\"y\",\"provider\":\"portal\"}";
    assert_eq!(
        read(text, PasswordSource::Input),
        [good(1, "ann"), good(3, "bob")]
    );
    let bad = "{\"user\":\"ann\",\"new_password\":\"canary-1\",\"canary-2\":1}\n{\"user\":\"bob\",\"new_password\":77}\nnonsense\n\
               [\"carol\",\"zoom\",\"canary-3\",null]\n";
    let rows = read(bad, PasswordSource::Input);
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
fn invalid_row_has_every_reason() {
    let text = "user,new_password,provider\n,,okta\nann,x\nbob,\u{0},zoom\ncarol,y,zoom\n";
    let rows = read(text, PasswordSource::Input);
    let reasons: Vec<&str> = rows
        .iter()
        .filter_map(|(_, _, reason)| reason.as_deref())
        .collect();
    assert_eq!(
        reasons,
        [
            "the user id is empty; the row names an unknown provider; configured: zoom, portal; the new password is empty",
            "has 2 fields, but the header has 3; a field that holds the separator needs quotes",
            "the new password contains a NUL character",
        ]
    );
    assert_eq!(rows[3], good(5, "carol"));
}

#[test]
fn row_above_the_size_limit_is_rejected_and_the_next_is_read() {
    for quote in ["", "\""] {
        let text = format!(
            "user,new_password\nann,{quote}{}{quote}\nbob,y\n",
            "x".repeat(1 << 20)
        );
        let rows = read(text, PasswordSource::Input);
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
    let rows = read(text, PasswordSource::Generated);
    assert_eq!(rows[1].2.as_deref(), Some("is longer than 64 KiB"));
    assert_eq!((&rows[0], &rows[2]), (&good(1, "a"), &good(3, "b")));
}

#[test]
fn row_with_invalid_utf8_is_rejected() {
    let rows = read(b"user,new_password\nann,\xff\n\xfe,x\n", PasswordSource::Input);
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
fn invalid_header_is_never_quoted() {
    let text = refusal(
        "ann@example.com,canary-9\nbob@example.com,canary-10\n",
        PasswordSource::Input,
    );
    assert!(!text.contains("canary") && !text.contains("ann@"), "{text}");
    assert!(
        text.contains("column 1 of the header") && text.contains("which are: user, new_password"),
        "{text}"
    );
    for (header, expected) in [
        ("user,new_password,\n", "column 3 of the header is empty"),
        (",user,new_password\n", "column 1 of the header is empty"),
        (
            "user|new_password\nann|canary\n",
            "the columns are separated by `|`",
        ),
        (
            "userPrincipalName,password\n",
            "column 1 of the header is called userprincipalname; call it user",
        ),
        (
            "E-Mail,Passwort\n",
            "column 1 of the header is called email; call it user",
        ),
        (
            "user,password\n",
            "column 2 of the header is called password; call it new_password",
        ),
        (
            "user,old password,new_password\n",
            "column 2 of the header is called oldpassword; call it current_password",
        ),
        (
            "user,\"canary\n\",x\n",
            "the first line cannot be read: a quote is opened in field 2",
        ),
        (
            "user,\"new_password\"canary\n",
            "the first line cannot be read: there is text after",
        ),
    ] {
        let text = refusal(header, PasswordSource::Input);
        assert!(text.contains(expected) && !text.contains("canary"), "{text}");
    }
    let text = refusal("user,user\n", PasswordSource::Generated);
    assert!(text.contains("the column user twice"), "{text}");
    let text = refusal("user\nann\n", PasswordSource::Input);
    assert!(text.contains("no column new_password"), "{text}");
    let text = refusal("user,new_password\nann,x\n", PasswordSource::Generated);
    assert!(text.contains("although passwords are generated"), "{text}");
    assert!(refusal("[{\"user\":\"ann\"}]", PasswordSource::Generated).contains("one object a line"));
    let world = World::new(&[]);
    let utf16 = Box::new(std::io::Cursor::new(b"\xff\xfeu\0s\0".to_vec()));
    let names = repass_bulk::ProviderNames::new(["zoom"], Some("zoom"));
    let problem = repass_bulk::Input::new(utf16, "users.csv", names, PasswordSource::Generated).unwrap_err();
    assert_eq!(problem.to_string(), "users.csv: is UTF-16; save it as UTF-8");
    drop(world);
}

#[test]
fn empty_input_has_no_rows() {
    assert!(read("", PasswordSource::Generated).is_empty());
    assert!(read("\n\n", PasswordSource::Generated).is_empty());
    assert!(read("user\n", PasswordSource::Generated).is_empty());
    for (text, why) in [
        ("", Some("is empty")),
        ("\u{feff}\r\n \n\x1a", Some("is empty")),
        ("user\n", Some("has no rows")),
        ("user\n,\n \n", Some("has no rows")),
        ("user\nann\n", None),
        ("user\n/\n", None),
        ("{\"user\":\"ann\"}\n", None),
    ] {
        let mut input = World::input(text, PasswordSource::Generated).unwrap();
        assert_eq!(input.emptiness().unwrap(), why, "{text:?}");
        assert_eq!(input.emptiness().unwrap(), why, "{text:?}");
    }
    // What was read ahead is not lost.
    let mut input = World::input("user\nann\nbob\n", PasswordSource::Generated).unwrap();
    input.emptiness().unwrap();
    let world = World::new(&[]);
    let (mut run, _) = world.begin(&[]);
    assert_eq!(run.ingest(input).unwrap().rows, 2);
}

#[test]
fn ingest_counts_each_row_once() {
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
    let mut taken = || run.ingest(World::input(&text, PasswordSource::Generated).unwrap());
    assert_eq!(taken().unwrap(), expected);
    assert_eq!(taken().unwrap(), Tally::default());
    assert_eq!(run.tally().unwrap().pending, 5000);
}
