//! Keys that come from variables.

use super::*;

#[test]
fn variables_win_over_the_file() {
    let config = load(
        &format!(
            "default_provider = \"zoom\"\n{ZOOM}{}",
            PORTAL.replace("portal", "my-Portal")
        ),
        [
            ("REPASS__DEFAULT_PROVIDER", "my-Portal"),
            (
                "REPASS__PROVIDERS__MY_PORTAL__BASE_URL",
                "https://other.example.com",
            ),
            ("REPASS__PROVIDERS__ZOOM__AUTH__TOKEN__FILE", "/t"),
            ("REPASS_CONFIG", "ignored"),
            ("PATH", "ignored"),
        ],
    )
    .unwrap();
    assert_eq!(config.default_provider(), Some("my-Portal"));
    let shown = toml::to_string(&config).unwrap();
    assert!(
        shown.contains("base_url = \"https://other.example.com\""),
        "{shown}"
    );
    assert!(shown.contains("file = \"/t\""), "{shown}");
}

#[test]
fn a_bad_variable_is_told_by_its_name() {
    let error = load(
        ZOOM,
        [
            ("REPASS__PROVIDERS__ZOOM__PLAM", "canary"),
            ("REPASS__PROVIDERS__ZOOM__PLAN", "canary"),
            ("REPASS__PROVIDERS__ZOOM__AUTH__TOKEN", "canary"),
            ("REPASS____X", "canary"),
        ],
    )
    .unwrap_err()
    .to_string();
    let starts = [
        "REPASS__PROVIDERS__ZOOM__AUTH__TOKEN: providers.zoom.auth.token: must say where",
        "REPASS__PROVIDERS__ZOOM__PLAM: providers.zoom.plam: unknown key; did you mean `plan`?",
        "REPASS__PROVIDERS__ZOOM__PLAN: providers.zoom.plan: must be",
        "REPASS____X: is not of the form",
    ];
    assert_eq!(error.lines().count(), starts.len(), "{error}");
    for (line, start) in error.lines().zip(starts) {
        assert!(line.starts_with(start) && !line.contains("canary"), "{line}");
    }
}

#[test]
fn a_variable_is_read_as_the_type_of_its_key() {
    let config = load(
        ZOOM,
        [
            ("REPASS__PROVIDERS__ZOOM__MAX_IN_FLIGHT", "4"),
            ("REPASS__PROVIDERS__ZOOM__ATTEMPT_TIMEOUT", "7s"),
            ("REPASS__PROVIDERS__ZOOM__POLICY__MIN_LENGTH", " 14 "),
            ("REPASS__PROVIDERS__ZOOM__POLICY__DIGIT", "true"),
            ("REPASS__PROVIDERS__ZOOM__POLICY__NOT_RECENT", "3"),
            (
                "REPASS__PROVIDERS__ZOOM__POLICY__OTHER",
                r#"["first, in words", "second"]"#,
            ),
            ("REPASS__PROVIDERS__ZOOM__POLICY__UPPERCASE", "True"),
            (
                "REPASS__PROVIDERS__ZOOM__POLICY__PROVIDER_ONLY",
                "not_recent, uppercase",
            ),
            (
                "REPASS__PROVIDERS__ZOOM__AUTH__TOKEN__COMMAND",
                r#"["print", "token"]"#,
            ),
        ],
    )
    .unwrap();
    let shown = toml::to_string(&config).unwrap();
    for part in [
        "max_in_flight = 4",
        "attempt_timeout = \"7s\"",
        "min_length = 14",
        "digit = true",
        "uppercase = true",
        "provider_only = [",
        "not_recent = 3",
        "\"first, in words\"",
        "command = [\"print\"",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    // What looks like a number is a text where one is wanted.
    let named = format!("[providers.4]\n{}", ZOOM.split_once('\n').unwrap().1);
    let config = load(&named, [("REPASS__DEFAULT_PROVIDER", "4")]).unwrap();
    assert_eq!(config.default_provider(), Some("4"));
}

#[test]
fn a_variable_of_another_type_is_told_by_its_name() {
    for (key, text, reported) in [
        ("MAX_IN_FLIGHT", "four", "a number of at least 1, not a string"),
        ("MAX_IN_FLIGHT", "0", "a number of at least 1"),
        ("MAX_IN_FLIGHT", "-4", "not a number below 0"),
        ("MAX_IN_FLIGHT", "true", "not a boolean"),
        ("MAX_IN_FLIGHT", "1\nx = 2", "not a string"),
        ("ATTEMPT_TIMEOUT", "7", "a duration"),
        ("POLICY__DIGIT", "yes", "true or false"),
        ("POLICY__OTHER", "[1, 2]", "an array of strings"),
        ("POLICY__OTHER", "[canary", "an array of strings"),
        ("AUTH__TOKEN__COMMAND", "print token", "as in"),
    ] {
        let name = format!("REPASS__PROVIDERS__ZOOM__{key}");
        let error = load(ZOOM, [(name.as_str(), text)]).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("{name}: ")) && error.contains(reported),
            "{text}: {error}"
        );
        assert!(!error.contains("canary"), "{error}");
    }
}
