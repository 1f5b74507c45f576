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
