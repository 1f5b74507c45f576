//! Passwords arrive byte for byte, whatever they hold.

use repass_sandbox::{Options, Provider, ZoomBody, ZoomOptions, ZoomRules};

use crate::world::{ALICE, ALICE_ID, World};

const NASTY: [&str; 9] = [
    "@Passw0rd-file",
    "Passw0rd;type=text/html",
    "Pass\"w0rd\"'`",
    "Pass\\w0rd\\n%41",
    "Pass\r\nw0rd\r\n--x",
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
    let world = World::with(Options {
        zoom,
        ..Options::default()
    });
    for (index, password) in NASTY.into_iter().enumerate() {
        let file = world.secret("new", password);
        let file = file.to_str().unwrap();
        let run = world.run(&["reset", ALICE, "--new-password-file", file], "");
        assert_eq!(run.code, 0, "{password:?}: {run:?}");
        assert!(world.accepts(Provider::Zoom, ALICE, password), "{password:?}");
        assert_eq!(world.changes(), index + 1);
    }
}

#[test]
fn as_form_data() {
    each_arrives(ZoomBody::FormData);
}

#[test]
fn as_json_after_a_refused_encoding() {
    each_arrives(ZoomBody::Json);
}

#[test]
fn at_the_portal() {
    let world = World::new();
    for password in NASTY {
        let password = format!("{password}-a1");
        let file = world.secret("new", &password);
        let run = world.run(
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
            world.accepts(Provider::Identity, ALICE_ID, &password),
            "{password:?}"
        );
    }
}

#[test]
fn exactly_one_line_end_is_taken_off_standard_input() {
    let zoom = ZoomOptions {
        rules: ZoomRules::LengthOnly,
        ..ZoomOptions::default()
    };
    let world = World::with(Options {
        zoom,
        ..Options::default()
    });
    for (stdin, password) in [
        ("New-Passw0rd-1\n", "New-Passw0rd-1"),
        ("New-Passw0rd-2", "New-Passw0rd-2"),
    ] {
        let run = world.reset_alice(stdin);
        assert_eq!(run.code, 0, "{run:?}");
        assert!(world.accepts(Provider::Zoom, ALICE, password));
    }
}
