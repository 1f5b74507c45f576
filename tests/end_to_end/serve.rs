//! `repass serve` as a process: its listeners, access control, reloads and shutdown.

use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use repass_sandbox::{Action, Cut, CutKind, CutPoint, Fault, Options, Provider, RequestMatcher, Timing};
use rustix::process::{Pid, Signal, kill_process};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

use crate::binary::command;
use crate::test_env::{ALICE, ALICE_ID, TestEnv};

pub(crate) struct Serving {
    child: Child,
    /// Its startup line.
    pub(crate) listening: String,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Serving {
    pub(crate) fn start(test_env: &TestEnv, arguments: &[&str]) -> Self {
        let mut command = command(test_env.folder());
        command.arg("--quiet").arg("serve").args(arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let announced: Value = serde_json::from_str(&line).unwrap();
        let listening = announced["listening"].as_str().unwrap().to_owned();
        Self { child, listening }
    }

    pub(crate) fn local(test_env: &TestEnv) -> Self {
        Self::start(test_env, &["--listen", "127.0.0.1:0"])
    }

    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(self.listening.split_once("://").unwrap().1).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn end(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

fn send(stream: &mut impl Write, line: &str, body: &str, header: &str) -> std::io::Result<()> {
    send_to("localhost", stream, line, body, header)
}

fn send_to(host: &str, stream: &mut impl Write, line: &str, body: &str, header: &str) -> std::io::Result<()> {
    let length = body.len();
    let head = format!("{line} HTTP/1.1\r\nhost: {host}\r\n{header}content-type: application/json\r\n");
    stream
        .write_all(format!("{head}connection: close\r\ncontent-length: {length}\r\n\r\n{body}").as_bytes())?;
    stream.flush()
}

fn answer(stream: &mut impl Read) -> (u16, Value) {
    let mut bytes = Vec::new();
    // TLS may end without its farewell.
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text}"));
    (
        head[9..12].parse().unwrap(),
        serde_json::from_str(body).unwrap_or_default(),
    )
}

fn ask(mut stream: impl Read + Write, line: &str, body: &str) -> (u16, Value) {
    send(&mut stream, line, body, "").unwrap();
    answer(&mut stream)
}

const CHANGE: &str = "POST /v1/providers/zoom/password-changes";

fn change(user: &str) -> String {
    json!({"user": user, "new_password": "New-Passw0rd-1"}).to_string()
}

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what} never came");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn sidecar_stop_waits_for_the_outcome_of_every_change() {
    let test_env = TestEnv::with(Options {
        users: 64,
        ..Options::default()
    });
    let config = fs::read_to_string(test_env.path("repass.toml")).unwrap();
    fs::write(
        test_env.path("repass.toml"),
        format!("audit = {{ file = \"audit.jsonl\" }}\n{config}"),
    )
    .unwrap();
    let matching = RequestMatcher {
        times: u32::MAX,
        ..RequestMatcher::default()
    };
    let action = Action {
        delay_ms: 400,
        ..Action::default()
    };
    test_env.sandbox.inject(Fault { matching, action }).unwrap();
    let serving = Serving::local(&test_env);
    let mut sockets: Vec<TcpStream> = (1..=64)
        .map(|number| {
            let mut socket = serving.connect();
            send(
                &mut socket,
                CHANGE,
                &change(&format!("user{number:06}@example.com")),
                "",
            )
            .unwrap();
            socket
        })
        .collect();
    wait_for("the changes", || {
        let audit = fs::read_to_string(test_env.path("audit.jsonl")).unwrap_or_default();
        audit.matches("\"intent\"").count() == 64
    });
    // Half of the clients do not wait.
    sockets.truncate(32);
    serving.signal(Signal::TERM);
    for socket in &mut sockets {
        assert_eq!(answer(socket).0, 200);
    }
    assert_eq!(serving.end(), Some(0));
    assert_eq!(test_env.changes(), 64);
    let audit = fs::read_to_string(test_env.path("audit.jsonl")).unwrap();
    assert_eq!(audit.matches("\"applied\"").count(), 64, "{audit}");
    assert!(
        !audit.contains("abandoned") && !audit.contains("Passw0rd"),
        "{audit}"
    );
}

#[test]
fn sidecar_slow_clients_do_not_block_others() {
    let test_env = TestEnv::new();
    let serving = Serving::start(&test_env, &["--listen", "127.0.0.1:0", "--max-connections", "50"]);
    let slow: Vec<TcpStream> = (0..300)
        .map(|number| {
            let mut socket = serving.connect();
            // One that had to go by now takes nothing.
            let _ = socket.write_all(&b"POST /v1/providers/zoom"[..number % 23]);
            socket
        })
        .collect();
    assert_eq!(ask(serving.connect(), CHANGE, &change(ALICE)).0, 200);
    drop(slow);
}

#[test]
fn sidecar_unix_socket_is_private_and_removed_at_the_end() {
    let test_env = TestEnv::new();
    let serving = Serving::start(&test_env, &["--listen", "unix:repass.sock"]);
    let mode = fs::metadata(test_env.path("repass.sock"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!((mode & 0o777, &*serving.listening), (0o600, "unix:repass.sock"));
    let socket = UnixStream::connect(test_env.path("repass.sock")).unwrap();
    assert_eq!(ask(socket, CHANGE, &change(ALICE)).0, 200);
    let run = test_env.run(&["serve", "--listen", "unix:repass.sock"], "");
    assert!(run.code == 2 && run.stderr.contains("cannot listen"), "{run:?}");
    serving.signal(Signal::INT);
    assert_eq!(serving.end(), Some(0));
    assert!(!test_env.path("repass.sock").exists());
}

#[test]
fn sidecar_on_a_public_address_needs_tls_and_a_token() {
    let test_env = TestEnv::new();
    test_env.secret("shown", "canary-token-8151-0001");
    test_env.secret("short", "short");
    fs::write(test_env.path("open"), "canary-token-8151-0001").unwrap();
    for (arguments, reported) in [
        (
            &["--listen", "0.0.0.0:0"][..],
            "--tls-cert and --tls-key, and --token-file",
        ),
        (
            &["--listen", "0.0.0.0:0", "--token-file", "shown"],
            "pass --tls-cert",
        ),
        (&["--token-file", "short"], "at least 16"),
        (&["--token-file", "open"], "chmod 600"),
        (&["--token-file", "none"], "cannot open"),
        (&["--tls-cert", "token"], "--tls-key"),
        (
            &["--tls-cert", "token", "--tls-key", "token"],
            "no readable PEM certificate",
        ),
        (&["--listen", "somewhere"], "must be ADDRESS:PORT"),
    ] {
        let run = test_env.run(&[&["serve"], arguments].concat(), "");
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains(reported), "{reported}: {run:?}");
        assert!(!run.stderr.contains("canary"), "{run:?}");
    }
    let serving = Serving::start(&test_env, &["--listen", "127.0.0.1:0", "--token-file", "shown"]);
    assert_eq!(ask(serving.connect(), CHANGE, &change(ALICE)).0, 401);
    assert_eq!(ask(serving.connect(), "GET /healthz", "").0, 200);
    let mut socket = serving.connect();
    send(
        &mut socket,
        CHANGE,
        &change(ALICE),
        "authorization: Bearer canary-token-8151-0001\r\n",
    )
    .unwrap();
    assert_eq!(answer(&mut socket).0, 200);
}

#[test]
fn sidecar_untypeable_password_is_rejected_with_its_position() {
    let test_env = TestEnv::new();
    let serving = Serving::local(&test_env);
    let check = "POST /v1/providers/zoom/policy/check";
    for (password, what, position) in [
        ("New-Passw0rd-9\n", "a line break after 14 characters", 15),
        (
            "New-Passw0rd\u{a0}9",
            "a no-break space (U+00A0) after 12 characters",
            13,
        ),
        (
            "\u{feff}New-Passw0rd-9",
            "a byte order mark (U+FEFF) at the start",
            1,
        ),
        (
            "New-\u{202e}Passw0rd-9",
            "sets the direction of text (U+202E) after 4 characters",
            5,
        ),
    ] {
        let body = json!({"user": ALICE, "new_password": password}).to_string();
        let (status, reported) = ask(serving.connect(), CHANGE, &body);
        assert_eq!(
            (status, &reported["effect"]),
            (422, &"not_applied".into()),
            "{reported}"
        );
        assert_eq!(reported["code"], "password_refused");
        let (_, checked) = ask(
            serving.connect(),
            check,
            &json!({"new_password": password}).to_string(),
        );
        assert_eq!(checked["ok"], false);
        for broken in [&reported["violations"][0], &checked["violations"][0]] {
            assert_eq!(
                (&broken["code"], &broken["position"]),
                (&"typeable".into(), &position.into())
            );
            assert!(broken["message"].as_str().unwrap().contains(what), "{broken}");
        }
    }
    // What is in place already may be anything: that is the provider's to judge.
    let body =
        json!({"user": ALICE_ID, "current_password": "Old\n\u{feff}", "new_password": "New-Passw0rd-9"});
    let change = "POST /v1/providers/portal/password-changes";
    let (_, reported) = ask(serving.connect(), change, &body.to_string());
    assert_eq!(reported["code"], "wrong_current_password", "{reported}");
    assert_eq!(test_env.changes(), 0);
}

#[test]
fn sidecar_token_file_is_reloaded_when_it_changes() {
    let test_env = TestEnv::new();
    let (old, new) = ("canary-token-8151-0001", "canary-token-8151-0002");
    test_env.secret("shown", old);
    let serving = Serving::start(&test_env, &["--listen", "127.0.0.1:0", "--token-file", "shown"]);
    let status = |token: &str| {
        let mut socket = serving.connect();
        let header = format!("authorization: Bearer {token}\r\n");
        send(&mut socket, "GET /v1/providers", "", &header).unwrap();
        answer(&mut socket).0
    };
    assert_eq!((status(old), status(new)), (200, 401));
    // Of the same length, and by another file in its place, as secret managers do it.
    test_env.secret("next", new);
    fs::rename(test_env.path("next"), test_env.path("shown")).unwrap();
    wait_for("the new token", || status(new) == 200);
    assert_eq!(status(old), 401);
    // One that cannot be taken leaves what there was.
    test_env.secret("shown", "short");
    thread::sleep(Duration::from_millis(1500));
    assert_eq!(status(new), 200);
    test_env.secret("shown", old);
    wait_for("the old token", || status(old) == 200);
    assert_eq!(status(new), 401);
}

#[test]
fn sidecar_rejects_web_pages_by_dns_rebinding() {
    let test_env = TestEnv::new();
    let serving = Serving::start(
        &test_env,
        &["--listen", "127.0.0.1:0", "--allow-host", "Repass.Internal"],
    );
    let ask = |host: &str, header: &str| {
        let mut stream = serving.connect();
        send_to(host, &mut stream, CHANGE, &change(ALICE), header).unwrap();
        let (status, reported) = answer(&mut stream);
        (status, reported["code"].as_str().unwrap_or_default().to_owned())
    };
    let port = serving.listening.rsplit_once(':').unwrap().1;
    let rebound = format!("evil.example:{port}");
    let same_origin = format!("origin: http://{rebound}\r\nsec-fetch-site: same-origin\r\n");
    assert_eq!(ask(&rebound, &same_origin), (403, "host_not_allowed".into()));
    let foreign = "origin: https://evil.example\r\nsec-fetch-site: cross-site\r\n";
    assert_eq!(ask("localhost", foreign), (403, "origin_not_allowed".into()));
    assert_eq!(test_env.changes(), 0);
    assert_eq!(ask("repass.internal", "").0, 200);
    let run = test_env.run(&["serve", "--allow-host", "http://repass.internal"], "");
    assert!(
        run.code == 2 && run.stderr.contains("without scheme and port"),
        "{run:?}"
    );
}

#[test]
fn sidecar_configuration_is_reloaded_on_sighup() {
    let test_env = TestEnv::new();
    let serving = Serving::local(&test_env);
    let names = || {
        let (_, reported) = ask(serving.connect(), "GET /v1/providers", "");
        let names = reported["providers"].as_array().unwrap().iter();
        names
            .map(|it| it["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(), ["portal", "zoom"]);
    let config = fs::read_to_string(test_env.path("repass.toml")).unwrap();
    let second = config.split_once("[providers.portal]").unwrap().1;
    fs::write(
        test_env.path("repass.toml"),
        format!("{config}[providers.second]{second}"),
    )
    .unwrap();
    serving.signal(Signal::HUP);
    wait_for("the new provider", || names() == ["portal", "second", "zoom"]);
    // One that is not good changes nothing.
    fs::write(test_env.path("repass.toml"), "nonsense").unwrap();
    serving.signal(Signal::HUP);
    assert_eq!(names(), ["portal", "second", "zoom"]);
}

/// A key pair with a self-signed certificate.
struct Made {
    pem: String,
    key: String,
    der: rustls::pki_types::CertificateDer<'static>,
    key_der: Vec<u8>,
}

fn made() -> Made {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    Made {
        pem: made.cert.pem(),
        key: made.signing_key.serialize_pem(),
        der: made.cert.der().clone(),
        key_der: made.signing_key.serialize_der(),
    }
}

fn encrypted(
    serving: &Serving,
    trusted: &Made,
    own: Option<&Made>,
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.der.clone()).unwrap();
    let crypto = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match own {
        None => config.with_no_client_auth(),
        Some(own) => {
            let key = PrivateKeyDer::try_from(own.key_der.clone()).unwrap();
            config.with_client_auth_cert(vec![own.der.clone()], key).unwrap()
        }
    };
    let name = ServerName::try_from("localhost").unwrap();
    let tls = ClientConnection::new(Arc::new(config), name).unwrap();
    StreamOwned::new(tls, serving.connect())
}

#[test]
fn sidecar_certificate_is_reloaded_and_client_certificates_are_required() {
    let test_env = TestEnv::new();
    let (first, second, client) = (made(), made(), made());
    let write = |made: &Made| {
        fs::write(test_env.path("cert.pem"), &made.pem).unwrap();
        test_env.secret("key.pem", &made.key);
    };
    write(&first);
    fs::write(test_env.path("clients.pem"), &client.pem).unwrap();
    let tls = [
        "--tls-cert",
        "cert.pem",
        "--tls-key",
        "key.pem",
        "--tls-client-ca",
        "clients.pem",
    ];
    let serving = Serving::start(&test_env, &[&["--listen", "0.0.0.0:0"], &tls[..]].concat());
    assert!(serving.listening.starts_with("https://"));
    let health = |trusted: &Made, own: Option<&Made>| {
        let mut stream = encrypted(&serving, trusted, own);
        send(&mut stream, "GET /healthz", "", "").is_ok() && {
            let mut text = String::new();
            let _ = stream.read_to_string(&mut text);
            text.starts_with("HTTP/1.1 200")
        }
    };
    assert!(health(&first, Some(&client)));
    assert!(!health(&first, None), "a client without a certificate is let in");
    assert!(!health(&first, Some(&first)), "a client with another's is let in");
    write(&second);
    wait_for("the new certificate", || health(&second, Some(&client)));
    assert!(!health(&first, Some(&client)));
}

#[test]
fn sidecar_metrics_exist_before_the_first_call() {
    let test_env = TestEnv::new();
    let serving = Serving::local(&test_env);
    let mut stream = serving.connect();
    send(&mut stream, "GET /metrics", "", "").unwrap();
    let mut reported = String::new();
    stream.read_to_string(&mut reported).unwrap();
    for line in [
        "repass_token_refresh_total{provider=\"zoom\",result=\"refused\"} 0",
        "repass_provider_rate_limited_total{provider=\"portal\",kind=\"refused\"} 0",
        "repass_password_operations_total{provider=\"portal\",operation=\"change\",outcome=\"unknown\"} 0",
        "repass_policy_violations_total{code=\"min_length\"} 0",
        "repass_unknown_outcomes{provider=\"zoom\"} 0",
        "repass_sidecar_overloaded_total 0",
        "repass_sidecar_calls 0",
        "repass_sidecar_idempotency_keys 0",
        "# HELP repass_sidecar_calls ",
        "# HELP repass_sidecar_connections ",
        "# HELP repass_sidecar_overloaded_total ",
        "# HELP repass_unknown_outcomes ",
    ] {
        assert!(
            reported.lines().any(|known| known.starts_with(line)),
            "{line}: {reported}"
        );
    }
}

#[test]
fn sidecar_audit_file_is_recreated_when_missing() {
    let test_env = TestEnv::new();
    let config = fs::read_to_string(test_env.path("repass.toml")).unwrap();
    let audited = |file: &str| {
        let text = format!("audit = {{ file = \"{file}\" }}\n{config}");
        fs::write(test_env.path("repass.toml"), text).unwrap();
    };
    audited("none/audit.jsonl");
    let run = test_env.run(&["config", "check"], "");
    assert!(
        run.code == 2 && run.stderr.contains("audit.file: cannot write"),
        "{run:?}"
    );
    audited("audit.jsonl");
    for looking in [
        &["config", "check"][..],
        &["providers"],
        &["policy", "show"],
        &["doctor"],
    ] {
        let run = test_env.run(looking, "");
        assert!(run.code == 0 && !test_env.path("audit.jsonl").exists(), "{run:?}");
    }
    let serving = Serving::local(&test_env);
    assert!(!test_env.path("audit.jsonl").exists());
    let mut changed = 0;
    let mut change = || {
        changed += 1;
        let body = json!({"user": ALICE, "new_password": format!("New-Passw0rd-{changed}")});
        assert_eq!(ask(serving.connect(), CHANGE, &body.to_string()).0, 200);
        fs::read_to_string(test_env.path("audit.jsonl"))
            .unwrap()
            .lines()
            .count()
    };
    assert_eq!((change(), change()), (2, 4));
    fs::remove_file(test_env.path("audit.jsonl")).unwrap();
    assert_eq!(change(), 2);
    fs::rename(test_env.path("audit.jsonl"), test_env.path("audit.jsonl.1")).unwrap();
    assert_eq!((change(), change()), (2, 4));
    // Where it cannot be kept, nothing is sent.
    fs::remove_file(test_env.path("audit.jsonl")).unwrap();
    fs::create_dir(test_env.path("audit.jsonl")).unwrap();
    let body = json!({"user": ALICE, "new_password": "New-Passw0rd-99"}).to_string();
    let (status, reported) = ask(serving.connect(), CHANGE, &body);
    assert_eq!(
        (status, &reported["effect"]),
        (500, &json!("not_applied")),
        "{reported}"
    );
    assert_eq!(test_env.changes(), 5);
}

#[test]
fn sidecar_openapi_can_be_printed() {
    let test_env = TestEnv::new();
    let run = test_env.run(&["serve", "--print-openapi"], "");
    let api: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((run.code, &api["openapi"]), (0, &json!("3.1.0")));
    let provider =
        |api: &Value| api["paths"]["/v1/providers/{provider}/policy"]["get"]["parameters"][0].clone();
    assert_eq!(provider(&api)["schema"]["enum"], json!(["portal", "zoom"]));
    // It needs neither a configuration nor a secret, but one that is named has to be there.
    fs::remove_file(test_env.path("token")).unwrap();
    assert_eq!(test_env.run(&["serve", "--print-openapi"], "").stdout, run.stdout);
    fs::remove_file(test_env.path("repass.toml")).unwrap();
    let bare = test_env.run(&["serve", "--print-openapi"], "");
    let bare: Value = serde_json::from_str(&bare.stdout).unwrap();
    assert_eq!(
        (&bare["info"], &provider(&bare)["schema"]["enum"]),
        (&api["info"], &Value::Null)
    );
    assert_eq!(
        test_env
            .run(&["-c", "none.toml", "serve", "--print-openapi"], "")
            .code,
        2
    );
}

fn body(user: &str, new: &str) -> String {
    json!({"user": user, "new_password": new}).to_string()
}

/// Zoom applies Alice's next change after half a second and its response is lost.
fn lose_the_answer(test_env: &TestEnv) {
    let matching = RequestMatcher {
        user: Some(ALICE.to_owned()),
        ..RequestMatcher::default()
    };
    let action = Action {
        when: Timing::AfterApply,
        delay_ms: 500,
        cut: Some(Cut {
            at: CutPoint::Answer,
            how: CutKind::Fin,
        }),
        ..Action::default()
    };
    test_env.sandbox.inject(Fault { matching, action }).unwrap();
}

#[test]
fn queued_change_waits_for_the_resolution_of_the_former_one() {
    let test_env = TestEnv::new();
    let config = fs::read_to_string(test_env.path("repass.toml")).unwrap();
    fs::write(
        test_env.path("repass.toml"),
        format!("on_unknown = \"resolve\"\n{config}"),
    )
    .unwrap();
    lose_the_answer(&test_env);
    let serving = Serving::local(&test_env);
    let (mut first, mut second) = (serving.connect(), serving.connect());
    send(&mut first, CHANGE, &body(ALICE, "First-Passw0rd-1"), "").unwrap();
    wait_for("the first change", || test_env.requests() == 1);
    send(
        &mut second,
        CHANGE,
        &body("Alice@EXAMPLE.com", "Second-Passw0rd-2"),
        "",
    )
    .unwrap();
    assert_eq!((answer(&mut first).0, answer(&mut second).0), (200, 200));
    assert!(test_env.accepts(Provider::Zoom, ALICE, "Second-Passw0rd-2"));
    assert_eq!(test_env.changes(), 2);
}

#[test]
fn resolution_never_overwrites_a_later_change() {
    let test_env = TestEnv::new();
    lose_the_answer(&test_env);
    let serving = Serving::local(&test_env);
    let (status, lost) = ask(serving.connect(), CHANGE, &body(ALICE, "First-Passw0rd-1"));
    assert_eq!((status, &lost["effect"]), (409, &json!("unknown")));
    let (status, _) = ask(
        serving.connect(),
        CHANGE,
        &body("ALICE@example.com", "Second-Passw0rd-2"),
    );
    assert_eq!(status, 200);
    let handle = &lost["resolution"]["attempt"];
    let mut question = json!({"user": ALICE, "new_password": "First-Passw0rd-1", "attempt": handle});
    let requests = test_env.requests();
    for _ in ["with the handle", "without it"] {
        let line = "POST /v1/providers/zoom/resolutions";
        let (status, reported) = ask(serving.connect(), line, &question.to_string());
        assert_eq!(
            (status, &reported["code"], &reported["effect"]),
            (409, &json!("conflict"), &json!("unknown")),
            "{reported}"
        );
        question.as_object_mut().unwrap().remove("attempt");
    }
    assert_eq!(test_env.requests(), requests);
    assert!(test_env.accepts(Provider::Zoom, ALICE, "Second-Passw0rd-2"));
}

#[test]
fn sidecar_starts_without_its_database_and_sends_nothing() {
    let test_env = TestEnv::new();
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = unused.local_addr().unwrap().port();
    drop(unused);
    test_env.secret("url", format!("postgresql://repass@127.0.0.1:{port}/repass"));
    test_env.secret("shared-secret", "s".repeat(32));
    let config = fs::read_to_string(test_env.path("repass.toml")).unwrap();
    let shared = "[shared]\npostgres = { url = { file = \"url\" } }\nsecret = { file = \"shared-secret\" }\n";
    fs::write(test_env.path("repass.toml"), format!("{config}{shared}")).unwrap();
    let serving = Serving::local(&test_env);
    let (status, problem) = ask(serving.connect(), "GET /readyz", "");
    assert_eq!(
        (status, problem["code"].as_str()),
        (503, Some("idempotency_unavailable"))
    );
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("the shared state cannot be used: "), "{detail}");
    let mut keyed = serving.connect();
    send(&mut keyed, CHANGE, &change(ALICE), "idempotency-key: k\r\n").unwrap();
    let (status, problem) = answer(&mut keyed);
    assert_eq!(
        (status, problem["code"].as_str()),
        (503, Some("idempotency_unavailable"))
    );
    // Without a key the lock of the user is missing.
    let (status, problem) = ask(serving.connect(), CHANGE, &change(ALICE));
    assert_eq!(
        (status, problem["effect"].as_str()),
        (503, Some("not_applied")),
        "{problem}"
    );
    assert_eq!(test_env.changes(), 0);
}
