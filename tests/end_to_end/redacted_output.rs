//! No password or token in the binary's output or in any crate's logs at TRACE.

use std::io;
use std::sync::{Arc, Mutex};

use crate::binary::{Run, finish};
use repass::{CallContext, Password, PasswordServiceExt as _, Services};

use crate::test_env::{ALICE, ALICE_ID, ALICE_PASSWORD, TOKEN, TestEnv};

const NEW: &str = "Canary-\"New\"-Passw0rd-4711";
const WRONG: &str = "Canary-Wrong-Passw0rd-4712";

fn traced(test_env: &TestEnv, arguments: &[&str], stdin: &str) -> Run {
    let mut command = crate::binary::command(test_env.folder());
    command.env("RUST_LOG", "trace").arg("-vvv").args(arguments);
    finish(command, stdin.as_bytes())
}

fn assert_clean(run: &Run) {
    for secret in [
        NEW,
        WRONG,
        ALICE_PASSWORD,
        TOKEN,
        "Canary-\\\"New",
        "Canary-%22New",
    ] {
        assert!(!run.stdout.contains(secret), "{secret} on stdout");
        assert!(!run.stderr.contains(secret), "{secret} on stderr: {}", run.stderr);
    }
}

#[test]
fn passwords_are_not_printed_on_success_or_failure() {
    let test_env = TestEnv::new();
    let reset = ["reset", ALICE, "--new-password-stdin"];
    let change = [
        "-p",
        "portal",
        "change",
        ALICE_ID,
        "--current-password-stdin",
        "--new-password-stdin",
    ];
    let mut codes = Vec::new();
    for json in [&[][..], &["--json"]] {
        let with = |arguments: &[&'static str]| [json, arguments].concat();
        for (arguments, stdin) in [
            (with(&reset), format!("{NEW}\n")),
            (with(&change), format!("{WRONG}\n{NEW}\n")),
            (with(&change), format!("{ALICE_PASSWORD}\n{NEW}\n")),
            (
                with(&["reset", "nobody@example.com", "--new-password-stdin"]),
                format!("{NEW}\n"),
            ),
        ] {
            let run = traced(&test_env, &arguments, &stdin);
            assert_clean(&run);
            assert!(
                run.stderr.contains("repass_transport::transport: response"),
                "logs are on: {run:?}"
            );
            codes.push(run.code);
        }
    }
    // The second time the password is the current one, so Zoom refuses it and the portal finds it wrong.
    assert_eq!(codes, [0, 3, 0, 5, 3, 3, 3, 5]);
}

#[test]
fn passwords_are_not_printed_when_the_provider_is_unreachable() {
    let test_env = TestEnv::new();
    test_env.configure("http://127.0.0.1:1/v2", false);
    let run = traced(&test_env, &["reset", ALICE, "--new-password-stdin"], NEW);
    assert_clean(&run);
    test_env.secret("token", "canary-token-8151-other");
    test_env.configure(test_env.sandbox.zoom_base_url(), false);
    let refused = traced(&test_env, &["reset", ALICE, "--new-password-stdin"], NEW);
    assert_clean(&refused);
    assert_eq!((run.code, refused.code), (7, 4));
}

#[test]
fn secrets_are_not_printed_by_demo_and_config_show() {
    let test_env = TestEnv::new();
    let shown = test_env.run(&["config", "show"], "");
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(shown.stdout.contains("token"), "{shown:?}");
    assert_clean(&shown);
    let demo = traced(&test_env, &["demo"], "");
    assert_eq!(demo.code, 0, "{demo:?}");
    for trace in ["Passw0rd", "-Start-7"] {
        assert!(
            !demo.stdout.contains(trace) && !demo.stderr.contains(trace),
            "{trace}"
        );
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// The binary logs repass's own events only; an embedder may log every crate's.
#[test]
fn secrets_are_not_logged_by_any_crate() {
    let test_env = TestEnv::new();
    let log = Log::default();
    let shared = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || shared.clone())
        .finish();
    let services = Services::from_file(test_env.path("repass.toml")).unwrap();
    let password = |text| Password::new(text).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let printed = tracing::subscriber::with_default(subscriber, || {
        runtime.block_on(async {
            let (cx, zoom, portal) = (
                CallContext::default(),
                services.get("zoom").unwrap(),
                services.get("portal").unwrap(),
            );
            let applied = zoom.reset(&cx, ALICE.parse().unwrap(), password(NEW)).await;
            let wrong = portal
                .change(&cx, ALICE_ID.parse().unwrap(), password(WRONG), password(NEW))
                .await;
            format!(
                "{applied:?} {wrong:?} {services:?} {zoom:?} {portal:?} {}",
                wrong.as_ref().unwrap_err()
            )
        })
    });
    let stderr = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        stderr.contains("TRACE") && stderr.contains("hyper"),
        "logs are on: {stderr}"
    );
    assert_clean(&Run {
        code: 0,
        stdout: printed,
        stderr,
    });
}
