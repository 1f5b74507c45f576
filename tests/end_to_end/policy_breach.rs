//! The breach check: what it sends to the service, and how the response affects the change.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::policy::add;
use crate::test_env::TestEnv;

const BREACHED: &str = "Breached-Passw0rd-1";
// Its SHA-1 hash, as the range protocol cuts it.
const PREFIX: &str = "3F1BD";
const SUFFIX: &str = "45934B5AAF579223D074F653ED0DC4E9CAF";

/// A breach service with a fixed response.
struct Service {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Service {
    fn answering(status: &'static str, body: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heads = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
                    head.push(byte[0]);
                }
                heads.lock().unwrap().push(String::from_utf8(head).unwrap());
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                );
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        Self { address, asked }
    }

    fn configure(&self, test_env: &TestEnv, on_failure: &str) {
        let url = format!("http://{}/api", self.address);
        add(
            test_env,
            &format!("[providers.zoom.breach]\nurl = \"{url}\"\non_failure = \"{on_failure}\"\n"),
        );
    }
}

#[test]
fn breached_password_is_rejected_and_five_hash_digits_are_sent() {
    let test_env = TestEnv::new();
    // Some hundred kilobytes, as the largest ranges have with padding.
    let padding = format!("{}:0\r\n", "0".repeat(35)).repeat(2500);
    let service = Service::answering("200 OK", format!("{padding}{SUFFIX}:7\r\n"));
    service.configure(&test_env, "refuse");
    let run = test_env.reset_alice(BREACHED);
    assert_eq!(run.code, 3, "{run:?}");
    assert!(
        run.stderr.contains("not known from a breach (own policy)"),
        "{run:?}"
    );
    assert_eq!((test_env.requests(), test_env.changes()), (0, 0));
    let checked = test_env.run(&["policy", "check", "--new-password-stdin"], BREACHED);
    assert_eq!(checked.code, 3, "{checked:?}");
    assert!(checked.stdout.starts_with("not_breached"), "{checked:?}");

    let asked = service.asked.lock().unwrap();
    assert_eq!(asked.len(), 2);
    for head in asked.iter() {
        let lower = head.to_lowercase();
        assert!(
            head.starts_with(&format!("GET /api/range/{PREFIX} HTTP/1.1\r\n")),
            "{head}"
        );
        assert!(lower.contains("add-padding: true"), "{head}");
        assert!(
            !lower.contains("authorization") && !lower.contains(&SUFFIX.to_lowercase()),
            "{head}"
        );
    }
}

#[test]
fn breach_service_padding_is_not_a_breach() {
    let test_env = TestEnv::new();
    Service::answering("200 OK", format!("{SUFFIX}:0\r\n")).configure(&test_env, "refuse");
    let run = test_env.reset_alice(BREACHED);
    assert_eq!((run.code, test_env.changes()), (0, 1), "{run:?}");
}

#[test]
fn unreachable_breach_service_follows_on_failure() {
    for (status, body, why) in [
        ("404 Not Found", "", "no whole answer (status 404)"),
        ("200 OK", "<html>", "no list of hashes"),
    ] {
        for (on_failure, code, changes) in [("refuse", 7, 0), ("allow", 0, 1)] {
            let test_env = TestEnv::new();
            Service::answering(status, body.to_owned()).configure(&test_env, on_failure);
            let run = test_env.run(
                &["-v", "reset", "alice@example.com", "--new-password-stdin"],
                BREACHED,
            );
            assert_eq!((run.code, test_env.changes()), (code, changes), "{run:?}");
            assert!(run.stderr.contains(why), "{why}: {run:?}");
            assert!(!run.stderr.contains(BREACHED));
        }
    }
    let test_env = TestEnv::new();
    add(
        &test_env,
        "[providers.zoom.breach]\nurl = \"http://127.0.0.1:1\"\ntimeout = \"300ms\"\n",
    );
    let run = test_env.reset_alice(BREACHED);
    assert_eq!((run.code, test_env.requests()), (7, 0), "{run:?}");
    assert!(run.stderr.contains("cannot connect to 127.0.0.1:1"), "{run:?}");
    // Other violations are reported without its response.
    add(&test_env, "[providers.zoom.policy]\nmin_length = 30\n");
    let run = test_env.reset_alice(BREACHED);
    assert!(
        run.code == 3 && run.stderr.contains("at least 30 characters (own policy)"),
        "{run:?}"
    );
}
