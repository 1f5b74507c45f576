//! Where a secret is, and that it is never in the file.

use super::*;

#[test]
fn a_reference_is_exactly_one_of_its_kinds() {
    let exactly = "needs exactly one of `env`, `file` and `command`";
    let words = "must be an array of strings: a program and its arguments, as in [\"PROGRAM\", \"ARGUMENT\"]";
    for (reference, expected) in [
        ("{ }", vec![format!("auth.token: {exactly}")]),
        (
            "{ env = \"A\", file = \"b\" }",
            vec![format!("auth.token: {exactly}")],
        ),
        (
            "{ env = 1 }",
            vec!["auth.token.env: must be a string, not a number".to_owned()],
        ),
        ("{ command = [] }", vec![format!("auth.token.command: {words}")]),
        (
            "{ command = \"op read\" }",
            vec![format!("auth.token.command: {words}")],
        ),
        (
            "{ command = [\"op\", 1] }",
            vec![format!("auth.token.command: {words}")],
        ),
        (
            "{ envv = \"A\" }",
            vec![
                format!("auth.token: {exactly}"),
                "auth.token.envv: unknown key; did you mean `env`?".to_owned(),
            ],
        ),
    ] {
        let found = problems(&ZOOM.replace("{ env = \"T\" }", reference));
        let expected: Vec<_> = expected
            .iter()
            .map(|end| format!("config:3: providers.zoom.{end}"))
            .collect();
        assert_eq!(found, expected, "{reference}");
    }
}

#[test]
fn a_pasted_secret_is_refused_and_not_repeated() {
    let quoted = "\"canary-9\"";
    let places = [
        ZOOM.replace("{ env = \"T\" }", quoted),
        ZOOM.replace("{ env = \"T\" }", "canary-9"),
        ZOOM.replace("{ env = \"T\" }", "\"canary-9"),
        ZOOM.replace("{ env = \"T\" }", "{ command = \"canary-9\" }"),
        ZOOM.replace("{ env = \"T\" }", "{ value = \"canary-9\" }"),
        ZOOM.replace("\"bearer\"", quoted),
        format!("{ZOOM}base_url = \"https://user:canary-9@example.com\""),
        format!("{ZOOM}base_url = {quoted}"),
        format!("{ZOOM}plan = {quoted}"),
        format!("{ZOOM}connect_timeout = {quoted}"),
        format!("{ZOOM}tls = {quoted}"),
        format!("default_provider = {quoted}\n{ZOOM}"),
        format!("{ZOOM}plan = canary-9"),
        format!("{ZOOM}canary-9 canary-9"),
    ];
    for toml in &places {
        let found = problems(toml);
        assert!(!found.is_empty(), "{toml}");
        assert!(!found.concat().contains("canary-9"), "{found:?}");
        assert!(found.iter().all(|line| !line.contains('\n')), "{found:?}");
    }
    assert_eq!(
        problems(&places[0]),
        [
            "config:3: providers.zoom.auth.token: must say where the secret is, never hold it: write \
          { env = \"NAME\" }, { file = \"PATH\" } or { command = [\"PROGRAM\", …] }"
        ]
    );
}
