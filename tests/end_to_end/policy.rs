//! Password rules of the provider and local rules: shown, checked, and used to generate.

use std::fs::OpenOptions;
use std::io::Write as _;

use repass::{CallContext, PasswordPolicy, Services};
use repass_sandbox::{IdentityOptions, IdentityRules, Options, Provider, ZoomOptions, ZoomRules};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::binary::Run;
use crate::test_env::{ALICE, ALICE_ID, ALICE_PASSWORD, TestEnv, json as object};

/// Appends to the configuration.
pub(crate) fn add(test_env: &TestEnv, toml: &str) {
    let mut file = OpenOptions::new()
        .append(true)
        .open(test_env.path("repass.toml"))
        .unwrap();
    file.write_all(toml.as_bytes()).unwrap();
}

fn check(test_env: &TestEnv, preset: &str, password: &str) -> (i32, Vec<String>) {
    let run = test_env.run(
        &[
            "--json",
            "policy",
            "check",
            "--preset",
            preset,
            "--new-password-stdin",
        ],
        password,
    );
    assert!(!run.stdout.contains(password) && !run.stderr.contains(password));
    (run.code, codes(&object(&run)["violations"]))
}

fn codes(violations: &Value) -> Vec<String> {
    let violations = violations.as_array().unwrap().iter();
    let code = |it: &Value| {
        let layer = it["layer"].as_str().unwrap();
        format!("{layer}:{}", it["code"].as_str().unwrap())
    };
    violations.map(code).collect()
}

#[test]
fn policy_check_agrees_with_the_documented_samples() {
    let test_env = TestEnv::new();
    assert_eq!(check(&test_env, "uipath-default", "patr0nu5"), (0, vec![]));
    let both = vec!["provider:uppercase".to_owned(), "provider:special".to_owned()];
    assert_eq!(check(&test_env, "aspnet-default", "patr0nu5"), (3, both));
    let digit = vec!["provider:digit".to_owned()];
    assert_eq!(
        check(&test_env, "zoom-default", "dolor Excepteur minim"),
        (3, digit)
    );
    assert_eq!(test_env.requests(), 0);
}

#[test]
fn policy_check_reports_violations_with_code_limit_and_layer() {
    let test_env = TestEnv::new();
    add(
        &test_env,
        "[providers.zoom.policy]\nmin_length = 12\nspecial = true\napproximate = [\"special\"]\n",
    );
    let run = test_env.run(&["policy", "check", "--new-password-stdin"], "short1\n");
    assert_eq!(run.code, 3, "{run:?}");
    assert_eq!(
        run.stdout,
        "min_length 8            provider    at least 8 characters\n\
         mixed_case              provider    both upper-case and lower-case letters\n\
         min_length 12           own policy  at least 12 characters\n\
         special                 own policy  at least one special character (approximate)\n"
    );
    assert!(
        run.stderr
            .starts_with("not checked here: not the current password"),
        "{run:?}"
    );
    let good = test_env.run(&["policy", "check", "--new-password-stdin"], "Long-Enough-42\n");
    assert_eq!((good.code, test_env.changes()), (0, 0), "{good:?}");
}

#[test]
fn policy_show_lists_rules_with_their_certainty() {
    let mut options = Options::default();
    options.zoom.rules = ZoomRules::Enhanced;
    options.identity.previous_use_limit = 5;
    let test_env = TestEnv::with(options);
    add(&test_env, "[providers.portal.policy]\nmin_length = 14\n");
    let zoom = test_env.run(&["policy", "show"], "");
    assert_eq!(zoom.code, 0, "{zoom:?}");
    for line in [
        "zoom, as reported by the provider:",
        "  provider    at least one special character",
        "  provider    at most 31 characters (approximate)",
        "  provider    no more than 3 consecutive characters such as `abcdef` or `123456` (approximate)",
        "  provider    not the current password (known only to the provider)",
    ] {
        assert!(
            zoom.stdout.lines().any(|shown| shown == line),
            "{line}: {}",
            zoom.stdout
        );
    }
    let portal = object(&test_env.run(&["--json", "-p", "portal", "policy", "show"], ""));
    assert_eq!(
        (&portal["provider"], &portal["preset"]),
        (&json!("portal"), &Value::Null)
    );
    let rules = portal["rules"].as_array().unwrap();
    let own = json!({"code": "min_length", "limit": 14, "message": "at least 14 characters",
        "layer": "caller", "certainty": "exact"});
    let history = json!({"code": "not_recent", "limit": 5, "message": "none of the last 5 passwords",
        "layer": "provider", "certainty": "provider_only"});
    assert!(rules.contains(&own) && rules.contains(&history), "{portal}");
}

#[test]
fn policy_without_a_reported_policy_uses_the_preset_with_a_note() {
    let mut options = Options::default();
    options.zoom.paid = false;
    options.identity.scopes = vec!["PM.User".to_owned()];
    let test_env = TestEnv::with(options);
    for (provider, preset, why) in [
        ("zoom", "zoom-default", "paid accounts only"),
        ("portal", "uipath-default", "lacks the scope"),
    ] {
        let run = test_env.run(&["-p", provider, "--json", "policy", "show"], "");
        assert_eq!(
            (run.code, &object(&run)["preset"]),
            (0, &json!(preset)),
            "{run:?}"
        );
        assert!(
            run.stderr.contains(preset) && run.stderr.contains(why),
            "{}",
            run.stderr
        );
    }
    let reset = test_env.run(&["reset", ALICE, "--generate", "--print"], "");
    assert_eq!(reset.code, 0, "{reset:?}");
    assert!(test_env.accepts(Provider::Zoom, ALICE, reset.stdout.trim_end()));
}

fn refused(test_env: &TestEnv, run: &Run, parts: &[&str]) {
    assert_eq!(run.code, 3, "{run:?}");
    for part in parts {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    assert_eq!(
        (test_env.changes(), test_env.requests()),
        (0, 0),
        "nothing is sent"
    );
}

#[test]
fn local_policy_violation_is_rejected_with_both_layers_before_sending() {
    let test_env = TestEnv::new();
    test_env.secret("words.txt", "Correct-Horse-1\n");
    let own = "min_length = 12\nblocklist = { file = \"words.txt\" }\n";
    add(
        &test_env,
        &format!("[providers.zoom.policy]\n{own}[providers.portal.policy]\n{own}"),
    );
    refused(
        &test_env,
        &test_env.reset_alice("short1\n"),
        &[
            "at least 8 characters,",
            "both upper-case and lower-case letters,",
            "at least 12 characters (own policy)",
        ],
    );
    refused(
        &test_env,
        &test_env.reset_alice("CORRECT-horse-1\n"),
        &["not easy to guess (own policy)"],
    );
    let change = [
        "-p",
        "portal",
        "change",
        ALICE_ID,
        "--current-password-stdin",
        "--new-password-stdin",
    ];
    let run = test_env.run(&change, format!("{ALICE_PASSWORD}\nshort\n"));
    let guessed = [
        "at least 8 characters (approximate)",
        "at least 12 characters (own policy)",
    ];
    refused(&test_env, &run, &guessed);
    let with_json: Vec<_> = ["--json"].into_iter().chain(change).collect();
    let report = object(&test_env.run(&with_json, format!("{ALICE_PASSWORD}\nshort\n")));
    let reported = codes(&report["violations"]);
    assert_eq!(
        reported,
        ["provider:min_length", "provider:digit", "caller:min_length"]
    );
    // Within both it is sent.
    assert_eq!(test_env.reset_alice("Long-Enough-42\n").code, 0);
    assert_eq!(
        test_env
            .run(&change, format!("{ALICE_PASSWORD}\nLong-Enough-42\n"))
            .code,
        0
    );
    assert_eq!(test_env.changes(), 2);
}

#[test]
fn local_policy_that_contradicts_zoom_is_rejected_on_load() {
    let test_env = TestEnv::new();
    add(
        &test_env,
        "[providers.zoom.policy]\nmin_length = 40\n[providers.portal.policy]\nmax_length = 7\n",
    );
    let run = test_env.run(&["config", "check"], "");
    assert_eq!(run.code, 2, "{run:?}");
    // What a portal asks for is its own to say.
    assert_eq!(run.stderr.lines().count(), 1, "{run:?}");
    let reason = "repass.toml:12: providers.zoom.policy: the password policy cannot be met: at least 40 characters are \
                  required, but at most 31 are allowed";
    assert!(run.stderr.contains(reason), "{run:?}");
    // But this one says so when it is asked.
    let run = test_env.run(&["-p", "portal", "policy", "show"], "");
    let reason = "combined with the provider's rules, the password policy cannot be met";
    assert!(run.code == 2 && run.stderr.contains(reason), "{run:?}");
}

#[test]
fn generated_password_is_printed_only_on_request_and_is_set() {
    let test_env = TestEnv::new();
    add(
        &test_env,
        "[providers.portal.policy]\ngenerate = { length = 27 }\n",
    );
    let run = test_env.run(&["reset", ALICE, "--generate"], "");
    assert_eq!((run.code, test_env.requests()), (2, 0), "{run:?}");
    assert!(
        run.stderr.contains("pass --print to print it, or --yes"),
        "{run:?}"
    );

    let run = test_env.run(&["reset", ALICE, "--generate", "--print"], "");
    assert_eq!(run.code, 0, "{run:?}");
    let password = run.stdout.strip_suffix('\n').unwrap();
    assert_eq!(password.len(), 20);
    assert!(!run.stderr.contains(password));
    assert!(test_env.accepts(Provider::Zoom, ALICE, password));

    let run = test_env.run(
        &[
            "-p",
            "portal",
            "change",
            ALICE_ID,
            "--current-password-stdin",
            "--generate",
            "--print",
        ],
        ALICE_PASSWORD,
    );
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(run.stdout.trim_end().len(), 27);
    assert!(test_env.accepts(Provider::Identity, ALICE_ID, run.stdout.trim_end()));

    let run = test_env.run(&["--yes", "reset", ALICE, "--generate"], "");
    assert_eq!(
        (run.code, &*run.stdout, test_env.changes()),
        (0, "", 3),
        "{run:?}"
    );
}

#[test]
fn generate_prints_distinct_passwords_and_nothing_else() {
    let test_env = TestEnv::new();
    let run = test_env.run(&["generate", "-n", "50"], "");
    assert_eq!((run.code, &*run.stderr), (0, ""), "{run:?}");
    let mut lines: Vec<&str> = run.stdout.lines().collect();
    for password in &lines {
        assert!(test_env.sandbox.permits(Provider::Zoom, password), "{password}");
    }
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), 50);
    let run = test_env.run(
        &["--json", "generate", "-n", "3", "--preset", "nist-800-63b-4"],
        "",
    );
    assert_eq!(object(&run)["passwords"].as_array().unwrap().len(), 3);
    assert_eq!(test_env.run(&["generate", "-n", "0"], "").code, 2);
}

/// As reported by both providers of a sandbox with these rules.
async fn discovered(options: Options) -> Vec<(Provider, repass_sandbox::Sandbox, PasswordPolicy)> {
    let mut all = Vec::new();
    for (provider, name) in [(Provider::Zoom, "zoom"), (Provider::Identity, "portal")] {
        let sandbox = repass_sandbox::Sandbox::start_with(options.clone())
            .await
            .unwrap();
        let services = Services::builder()
            .config(repass::Config::for_sandbox(&sandbox))
            .build()
            .unwrap();
        let policy = services
            .get(name)
            .unwrap()
            .policy(&CallContext::default())
            .await
            .unwrap();
        all.push((provider, sandbox, policy));
    }
    all
}

// The sandbox has a separate implementation of its rules.
#[tokio::test]
async fn generated_passwords_pass_every_policy_and_the_provider() {
    let weak = Options {
        zoom: ZoomOptions {
            rules: ZoomRules::Basic,
            ..ZoomOptions::default()
        },
        identity: IdentityOptions {
            rules: IdentityRules::Uipath,
            ..IdentityOptions::default()
        },
        ..Options::default()
    };
    let mut strict = weak.clone();
    strict.zoom.rules = ZoomRules::Enhanced;
    strict.zoom.minimum_length = 14;
    strict.identity.rules = IdentityRules::Aspnet;
    strict.identity.minimum_length = Some(24);
    for options in [weak, strict] {
        for (provider, sandbox, policy) in discovered(options).await {
            for _ in 0..100_000 {
                let password = policy.generate().unwrap();
                assert!(policy.check(&password).is_empty(), "its own check");
                #[expect(clippy::disallowed_methods, reason = "the sandbox judges a made-up password")]
                let text = password.expose_secret();
                assert!(sandbox.permits(provider, text), "{provider}: {text}");
            }
        }
    }
}
