//! Typeable passwords arrive byte for byte; untypeable ones are never set.

use repass_sandbox::{Options, Provider, ZoomBody, ZoomOptions, ZoomRules};

use crate::test_env::{ALICE, ALICE_ID, ALICE_PASSWORD, TestEnv, json};

const NASTY: [&str; 8] = [
    "@Passw0rd-file",
    "Passw0rd;type=text/html",
    "Pass\"w0rd\"'`",
    "Pass\\w0rd\\n%41",
    " Passw0rd with ends ",
    "Пароль-9-ключ",
    "P4ss-\u{1F511}-wörd-\u{e9}\u{301}",
    "Abcdefgh-Abcdefgh-Abcdefgh-1234",
];

fn each_arrives(body: ZoomBody) {
    let zoom = ZoomOptions {
        rules: ZoomRules::LengthOnly,
        body,
        ..ZoomOptions::default()
    };
    let test_env = TestEnv::with(Options {
        zoom,
        ..Options::default()
    });
    for (index, password) in NASTY.into_iter().enumerate() {
        let file = test_env.secret("new", password);
        let file = file.to_str().unwrap();
        let run = test_env.run(&["reset", ALICE, "--new-password-file", file], "");
        assert_eq!(run.code, 0, "{password:?}: {run:?}");
        assert!(test_env.accepts(Provider::Zoom, ALICE, password), "{password:?}");
        assert_eq!(test_env.changes(), index + 1);
    }
}

#[test]
fn password_bytes_as_form_data_arrive_unchanged() {
    each_arrives(ZoomBody::FormData);
}

#[test]
fn password_bytes_as_json_after_a_rejected_encoding_arrive_unchanged() {
    each_arrives(ZoomBody::Json);
}

#[test]
fn password_bytes_at_the_portal_arrive_unchanged() {
    let test_env = TestEnv::new();
    for password in NASTY {
        let password = format!("{password}-a1");
        let file = test_env.secret("new", &password);
        let run = test_env.run(
            &[
                "-p",
                "portal",
                "reset",
                ALICE_ID,
                "--new-password-file",
                file.to_str().unwrap(),
            ],
            "",
        );
        assert_eq!(run.code, 0, "{password:?}: {run:?}");
        assert!(
            test_env.accepts(Provider::Identity, ALICE_ID, &password),
            "{password:?}"
        );
    }
}

#[test]
fn password_from_stdin_loses_exactly_one_newline() {
    let zoom = ZoomOptions {
        rules: ZoomRules::LengthOnly,
        ..ZoomOptions::default()
    };
    let test_env = TestEnv::with(Options {
        zoom,
        ..Options::default()
    });
    for (stdin, password) in [
        ("New-Passw0rd-1\n", "New-Passw0rd-1"),
        ("New-Passw0rd-2", "New-Passw0rd-2"),
    ] {
        let run = test_env.reset_alice(stdin);
        assert_eq!(run.code, 0, "{run:?}");
        assert!(test_env.accepts(Provider::Zoom, ALICE, password));
    }
}

// An untypeable password, its violation, and the position.
const UNTYPEABLE: [(&str, &str, u32); 14] = [
    ("Pass\tw0rd-1x", "a tab after 4 characters", 5),
    ("Passw0rd-1x\r", "a line break after 11 characters", 12),
    ("Passw0rd\r1x", "a line break after 8 characters", 9),
    (
        "Passw0rd-1x\u{1b}[D",
        "an escape character (U+001B) after 11 characters",
        12,
    ),
    (
        "Passw0rd-1x\u{7f}",
        "a control character (U+007F) after 11 characters",
        12,
    ),
    ("\u{7}Passw0rd-1x", "a control character (U+0007) at the start", 1),
    (
        "P\u{feff}assw0rd-1x",
        "a byte order mark (U+FEFF) after 1 character",
        2,
    ),
    (
        "Passw0rd\u{200b}-1x",
        "an invisible character (U+200B) after 8 characters",
        9,
    ),
    (
        "Passw0rd\u{ad}-1x",
        "an invisible character (U+00AD) after 8 characters",
        9,
    ),
    (
        "Passw0rd\u{2028}-1x",
        "a line break (U+2028) after 8 characters",
        9,
    ),
    (
        "Passw0rd\u{a0}1x",
        "a no-break space (U+00A0) after 8 characters",
        9,
    ),
    (
        "Passw0rd\u{3000}1x",
        "a blank other than the space (U+3000) after 8 characters",
        9,
    ),
    (
        "Passw0rd\u{202e}-1x",
        "sets the direction of text (U+202E) after 8 characters",
        9,
    ),
    (
        "Passw0rd\u{e001}-1x",
        "a private-use character (U+E001) after 8 characters",
        9,
    ),
];

#[test]
fn new_password_with_untypeable_characters_is_rejected() {
    let test_env = TestEnv::new();
    for (password, what, position) in UNTYPEABLE {
        let file = test_env.secret("new", password);
        let file = file.to_str().unwrap();
        let old = test_env.secret("old", ALICE_PASSWORD);
        let change = [
            "-p",
            "portal",
            "change",
            ALICE_ID,
            "--current-password-file",
            old.to_str().unwrap(),
        ];
        for arguments in [
            &["reset", ALICE][..],
            &["-p", "portal", "reset", ALICE_ID],
            &change,
        ] {
            let run = test_env.run(
                &[&["--json"], arguments, &["--new-password-file", file]].concat(),
                "",
            );
            let reported = json(&run);
            assert_eq!(
                (run.code, &reported["kind"]),
                (3, &"password_refused".into()),
                "{password:?}: {run:?}"
            );
            let broken = &reported["violations"][0];
            assert_eq!(
                (&broken["code"], &broken["position"]),
                (&"typeable".into(), &position.into())
            );
            assert!(reported["message"].as_str().unwrap().contains(what), "{reported}");
        }
        let checked = test_env.run(&["--json", "policy", "check", "--new-password-file", file], "");
        let reported = json(&checked);
        assert_eq!(checked.code, 3, "{checked:?}");
        assert_eq!(reported["violations"][0]["code"], "typeable", "{reported}");
    }
    assert_eq!(test_env.changes(), 0);
}

#[test]
fn untypeable_password_is_reported_with_all_other_violations() {
    let test_env = TestEnv::new();
    let run = test_env.run(
        &["--json", "reset", ALICE, "--new-password-stdin"],
        "\u{feff}a\tb\u{200b}",
    );
    let reported = json(&run);
    let codes: Vec<&str> = reported["violations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["code"].as_str().unwrap())
        .collect();
    assert_eq!(
        codes,
        ["typeable", "typeable", "min_length", "digit", "mixed_case"],
        "{reported}"
    );
}

#[test]
fn byte_order_marks_and_paste_marks_are_not_part_of_a_password() {
    let test_env = TestEnv::new();
    let mut current = ALICE_PASSWORD.to_owned();
    for (index, (before, after)) in [
        ("\u{feff}", "\r\n"),
        ("\u{1b}[200~", "\u{1b}[201~\n"),
        ("\u{feff}\u{1b}[200~", "\u{1b}[201~"),
    ]
    .into_iter()
    .enumerate()
    {
        let new = format!("New-Passw0rd-{index}");
        let stdin = format!("{before}{new}{after}");
        let run = test_env.reset_alice(&stdin);
        assert_eq!(run.code, 0, "{stdin:?}: {run:?}");
        assert!(test_env.accepts(Provider::Zoom, ALICE, &new), "{stdin:?}");
        let (old, file) = (
            test_env.secret("old", format!("{before}{current}{after}")),
            test_env.secret("new", &stdin),
        );
        let run = test_env.run(
            &[
                "-p",
                "portal",
                "change",
                ALICE_ID,
                "--current-password-file",
                old.to_str().unwrap(),
                "--new-password-file",
                file.to_str().unwrap(),
            ],
            "",
        );
        assert_eq!(run.code, 0, "{stdin:?}: {run:?}");
        assert!(test_env.accepts(Provider::Identity, ALICE_ID, &new), "{stdin:?}");
        current = new;
    }
}

#[test]
fn new_password_with_two_lines_is_rejected() {
    let test_env = TestEnv::new();
    for stdin in [
        "Old-Passw0rd-1\nNew-Passw0rd-1\n",
        "New-Passw0rd-1\n\n",
        "\nNew-Passw0rd-1",
    ] {
        for command in [
            &["reset", ALICE][..],
            &["-p", "portal", "reset", ALICE_ID],
            &["policy", "check"],
        ] {
            let run = test_env.run(&[command, &["--new-password-stdin"]].concat(), stdin);
            assert_eq!(run.code, 2, "{stdin:?}: {run:?}");
            assert!(
                run.stderr.contains("holds more than one line") && run.stderr.contains("repass change"),
                "{run:?}"
            );
        }
    }
    assert_eq!(test_env.changes(), 0);
    let file = test_env.secret("new", "New-Passw0rd-1\nNew-Passw0rd-2\n");
    let run = test_env.run(
        &["reset", ALICE, "--new-password-file", file.to_str().unwrap()],
        "",
    );
    assert!(
        run.code == 2 && run.stderr.contains("leave only the password in the file"),
        "{run:?}"
    );
    assert_eq!(test_env.changes(), 0);
}
