//! A configuration may hold whatever somebody has typed.

use proptest::prelude::*;
use proptest::sample::select;
use repass::Config;
use repass_testkit::fuzzing::config;

const GOOD: &str = r#"
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

// The good one with one stretch of it replaced.
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
    (0..GOOD.len(), 0_usize..40, piece).prop_map(|(from, length, piece)| {
        let to = (from + length).min(GOOD.len());
        format!("{}{piece}{}", &GOOD[..from], &GOOD[to..])
    })
}

proptest! {
    #[test]
    fn no_text_breaks_it(text in prop_oneof![any::<String>(), mutated()]) {
        config::check(&text);
    }

    // Somebody has pasted a token where a reference belongs, or anywhere else.
    #[test]
    fn a_pasted_secret_is_not_told(
        place in select(vec!["{ env = \"ZOOM_TOKEN\" }", "\"business\"", "\"auto\"", "\"20s\"", "\"zoom\"\nplan", "\"bearer\""]),
    ) {
        config::check(&GOOD.replacen(place, &format!("{:?}", config::PASTED), 1));
    }
}

#[test]
fn the_good_one_is_good() {
    Config::from_toml(GOOD).unwrap();
}
