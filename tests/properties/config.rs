//! Configurations with arbitrary content.

use proptest::prelude::*;
use proptest::sample::select;
use repass::Config;
use repass_testkit::fuzzing::config;

const VALID: &str = r#"
default_provider = "zoom"

[providers.zoom]
kind = "zoom"
plan = "business"
body = "auto"
auth = { kind = "bearer", token = { env = "ZOOM_TOKEN" } }

[providers.portal]
kind = "identity"
base_url = "https://id.example.com/acme/identity_"
attempt_timeout = "20s"
auth = { kind = "client-credentials", token_url = "https://id.example.com/connect/token", client_id = "c", client_secret = { file = "/run/secrets/portal" }, scope = "PM.User" }
"#;

// The valid configuration with one part replaced.
fn mutated() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        select(vec![
            "",
            "\"",
            "{",
            "}",
            "[",
            "]",
            "=",
            "\n",
            "0",
            "-1",
            "1e999",
            "true",
            "nan",
            "''",
            "\"\"\"",
            "9".repeat(40).leak()
        ])
        .prop_map(str::to_owned),
        Just("[".repeat(2000)),
        Just("a.".repeat(2000)),
    ];
    (0..VALID.len(), 0_usize..40, piece).prop_map(|(from, length, piece)| {
        let to = (from + length).min(VALID.len());
        format!("{}{piece}{}", &VALID[..from], &VALID[to..])
    })
}

proptest! {
    #[test]
    fn config_never_panics_on_any_text(text in prop_oneof![any::<String>(), mutated()]) {
        config::check(&text);
    }

    // A token pasted in place of a reference, or anywhere else.
    #[test]
    fn config_error_never_quotes_a_pasted_secret(
        place in select(vec!["{ env = \"ZOOM_TOKEN\" }", "\"business\"", "\"auto\"", "\"20s\"", "\"zoom\"\nplan", "\"bearer\""]),
    ) {
        config::check(&VALID.replacen(place, &format!("{:?}", config::PASTED), 1));
    }
}

#[test]
fn config_base_of_the_mutations_is_valid() {
    Config::from_toml(VALID).unwrap();
}
