//! Invalid input: one line that names problem and place, the right exit code, nothing sent.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::binary::{Run, finish};
use repass_sandbox::Options;

use crate::test_env::{ALICE, TestEnv};

fn refused(test_env: &TestEnv, run: &Run, code: i32, part: &str) {
    assert_eq!(run.code, code, "{run:?}");
    assert_eq!(run.stderr.trim_end().lines().count(), 1, "one line: {run:?}");
    assert!(run.stderr.contains(part), "{part:?} in {run:?}");
    assert!(
        run.stderr.chars().all(|c| c == '\n' || !c.is_control()),
        "{run:?}"
    );
    assert_eq!(run.stdout, "");
    assert_eq!(
        (test_env.changes(), test_env.requests()),
        (0, 0),
        "nothing is sent"
    );
}

#[test]
fn invalid_passwords_are_rejected() {
    let test_env = TestEnv::new();
    for (stdin, part) in [
        (&b""[..], "empty"),
        (b"\n", "empty"),
        (b"\xff\xfe-bad", "UTF-8"),
        (b"nul\0inside", "NUL"),
        (&[b'x'; 5000], "too long"),
        (&vec![b'x'; 5_000_000], "too long"),
    ] {
        refused(&test_env, &test_env.reset_alice(stdin), 2, part);
    }
}

#[test]
fn password_argument_is_rejected_and_not_quoted() {
    let test_env = TestEnv::new();
    let run = test_env.run(&["reset", ALICE, "Canary-Passw0rd-1"], "");
    assert_eq!((run.code, test_env.requests()), (2, 0), "{run:?}");
    assert!(!run.stderr.contains("Canary-Passw0rd-1"), "{run:?}");
}

#[test]
fn secret_file_with_unsafe_permissions_is_rejected() {
    let test_env = TestEnv::new();
    let reset = |file: &str| test_env.run(&["reset", ALICE, "--new-password-file", file], "");
    refused(&test_env, &reset("missing.txt"), 2, "missing.txt");
    fs::create_dir(test_env.path("folder")).unwrap();
    refused(&test_env, &reset("folder"), 2, "folder");
    let open = test_env.secret("open.txt", "New-Passw0rd-1");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    refused(&test_env, &reset("open.txt"), 2, "open.txt");
    let fifo = std::process::Command::new("mkfifo")
        .args(["-m", "600"])
        .arg(test_env.path("fifo"))
        .status();
    assert!(fifo.unwrap().success());
    refused(&test_env, &reset("fifo"), 2, "fifo is a named pipe");
    fs::set_permissions(test_env.path("token"), fs::Permissions::from_mode(0o640)).unwrap();
    refused(&test_env, &test_env.reset_alice("New-Passw0rd-1\n"), 2, "token");
}

#[test]
fn unset_environment_variable_is_named() {
    let test_env = TestEnv::new();
    let config = fs::read_to_string(test_env.path("repass.toml")).unwrap();
    let by_variable = config.replacen("{ file = \"token\" }", "{ env = \"NO_SUCH_TOKEN\" }", 1);
    fs::write(test_env.path("repass.toml"), by_variable).unwrap();
    refused(
        &test_env,
        &test_env.reset_alice("New-Passw0rd-1\n"),
        2,
        "NO_SUCH_TOKEN",
    );
}

#[test]
fn user_id_with_path_segments_is_rejected() {
    let test_env = TestEnv::new();
    let long = "x".repeat(10_240);
    for user in [
        "a/b",
        "..",
        ".",
        "%2e%2e",
        "a b",
        "a?b",
        "a#b",
        "a\u{1b}[31mb",
        "a\nb",
        "",
        "a\\b",
        &long,
    ] {
        let run = test_env.run(&["reset", "--new-password-stdin", "--", user], "New-Passw0rd-1\n");
        refused(&test_env, &run, 2, "user id");
    }
}

#[test]
fn insecure_base_url_is_rejected() {
    let test_env = TestEnv::new();
    for (url, part) in [
        ("http://api.example.com/v2", "http"),
        ("https://user:Canary-1@api.example.com/v2", "user information"),
        ("ftp://127.0.0.1/v2", "https"),
        ("zoom", "URL"),
    ] {
        test_env.configure(url, false);
        let run = test_env.reset_alice("New-Passw0rd-1\n");
        refused(&test_env, &run, 2, part);
        assert!(
            run.stderr.contains("repass.toml") && !run.stderr.contains("Canary"),
            "{run:?}"
        );
    }
}

#[test]
fn untrusted_certificate_is_rejected() {
    let test_env = TestEnv::with(Options {
        tls: true,
        ..Options::default()
    });
    test_env.configure(test_env.sandbox.zoom_base_url(), false);
    let run = test_env.reset_alice("New-Passw0rd-1\n");
    refused(&test_env, &run, 2, "certificate");
    test_env.configure(test_env.sandbox.zoom_base_url(), true);
    assert_eq!(
        test_env.reset_alice("New-Passw0rd-1\n").code,
        0,
        "with its CA it is"
    );
}

#[test]
fn environment_proxy_is_named_when_the_connection_fails() {
    let test_env = TestEnv::new();
    test_env.configure("https://127.0.0.1:1/v2", false);
    let run = |arguments: &[&str], variable: &str| {
        let mut command = crate::binary::command(test_env.folder());
        command
            .args(arguments)
            .env(variable, "http://user:Canary-9@proxy.example.com:3128");
        finish(command, b"New-Passw0rd-1\n")
    };
    let reset = ["reset", "alice@example.com", "--new-password-stdin"];
    for variable in ["HTTPS_PROXY", "https_proxy"] {
        let said = format!("{variable} is set, and repass does not use it: set `proxy`");
        let changed = run(&reset, variable);
        assert!(changed.code == 7 && changed.stderr.contains(&said), "{changed:?}");
        let doctor = run(&["doctor"], variable);
        assert!(
            (doctor.stdout.clone() + &doctor.stderr).contains(&said),
            "{doctor:?}"
        );
        assert!(
            !format!("{changed:?}{doctor:?}").contains("Canary"),
            "{changed:?} {doctor:?}"
        );
    }
    let changed = run(&reset, "OTHER");
    assert!(
        changed.code == 7 && !changed.stderr.contains("proxy"),
        "{changed:?}"
    );
}

#[test]
fn invalid_proxy_is_rejected() {
    let test_env = TestEnv::new();
    for (base_url, proxy, part) in [
        (
            "https://api.example.com/v2",
            "http://user:Canary-9@proxy.example.com:3128",
            "credentials",
        ),
        (
            "https://api.example.com/v2",
            "socks5://proxy.example.com",
            "begin with http://",
        ),
        (
            "http://127.0.0.1:1/v2",
            "http://proxy.example.com:3128",
            "https only",
        ),
    ] {
        test_env.configure(base_url, false);
        let text = fs::read_to_string(test_env.path("repass.toml")).unwrap();
        let with = text.replacen("auth =", &format!("proxy = \"{proxy}\"\nauth ="), 1);
        fs::write(test_env.path("repass.toml"), with).unwrap();
        let run = test_env.reset_alice("New-Passw0rd-1\n");
        assert!(
            run.code == 2 && run.stderr.contains("providers.zoom.proxy"),
            "{run:?}"
        );
        assert!(
            run.stderr.contains(part) && !run.stderr.contains("Canary"),
            "{run:?}"
        );
    }
}

#[test]
fn configuration_problems_are_reported_together() {
    let test_env = TestEnv::new();
    let text = "default_provider = \"zom\"\n\
                [providers.zoom]\nkind = \"zoom\"\nbase_ulr = \"x\"\nplan = \"platinum\"\n\
                auth = { kind = \"bearer\", token = \"Canary-Token-1\" }\n";
    fs::write(test_env.path("repass.toml"), text).unwrap();
    let run = test_env.run(&["config", "check"], "");
    assert_eq!(run.code, 2, "{run:?}");
    for part in [
        "repass.toml:1",
        "`zoom`",
        "repass.toml:4",
        "base_ulr",
        "base_url",
        "repass.toml:5",
        "plan",
        "repass.toml:6",
    ] {
        assert!(run.stderr.contains(part), "{part} in {run:?}");
    }
    assert!(!run.stderr.contains("Canary"), "{run:?}");
}

/// The lines about a configuration, without the file's name.
fn problems(test_env: &TestEnv, toml: &str) -> Vec<String> {
    fs::write(test_env.path("repass.toml"), toml).unwrap();
    let run = test_env.run(&["config", "check"], "");
    assert_eq!(run.code == 0, run.stderr.is_empty(), "{run:?}");
    let lines = run.stderr.lines();
    lines
        .map(|line| line.trim_start_matches("error: repass.toml:").to_owned())
        .collect()
}

#[test]
fn missing_or_invalid_configuration_section_is_one_problem() {
    let test_env = TestEnv::new();
    let good =
        "[providers.zoom]\nkind = \"zoom\"\nauth = { kind = \"bearer\", token = { file = \"token\" } }\n";
    assert_eq!(problems(&test_env, good), [""; 0]);
    for (auth, problem) in [
        ("", "1: providers.zoom.auth: is missing"),
        (
            "auth = 3",
            "3: providers.zoom.auth: must be a table, not a number",
        ),
        ("auth = {}", "3: providers.zoom.auth.kind: is missing; give"),
        (
            "auth = { kind = \"berer\" }",
            "3: providers.zoom.auth.kind: must be",
        ),
        (
            "auth = { kind = 7, token = 7 }",
            "3: providers.zoom.auth.kind: must be a string, not a number",
        ),
        (
            "auth = { kind = \"bearer\" }",
            "3: providers.zoom.auth.token: is missing",
        ),
        (
            "auth = { kind = \"bearer\", token = {} }",
            "3: providers.zoom.auth.token: needs exactly one",
        ),
        (
            "auth = { kind = \"bearer\", token = { env = 7 } }",
            "3: providers.zoom.auth.token.env: must be a string",
        ),
        (
            "auth = { kind = \"server-to-server\", account_id = \"a1\", client_id = \"c1\" }",
            "3: providers.zoom.auth.client_secret: is missing",
        ),
    ] {
        let reported = problems(&test_env, &format!("[providers.zoom]\nkind = \"zoom\"\n{auth}\n"));
        assert!(
            reported.len() == 1 && reported[0].starts_with(problem),
            "{auth}: {reported:?}"
        );
    }
    // An invalid name does not hide the problems of the provider.
    let reported = problems(
        &test_env,
        &good.replace("zoom]", "\"z z\"]").replace("\"token\"", "\"none\""),
    );
    assert_eq!(reported.len(), 2, "{reported:?}");
}

#[test]
fn configuration_placeholder_is_a_problem() {
    let test_env = TestEnv::new();
    let run = test_env.run(&["config", "init", "starter.toml"], "");
    assert_eq!(run.code, 0, "{run:?}");
    let starter = fs::read_to_string(test_env.path("starter.toml")).unwrap();
    test_env.secret("portal.secret", "canary-secret-1");
    let starter = starter.replace("{ env = \"ZOOM_CLIENT_SECRET\" }", "{ file = \"token\" }");
    let reported = problems(&test_env, &starter);
    let keys: Vec<&str> = reported
        .iter()
        .filter_map(|line| line.split(": ").nth(1))
        .collect();
    assert_eq!(
        keys,
        [
            "providers.zoom.auth.account_id",
            "providers.zoom.auth.client_id",
            "providers.portal.base_url",
            "providers.portal.auth.token_url",
            "providers.portal.auth.client_id",
        ],
        "{reported:?}"
    );
    assert!(
        reported
            .iter()
            .all(|line| line.contains("is still a placeholder")),
        "{reported:?}"
    );
    // Together with what else is wrong.
    let reported = problems(&test_env, &starter.replace("\"portal.secret\"", "\"none\""));
    assert_eq!(reported.len(), 6, "{reported:?}");
}

#[test]
fn missing_configuration_or_terminal_is_reported_with_a_fix() {
    let test_env = TestEnv::new();
    let prompt = test_env.run(&["reset", ALICE], "New-Passw0rd-1\n");
    refused(&test_env, &prompt, 2, "--new-password-stdin");
    fs::remove_file(test_env.path("repass.toml")).unwrap();
    let run = test_env.reset_alice("New-Passw0rd-1\n");
    refused(&test_env, &run, 2, "config");
    let mut found_by_variable = crate::binary::command(test_env.folder());
    found_by_variable
        .env("REPASS_CONFIG", "nowhere.toml")
        .args(["providers"]);
    refused(&test_env, &finish(found_by_variable, b""), 2, "nowhere.toml");
}

// Only root can give a file away.
#[test]
fn configuration_of_another_user_is_rejected() {
    let test_env = TestEnv::new();
    if std::os::unix::fs::chown(test_env.path("repass.toml"), Some(65534), None).is_err() {
        return;
    }
    let run = test_env.reset_alice("New-Passw0rd-1\n");
    refused(&test_env, &run, 2, "repass.toml: belongs to user 65534");
}
