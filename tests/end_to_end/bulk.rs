//! Bulk on the command line.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use repass_sandbox::{Options, Provider};
use serde_json::Value;

use crate::binary::Run;
use crate::test_env::{ALICE, ALICE_ID, ALICE_PASSWORD, TestEnv};

/// A public key; no test needs its secret key.
pub(crate) const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

/// Removes Zoom's rate limit.
pub(crate) fn unlimited(test_env: &TestEnv) {
    let config = fs::read_to_string(test_env.path("repass.toml")).unwrap();
    let config = config.replace("kind = \"zoom\"", "kind = \"zoom\"\nplan = \"unlimited\"");
    fs::write(test_env.path("repass.toml"), config).unwrap();
}

/// Writes `users.csv` with the first `count` numbered users.
pub(crate) fn users(test_env: &TestEnv, count: u32) {
    let rows: Vec<String> = (1..=count).map(|n| format!("user{n:06}@example.com")).collect();
    fs::write(test_env.path("users.csv"), format!("user\n{}\n", rows.join("\n"))).unwrap();
}

fn test_env(count: u32) -> TestEnv {
    let test_env = TestEnv::with(Options {
        users: count,
        ..Options::default()
    });
    unlimited(&test_env);
    users(&test_env, count);
    test_env
}

const GENERATE: [&str; 8] = [
    "--generate",
    "--secrets-out",
    "s.age",
    "--recipient",
    RECIPIENT,
    "--run",
    "run",
    "--yes",
];

fn run(test_env: &TestEnv, input: &str, more: &[&str]) -> Run {
    let mut arguments = vec!["bulk", "run", input];
    arguments.extend(GENERATE);
    arguments.extend(more);
    test_env.run(&arguments, "")
}

fn status(test_env: &TestEnv) -> Value {
    crate::test_env::json(&test_env.run(&["--json", "bulk", "status", "run"], ""))
}

#[test]
fn bulk_stalled_reader_delays_no_change() {
    let test_env = test_env(1500);
    let mut command = crate::binary::command(test_env.folder());
    command
        .args(["--json", "bulk", "run", "users.csv"])
        .args(GENERATE);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    // More output than a pipe can buffer is pending by then, and none of it has been read.
    let start = std::time::Instant::now();
    while test_env.changes() < 1500 {
        assert!(start.elapsed().as_secs() < 60, "{} changes", test_env.changes());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let mut reported = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut reported)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let rows = reported.lines().filter(|line| line.contains("\"event\":\"row\""));
    assert_eq!(rows.count(), 1500);
}

#[test]
fn bulk_exit_code_reflects_the_rows() {
    let test_env = test_env(20);
    assert_eq!(run(&test_env, "users.csv", &[]).code, 0);
    assert_eq!(test_env.changes(), 20);
    for command in ["status", "report"] {
        assert_eq!(test_env.run(&["bulk", command, "run"], "").code, 0);
    }
    assert_eq!(test_env.run(&["bulk", "resume", "run"], "").code, 0);
    assert_eq!(test_env.changes(), 20, "there was nothing left to do");

    let rows = test_env.run(
        &["bulk", "run", "-", "--run", "other"],
        "user,new_password\nalice@example.com,\" New-Passw0rd-1 \"\nnobody@example.com,New-Passw0rd-1\n",
    );
    assert_eq!(rows.code, 9, "{rows:?}");
    assert!(test_env.accepts(Provider::Zoom, ALICE, " New-Passw0rd-1 "));
    let report = test_env.run(&["bulk", "report", "other"], "");
    assert_eq!(report.code, 9);
    assert!(
        report
            .stdout
            .contains("\n3,nobody@example.com,zoom,not_applied,user_not_found,1001,"),
        "{report:?}"
    );
}

#[test]
fn bulk_row_can_name_its_provider_and_current_password() {
    let test_env = test_env(0);
    let text = format!(
        "\u{feff}provider;user;new_password;current_password\r\nportal;{ALICE_ID};\"New;Passw0rd-1\";{ALICE_PASSWORD}\r\n;{ALICE};New-Passw0rd-2;\r\n\
         okta;{ALICE};x;\r\n"
    );
    test_env.secret("rows.csv", text);
    let run = test_env.run(&["bulk", "run", "rows.csv", "--run", "run", "--yes"], "");
    assert_eq!(run.code, 9, "{run:?}");
    assert!(
        test_env.accepts(Provider::Identity, ALICE_ID, "New;Passw0rd-1"),
        "{run:?}"
    );
    assert!(test_env.accepts(Provider::Zoom, ALICE, "New-Passw0rd-2"));
    let report = test_env.run(&["bulk", "report", "run"], "").stdout;
    assert!(
        report.contains("\n4,alice@example.com,,not_applied,invalid_row,,"),
        "{report}"
    );
    assert!(!report.contains("Passw0rd"), "{report}");
}

#[test]
fn bulk_invalid_options_are_reported_before_anything_is_created() {
    let test_env = test_env(5);
    let typo = RECIPIENT.replace("ql3z7", "ql3z6");
    fs::write(test_env.path("there.age"), "precious").unwrap();
    test_env.secret("headless.csv", "alice@example.com,canary-1\n");
    test_env.secret("given.csv", "user,new_password\nalice@example.com,canary-1\n");
    let sealed = |file| vec!["--generate", "--secrets-out", file, "--recipient", RECIPIENT];
    let cases = [
        ("none.csv", sealed("s.age"), "cannot open none.csv"),
        (".", sealed("s.age"), "cannot read .: Is a directory"),
        ("users.csv", sealed("there.age"), "exists already"),
        ("users.csv", sealed("none/s.age"), "cannot create"),
        ("users.csv", sealed("-"), "--secrets-out needs a file"),
        (
            "users.csv",
            vec!["--generate"],
            "the generated passwords would be lost",
        ),
        (
            "users.csv",
            vec!["--generate", "--secrets-out", "s.age"],
            "needs a recipient",
        ),
        (
            "users.csv",
            vec!["--generate", "--secrets-out", "s.age", "--recipient", &typo],
            "its checksum must match",
        ),
        ("users.csv", vec![], "chmod 600"),
        ("headless.csv", vec![], "column 1 of the header is unknown"),
        ("given.csv", vec!["--reissue"], "--reissue sends a new password"),
        ("given.csv", sealed("s.age"), "remove it"),
    ];
    for (input, more, expected) in cases {
        let mut arguments = vec!["bulk", "run", input, "--run", "run", "--yes"];
        arguments.extend(more);
        let run = test_env.run(&arguments, "");
        assert_eq!(run.code, 2, "{run:?}");
        assert!(
            run.stderr.contains(expected) && !run.stderr.contains("canary"),
            "{run:?}"
        );
        assert!(
            !test_env.path("run").exists() && !test_env.path("s.age").exists(),
            "{run:?}"
        );
    }
    for folder in [".", "users.csv/run"] {
        let mut arguments = vec!["bulk", "run", "users.csv", "--run", folder];
        arguments.extend(sealed("s.age"));
        let run = test_env.run(&arguments, "");
        assert_eq!(run.code, 2, "{run:?}");
        assert!(!test_env.path("s.age").exists(), "{run:?}");
    }
    assert_eq!(test_env.changes(), 0, "no change was sent");
    assert_eq!(
        fs::read_to_string(test_env.path("there.age")).unwrap(),
        "precious"
    );
}

#[test]
fn bulk_dry_run_validates_every_row_and_sends_nothing() {
    let test_env = test_env(5);
    let text = "user,new_password\nalice@example.com,short\nalice@example.com,New-Passw0rd-1\nbob@example.com,New-Passw0rd-1\na b,New-Passw0rd-1\n";
    let run = test_env.run(&["--json", "bulk", "run", "-", "--dry-run"], text);
    assert_eq!(run.code, 9, "{run:?}");
    let events: Vec<Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let reported: Vec<_> = events[..3]
        .iter()
        .map(|event| (event["line"].as_u64(), event["kind"].as_str()))
        .collect();
    assert_eq!(
        reported,
        [
            (Some(2), Some("password_refused")),
            (Some(3), Some("duplicate_row")),
            (Some(5), Some("invalid_row"))
        ]
    );
    assert!(
        events[0]["code"].as_str().unwrap().contains("min_length"),
        "{events:?}"
    );
    assert_eq!(
        (events[3]["rows"].as_u64(), events[3]["pending"].as_u64()),
        (Some(4), Some(1))
    );
    assert_eq!(test_env.changes(), 0);
    assert_eq!(
        fs::read_dir(test_env.folder()).unwrap().count(),
        3,
        "no run was begun"
    );
    assert_eq!(
        test_env
            .run(&["bulk", "run", "users.csv", "--generate", "--dry-run"], "")
            .code,
        0
    );
}

#[test]
fn bulk_preflight_looks_up_every_user_and_changes_nothing() {
    let test_env = test_env(50);
    let mut rows = fs::read_to_string(test_env.path("users.csv")).unwrap();
    rows.push_str("nobody@example.com\nowner@example.com\nsso@example.com\n");
    let run = test_env.run(
        &[
            "--json",
            "bulk",
            "run",
            "-",
            "--generate",
            "--dry-run",
            "--preflight",
        ],
        rows,
    );
    assert_eq!(run.code, 9, "{run:?}");
    let events: Vec<Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut reported: Vec<_> = events[..3]
        .iter()
        .map(|event| (event["line"].as_u64(), event["kind"].as_str()))
        .collect();
    reported.sort_unstable();
    let not = Some("not_eligible");
    assert_eq!(
        reported,
        [
            (Some(52), Some("user_not_found")),
            (Some(53), not),
            (Some(54), not)
        ]
    );
    assert_eq!(
        (events[3]["rows"].as_u64(), events[3]["pending"].as_u64()),
        (Some(53), Some(50))
    );
    assert_eq!(test_env.changes(), 0);
    let portal = format!("user\n{ALICE_ID}\nffffffff-0000-4000-8000-00000000000f\n");
    let run = test_env.run(
        &[
            "-p",
            "portal",
            "bulk",
            "run",
            "-",
            "--generate",
            "--dry-run",
            "--preflight",
        ],
        portal,
    );
    assert_eq!((run.code, run.stdout.lines().count()), (9, 1), "{run:?}");
    assert!(run.stdout.starts_with("line 3 (ffff"), "{run:?}");
}

#[test]
fn bulk_canary_without_a_terminal_stops() {
    let test_env = test_env(30);
    let mut arguments = vec!["bulk", "run", "users.csv"];
    arguments.extend(&GENERATE[..7]);
    arguments.extend(["--canary", "10"]);
    let stopped = test_env.run(&arguments, "");
    assert_eq!((stopped.code, test_env.changes()), (9, 10), "{stopped:?}");
    assert!(
        stopped
            .stderr
            .contains("canary: 10 applied, 0 not applied, 0 unknown, 20 to go"),
        "{stopped:?}"
    );
    assert!(
        stopped.stderr.contains("to continue: `repass bulk resume run`"),
        "{stopped:?}"
    );
    let resumed = test_env.run(&["--json", "--yes", "bulk", "resume", "run", "--canary", "5"], "");
    assert_eq!((resumed.code, test_env.changes()), (0, 30), "{resumed:?}");
    let last: Value = serde_json::from_str(resumed.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(
        (last["event"].as_str(), last["stopped"].as_str()),
        (Some("end"), Some("done"))
    );
    let rows = resumed
        .stdout
        .lines()
        .filter(|line| line.starts_with("{\"event\":\"row\""));
    assert_eq!(rows.count(), 20);
}

#[test]
fn bulk_first_interrupt_and_hangup_drain() {
    // A shell that ends may send it more than once.
    for signals in [&["-INT"][..], &["-HUP", "-HUP"]] {
        // At Zoom's own rate for this plan, so that there is time to interrupt.
        let test_env = TestEnv::with(Options {
            users: 200,
            ..Options::default()
        });
        users(&test_env, 200);
        let mut command = crate::binary::command(test_env.folder());
        command.args(["bulk", "run", "users.csv"]).args(GENERATE);
        let mut child = command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        while test_env.changes() < 10 {
            assert!(child.try_wait().unwrap().is_none(), "it is in flight");
            std::thread::yield_now();
        }
        for signal in signals {
            let signalled = Command::new("kill")
                .args([*signal, &child.id().to_string()])
                .status();
            assert!(signalled.unwrap().success());
        }
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(9), "{stderr}");
        let reported = status(&test_env);
        assert_eq!(
            (reported["unknown"].as_u64(), reported["applied"].as_u64()),
            (Some(0), u64::try_from(test_env.changes()).ok())
        );
        assert!(reported["pending"].as_u64().unwrap() > 0, "{reported}");
        assert!(
            stderr.contains("interrupted; the changes in flight have ended"),
            "{stderr}"
        );
    }
}

#[test]
fn bulk_queued_rows_are_pending_during_the_run_and_after_a_kill() {
    let test_env = TestEnv::with(Options {
        users: 200,
        ..Options::default()
    });
    users(&test_env, 200);
    let mut command = crate::binary::command(test_env.folder());
    command
        .args(["bulk", "run", "users.csv", "--quiet"])
        .args(GENERATE);
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    // All that the plan allows at once; the rest wait for their turn.
    while test_env.changes() < 20 {
        assert!(child.try_wait().unwrap().is_none(), "it is in flight");
        std::thread::yield_now();
    }
    let reported = status(&test_env);
    assert_eq!(
        (&reported["under_way"], &reported["unknown"]),
        (&true.into(), &0.into()),
        "{reported}"
    );
    child.kill().unwrap();
    child.wait().unwrap();
    let (reported, made) = (status(&test_env), u64::try_from(test_env.changes()).unwrap());
    let count = |key: &str| reported[key].as_u64().unwrap();
    // Each that was made, and no other, is applied or may have been.
    assert!(
        count("applied") <= made && made <= count("applied") + count("unknown"),
        "{reported}"
    );
    assert_eq!(count("in_flight"), 0, "{reported}");
    let limit = 20;
    assert!(count("unknown") <= limit, "{reported}");
    assert!(
        test_env.run(&["bulk", "resume", "run", "--quiet"], "").code
            == if count("unknown") > 0 { 8 } else { 0 }
    );
    assert_eq!(
        status(&test_env)["applied"].as_u64().unwrap() + count("unknown"),
        200
    );
}

#[test]
fn bulk_secrets_file_has_the_passwords_that_were_set() {
    let test_env = test_env(3);
    test_env.secret("passphrase", "correct horse battery\n");
    let begun = test_env.run(
        &[
            "bulk",
            "run",
            "users.csv",
            "--generate",
            "--secrets-out",
            "s.age",
            "--passphrase-file",
            "passphrase",
            "--run",
            "run",
        ],
        "",
    );
    assert_eq!(begun.code, 0, "{begun:?}");
    let opened = test_env.run(
        &[
            "bulk",
            "secrets",
            "s.age",
            "--passphrase-file",
            "passphrase",
            "--run",
            "run",
            "--current",
        ],
        "",
    );
    assert_eq!(opened.code, 0, "{opened:?}");
    let mut lines = opened.stdout.lines();
    assert_eq!(
        lines.next(),
        Some("line,user,provider,attempt,state,new_password")
    );
    for n in 1..=3 {
        let cells: Vec<&str> = lines.next().unwrap().splitn(6, ',').collect();
        let user = format!("user{n:06}@example.com");
        assert_eq!((cells[1], cells[4]), (user.as_str(), "current"));
        assert!(test_env.accepts(Provider::Zoom, &user, cells[5]));
    }
    let secrets = [
        "bulk",
        "secrets",
        "s.age",
        "--passphrase-file",
        "passphrase",
        "--run",
        "run",
        "--current",
    ];
    fs::write(test_env.path("out.csv"), "public").unwrap();
    let written = test_env.run(&[&secrets[..], &["--out", "out.csv"]].concat(), "");
    assert_eq!((written.code, written.stdout.as_str()), (0, ""), "{written:?}");
    assert_eq!(
        fs::read_to_string(test_env.path("out.csv")).unwrap(),
        opened.stdout
    );
    let mode = fs::metadata(test_env.path("out.csv"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let written = test_env.run(&[&secrets[..], &["--out", "out.json", "--json"]].concat(), "");
    assert_eq!(crate::test_env::json(&written)["file"], "out.json");
    assert_eq!(
        fs::read_to_string(test_env.path("out.json"))
            .unwrap()
            .lines()
            .count(),
        3
    );
    test_env.secret("passphrase", "wrong horse");
    let wrong = test_env.run(&[&secrets[..], &["--out", "out.csv"]].concat(), "");
    assert_eq!(wrong.code, 2, "{wrong:?}");
    assert_eq!(
        fs::read_to_string(test_env.path("out.csv")).unwrap(),
        opened.stdout,
        "it is as it was"
    );
    let wrong = test_env.run(
        &["bulk", "secrets", "s.age", "--passphrase-file", "passphrase"],
        "",
    );
    assert_eq!(wrong.code, 2);
    assert!(
        wrong.stdout.lines().count() <= 1 && wrong.stderr.contains("the passphrase is wrong"),
        "{wrong:?}"
    );
}

// What `users.csv` with these rows does to Alice at the portal and to two numbered users at Zoom.
fn given(test_env: &TestEnv, content: impl AsRef<[u8]>, more: &[&str]) -> Run {
    test_env.secret("users.csv", content);
    let mut arguments = vec!["--json", "bulk", "run", "users.csv", "--run", "run", "--yes"];
    arguments.extend(more);
    test_env.run(&arguments, "")
}

// The lines that were refused, each with its reason.
fn refused(run: &Run) -> Vec<(u64, String)> {
    let events = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
    let refused = events.filter(|event: &Value| event["outcome"] == "not_applied");
    let lines = refused.map(|row| {
        let message = row["message"].as_str().unwrap_or_default();
        (row["line"].as_u64().unwrap(), message.to_owned())
    });
    lines.collect()
}

#[test]
fn bulk_unbalanced_quote_sets_no_password_and_loses_no_row() {
    let test_env = test_env(3);
    let rows = "user,new_password\nuser000001@example.com,\"Pass-w0rd1x\nuser000002@example.com,Pass-w0rd2x\n\
                user000003@example.com,Pass-w0rd3x\n";
    let dry = given(&test_env, rows, &["--dry-run"]);
    assert_eq!((dry.code, refused(&dry).len()), (9, 3), "{dry:?}");
    let run = given(&test_env, rows, &[]);
    assert_eq!((run.code, test_env.changes()), (9, 0), "{run:?}");
    assert_eq!(status(&test_env)["rows"], 3);
    let report = test_env.run(&["bulk", "report", "run"], "").stdout;
    for row in [
        "\n2,,,not_applied,invalid_row,,a quote is opened in field 2",
        "\n3,,,not_applied,invalid_row,,is inside the quotes that are opened on line 2",
        "\n4,,,not_applied,invalid_row,,is inside the quotes that are opened on line 2",
    ] {
        assert!(report.replace('"', "").contains(row), "{report}");
    }
    assert!(!format!("{run:?}{report}").contains("Pass-w0rd"), "{run:?}");
}

#[test]
fn bulk_untypeable_password_is_rejected() {
    let test_env = test_env(4);
    let rows = "{\"user\":\"user000001@example.com\",\"new_password\":\"Pass-w0rd1x\\n\"}\n\
                {\"user\":\"user000002@example.com\",\"new_password\":\"\\ufeffPass-w0rd2x\"}\n\
                {\"user\":\"user000003@example.com\",\"new_password\":\"Pass\\u00a0w0rd3x\"}\n\
                {\"user\":\"user000004@example.com\",\"new_password\":\"Pass-w0rd4x\"}\n";
    for more in [&["--dry-run"][..], &[]] {
        let run = given(&test_env, rows, more);
        let refused = refused(&run);
        let lines: Vec<u64> = refused.iter().map(|(line, _)| *line).collect();
        assert_eq!((run.code, lines), (9, vec![1, 2, 3]), "{run:?}");
        for ((_, message), what) in refused.iter().zip([
            "a line break after 11 characters",
            "a byte order mark (U+FEFF) at the start",
            "a no-break space (U+00A0) after 4 characters",
        ]) {
            assert!(message.contains(what), "{message}");
        }
        assert!(run.stdout.contains("\"code\":\"typeable\""), "{run:?}");
    }
    assert_eq!(test_env.changes(), 1);
    assert!(test_env.accepts(Provider::Zoom, "user000004@example.com", "Pass-w0rd4x"));
}

#[test]
fn bulk_empty_input_is_an_error_without_allow_empty() {
    let test_env = test_env(1);
    for (content, why) in [
        ("", "is empty"),
        ("\u{feff}\r\n", "is empty"),
        ("user,new_password\n", "has no rows"),
        ("user,new_password\n,\n", "has no rows"),
    ] {
        for more in [&[][..], &["--dry-run"]] {
            let run = given(&test_env, content, more);
            assert!(
                run.code == 2
                    && run.stdout.contains(&format!("users.csv {why}"))
                    && run.stdout.contains("--allow-empty"),
                "{content:?}: {run:?}"
            );
            assert!(!test_env.path("run").exists());
        }
        let piped = test_env.run(&["bulk", "run", "-", "--run", "run", "--yes"], content);
        assert!(
            piped.code == 2 && piped.stderr.contains(&format!("standard input {why}")),
            "{content:?}: {piped:?}"
        );
        assert!(!test_env.path("run").exists());
        let run = given(&test_env, content, &["--allow-empty", "--dry-run"]);
        assert_eq!(run.code, 0, "{run:?}");
    }
    let run = given(&test_env, "user,new_password\n", &["--allow-empty"]);
    assert_eq!((run.code, test_env.changes()), (0, 0), "{run:?}");
}

#[test]
fn bulk_blank_rows_are_skipped_with_a_note() {
    let test_env = test_env(1);
    let rows = "sep=;\r\nUser; New_Password\r\nuser000001@example.com;Pass-w0rd1x\r\n;\r\n   \r\n\u{1a}";
    let run = given(&test_env, rows, &[]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(
        run.stderr
            .contains("skipped 3 lines of the input with separators and blanks only"),
        "{run:?}"
    );
    assert!(test_env.accepts(Provider::Zoom, "user000001@example.com", "Pass-w0rd1x"));
}

#[test]
fn bulk_passwords_are_not_written_through_links_or_to_streams() {
    let test_env = test_env(3);
    test_env.secret("passphrase", "correct horse battery\n");
    let sealed = ["--passphrase-file", "passphrase"];
    let begun = test_env.run(
        &[
            &[
                "bulk",
                "run",
                "users.csv",
                "--generate",
                "--run",
                "run",
                "--secrets-out",
                "s.age",
            ][..],
            &sealed,
        ]
        .concat(),
        "",
    );
    assert_eq!(begun.code, 0, "{begun:?}");
    std::os::unix::fs::symlink("elsewhere", test_env.path("link")).unwrap();
    for (out, why) in [
        ("link", "symbolic link"),
        ("-", "--out needs a file"),
        (".", "cannot write"),
    ] {
        let secrets = [
            "bulk",
            "secrets",
            "s.age",
            "--run",
            "run",
            "--current",
            "--out",
            out,
        ];
        let refused = test_env.run(&[&secrets[..], &sealed].concat(), "");
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.stderr.contains(why), "{refused:?}");
    }
    assert!(!test_env.path("elsewhere").exists() && !test_env.path("-").exists());
}

#[test]
fn bulk_closed_output_pipe_is_not_an_error() {
    let test_env = test_env(3000);
    test_env.secret("passphrase", "correct horse battery\n");
    let begun = "$REPASS bulk run users.csv --generate --secrets-out s.age --passphrase-file passphrase --run run --quiet
        for what in 'report run' '--json report run' 'secrets s.age --passphrase-file passphrase'; do
            case $what in --json*) $REPASS --json bulk ${what#--json} ;; *) $REPASS bulk $what ;; esac | head -n 1 > /dev/null
            echo ${PIPESTATUS[0]}
        done";
    let mut command = Command::new("bash");
    command
        .args(["-c", begun])
        .current_dir(test_env.folder())
        .env("REPASS", env!("CARGO_BIN_EXE_repass"));
    let run = crate::binary::finish(command, b"");
    assert_eq!(
        (run.stdout.as_str(), run.stderr.as_str()),
        ("0\n0\n0\n", ""),
        "{run:?}"
    );
}
