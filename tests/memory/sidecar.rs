//! The sidecar, searched while its clients' connections are still open.

use std::fs;
use std::io::{BufRead as _, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::geteuid;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

use crate::calls::assert_clean;
use crate::needles::Needles;
use crate::scan;
use crate::secrets::{PasswordRole, password};
use crate::subject::{portal_user, zoom_user};
use crate::test_env::{SEED, TOKEN, TestEnv};

const CLIENTS: u32 = 16;

struct Serving {
    child: Child,
    address: String,
    tls: Option<Arc<ClientConfig>>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Serving {
    fn start(env: &TestEnv, tls: bool) -> Self {
        let path = |name: &str| env.folder.path().join(name);
        let private = |name: &str, text: &str| {
            fs::write(path(name), text).unwrap();
            fs::set_permissions(path(name), fs::Permissions::from_mode(0o600)).unwrap();
        };
        fs::write(path("repass.toml"), env.config()).unwrap();
        private("token", TOKEN);
        let mut command = Command::new(env!("CARGO_BIN_EXE_repass"));
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .current_dir(env.folder.path())
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped());
        let client = tls.then(|| {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            private("cert.pem", &made.cert.pem());
            private("key.pem", &made.signing_key.serialize_pem());
            command.args(["--tls-cert", "cert.pem", "--tls-key", "key.pem"]);
            let mut roots = RootCertStore::empty();
            roots.add(made.cert.der().clone()).unwrap();
            let crypto = Arc::new(rustls::crypto::ring::default_provider());
            let config = ClientConfig::builder_with_provider(crypto)
                .with_safe_default_protocol_versions()
                .unwrap();
            Arc::new(config.with_root_certificates(roots).with_no_client_auth())
        });
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let announced: Value = serde_json::from_str(&line).unwrap();
        let listening = announced["listening"].as_str().unwrap();
        let address = listening.split_once("://").unwrap().1.to_owned();
        Self {
            child,
            address,
            tls: client,
        }
    }

    fn connect(&self) -> Box<dyn Stream> {
        let socket = TcpStream::connect(&self.address).unwrap();
        socket.set_nodelay(true).unwrap();
        match &self.tls {
            None => Box::new(socket),
            Some(config) => {
                let name = ServerName::try_from("localhost").unwrap();
                let tls = ClientConnection::new(Arc::clone(config), name).unwrap();
                Box::new(StreamOwned::new(tls, socket))
            }
        }
    }

    /// What is left of these, once it has had a moment to close what it closes.
    fn assert_clean(&self, needles: &Needles, after: &str) {
        let start = Instant::now();
        loop {
            let found = match scan::process(self.child.id(), needles) {
                Err(error) if error.kind() == ErrorKind::PermissionDenied && !geteuid().is_root() => {
                    eprintln!("not searched: it takes root to look into the binary");
                    return;
                }
                found => found.unwrap(),
            };
            if found.is_empty() || start.elapsed() > Duration::from_secs(5) {
                return assert_clean(&found, after);
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

/// A client with a connection that stays open as long as the sidecar lets it.
struct Client<'a> {
    serving: &'a Serving,
    stream: Option<Box<dyn Stream>>,
}

impl Client<'_> {
    fn post(&mut self, path: &str, body: &str) -> (u16, String) {
        let length = body.len();
        let head = format!(
            "POST /v1/providers/{path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             idempotency-key: {path}-{length}-{:p}-{:?}\r\ncontent-length: {length}\r\n\r\n",
            body.as_ptr(),
            Instant::now(),
        );
        let stream = self.stream.get_or_insert_with(|| self.serving.connect());
        // In pieces, as they may come.
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        stream.flush().unwrap();
        let mut answer = Vec::new();
        loop {
            let mut part = [0; 4096];
            let read = stream.read(&mut part).unwrap();
            assert_ne!(read, 0, "{}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&part[..read]);
            let text = String::from_utf8_lossy(&answer);
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() == length.unwrap().parse::<usize>().unwrap() {
                let (status, body) = (text[9..12].parse().unwrap(), body.to_owned());
                if head.contains("connection: close") {
                    self.stream = None;
                }
                return (status, body);
            }
        }
    }

    fn change(&mut self, number: u32) -> u16 {
        let new = password(SEED, number, PasswordRole::New);
        let (provider, user) = match number % 4 {
            0 => ("form-data", zoom_user(number)),
            1 => ("json", zoom_user(number)),
            _ => ("portal", portal_user(number)),
        };
        let mut body = json!({"user": user, "new_password": &**new});
        if number % 4 == 3 {
            body["current_password"] = json!(&**password(SEED, number, PasswordRole::Old));
        }
        self.post(&format!("{provider}/password-changes"), &body.to_string())
            .0
    }
}

/// Lets all clients work, and returns them with their connections open.
fn work<'a>(serving: &'a Serving, count: u32, each: impl Fn(&mut Client<'a>, u32) + Sync) -> Vec<Client<'a>> {
    thread::scope(|scope| {
        let each = &each;
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                scope.spawn(move || {
                    let mut own = Client {
                        serving,
                        stream: None,
                    };
                    for number in (1..=count).filter(|number| number % CLIENTS == client) {
                        each(&mut own, number);
                    }
                    own
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    })
}

fn needles(numbers: u32) -> Needles {
    let mut needles = Needles::default();
    for number in 1..=numbers {
        for role in [PasswordRole::Old, PasswordRole::New] {
            needles.add(&format!("{role:?} {number}"), &password(SEED, number, role));
        }
    }
    needles
}

fn leaves_nothing(tls: bool) {
    let count = 1000;
    let env = TestEnv::new(false, count);
    let serving = Serving::start(&env, tls);
    let clients = work(&serving, count, |client, number| {
        assert_eq!(client.change(number), 200);
    });
    assert_eq!(env.sandbox.changes(), count as usize);
    assert!(
        tls || clients.iter().all(|client| client.stream.is_some()),
        "they stay open"
    );
    serving.assert_clean(&needles(count), "changes that were applied");
}

#[test]
fn sidecar_changes_over_http_leave_no_password_in_memory() {
    leaves_nothing(false);
}

#[test]
fn sidecar_changes_over_https_leave_no_password_in_memory() {
    leaves_nothing(true);
}

#[test]
fn sidecar_rejections_leave_no_password_in_memory() {
    let env = TestEnv::new(false, 1);
    let serving = Serving::start(&env, false);
    let count = 160;
    let clients = work(&serving, count, |client, number| {
        let new = password(SEED, number, PasswordRole::New);
        let quoted = serde_json::to_string(&**new).unwrap();
        let nobody = r#""nobody@example.com""#;
        // Without optimisation, looking for the place of what cannot be read spills it on the stack.
        let kinds = if cfg!(debug_assertions) { 4 } else { 5 };
        let (path, body, status) = match number / CLIENTS % kinds {
            0 => (
                "json/password-changes",
                format!(r#"{{"user":{nobody},"new_password":{quoted}}}"#),
                404,
            ),
            1 => (
                "none/password-changes",
                format!(r#"{{"user":{nobody},"new_password":{quoted}}}"#),
                404,
            ),
            2 => (
                "json/password-changes",
                format!("{quoted}{}", " ".repeat(40_000)),
                413,
            ),
            3 => (
                "json/policy/check",
                format!(r#"{{"new_password":{quoted}}}"#),
                200,
            ),
            _ => (
                "json/password-changes",
                format!(r#"{{"user":{nobody},{quoted}:{quoted}}}"#),
                400,
            ),
        };
        let (answered, text) = client.post(path, &body);
        assert_eq!(answered, status, "{text}");
    });
    serving.assert_clean(&needles(count), "refusals");
    drop(clients);
}

#[test]
fn sidecar_generated_passwords_leave_no_copy_in_memory() {
    let env = TestEnv::new(false, 1);
    let serving = Serving::start(&env, false);
    let generated = Mutex::new(Needles::default());
    let clients = work(&serving, 64, |client, number| {
        let (status, body) = client.post("json/policy/generate", "");
        assert_eq!(status, 200);
        let body: Value = serde_json::from_str(&body).unwrap();
        let password = body["password"].as_str().unwrap();
        generated
            .lock()
            .unwrap()
            .add(&format!("generated {number}"), password);
    });
    serving.assert_clean(&generated.into_inner().unwrap(), "generated passwords");
    drop(clients);
}

// The control: half a body is found where it waits to become whole.
#[test]
fn scan_finds_a_password_that_the_sidecar_is_reading() {
    let env = TestEnv::new(false, 1);
    let serving = Serving::start(&env, false);
    let new = password(SEED, 1, PasswordRole::New);
    let mut stream = serving.connect();
    let head = "POST /v1/providers/json/password-changes HTTP/1.1\r\nhost: localhost\r\n\
                content-type: application/json\r\ncontent-length: 200\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(new.as_bytes()).unwrap();
    if !geteuid().is_root() {
        return;
    }
    let needles = needles(1);
    let start = Instant::now();
    loop {
        let found = scan::process(serving.child.id(), &needles).unwrap();
        if found.iter().any(|it| it.whole && it.encoding == "raw") {
            // Once, in the buffer that is wiped, and nowhere in the server's own.
            assert_eq!(found.len(), 1, "{found:?}");
            break;
        }
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "the control was not caught"
        );
        thread::sleep(Duration::from_millis(20));
    }
    drop(stream);
    serving.assert_clean(&needles, "a client that went away");
}
