//! The cost of the sidecar compared with the library: CPU time per request, and added latency when the provider takes
//! 50 ms.
//!
//! `cargo run --release -p xtask --bin sidecar_load`; fails if a limit is missed. It builds the binary unless
//! `REPASS` names one. Linux only.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use repass::{CallContext, Password, PasswordService, PasswordServiceExt as _, Services};
use repass_sandbox::{Action, Fault, Options, RequestMatcher, Sandbox, ZoomOptions, ZoomRules};
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Wipes freed memory, as the binary does, so that both sides are comparable.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

const IN_FLIGHT: u32 = 64;
const REQUESTS: u32 = 20_000;
const SLOW_REQUESTS: u32 = 6_400;
const LATENCY_MS: u64 = 50;
const ROUNDS: u32 = 7;
/// The limits.
const MOST_TIMES: f64 = 2.5;
const MOST_ADDED: Duration = Duration::from_millis(2);

fn main() -> ExitCode {
    // The library runs in a separate process, so that its CPU time is measured separately.
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("library") {
        let config = arguments.next().unwrap_or_default();
        let (count, round) = (number(arguments.next()), number(arguments.next()));
        let report = runtime().block_on(library(Path::new(&config), count, round));
        println!("{} {}", report.0.as_nanos(), report.1.as_nanos());
        return ExitCode::SUCCESS;
    }
    let binary = std::env::var_os("REPASS").map_or_else(built, PathBuf::from);
    runtime().block_on(compare(&binary))
}

/// The binary, built like this program.
fn built() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build = [
        "build",
        "--release",
        "--quiet",
        "--package",
        "repass-cli",
        "--bin",
        "repass",
    ];
    let status = Command::new(cargo)
        .args(build)
        .current_dir(repass_testkit::root())
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "the binary cannot be built"
    );
    repass_testkit::root().join("target/release/repass")
}

fn number(text: Option<String>) -> u32 {
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().unwrap_or_else(|error| panic!("no runtime: {error}"))
}

async fn compare(binary: &Path) -> ExitCode {
    let options = Options {
        users: REQUESTS,
        zoom: ZoomOptions {
            rules: ZoomRules::LengthOnly,
            ..ZoomOptions::default()
        },
        ..Options::default()
    };
    let sandbox = Sandbox::start_with(options)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let config = folder.path().join("repass.toml");
    #[expect(
        clippy::disallowed_methods,
        reason = "the sandbox's own token, made for this run"
    )]
    let token = sandbox.token().expose_secret();
    let text = format!(
        "[providers.zoom]\nkind = \"zoom\"\nplan = \"unlimited\"\nbody = \"json\"\nbase_url = \"{}\"\n\
         auth = {{ kind = \"bearer\", token = {{ command = [\"printf\", \"{token}\"] }} }}\n",
        sandbox.zoom_base_url()
    );
    fs::write(&config, text).unwrap_or_else(|error| panic!("{error}"));
    let serving = Serving::start(binary, &config);
    let mut rounds = Vec::new();
    println!("{REQUESTS} requests, {IN_FLIGHT} in flight: µs of CPU each");
    for round in 0..ROUNDS {
        let alone = in_process(&config, REQUESTS, 2 * round).0;
        let before = serving.cpu();
        requests(&serving, REQUESTS, 2 * round + 1).await;
        let served = serving.cpu().saturating_sub(before);
        let each = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(REQUESTS);
        let times = served.as_secs_f64() / alone.as_secs_f64();
        println!(
            "  library {:5.1}   sidecar {:5.1}   {times:.2} times",
            each(alone),
            each(served)
        );
        rounds.push(times);
    }
    rounds.sort_by(f64::total_cmp);
    let times = rounds[rounds.len() / 2];

    let matching = RequestMatcher {
        times: u32::MAX,
        ..RequestMatcher::default()
    };
    let action = Action {
        delay_ms: LATENCY_MS,
        ..Action::default()
    };
    let fault = Fault { matching, action };
    sandbox.inject(fault).unwrap_or_else(|error| panic!("{error}"));
    println!(
        "{SLOW_REQUESTS} requests, {IN_FLIGHT} in flight, at a provider that takes {LATENCY_MS} ms: p99"
    );
    let mut added = Vec::new();
    for round in ROUNDS..2 * ROUNDS {
        let alone = in_process(&config, SLOW_REQUESTS, 2 * round).1;
        let served = requests(&serving, SLOW_REQUESTS, 2 * round + 1).await;
        println!("  library {alone:.2?}   sidecar {served:.2?}");
        added.push(served.saturating_sub(alone));
    }
    added.sort();
    println!(
        "median: {times:.2} times (at most {MOST_TIMES}), {:.2?} added (at most {MOST_ADDED:?})",
        added[added.len() / 2]
    );
    ExitCode::from(u8::from(
        times > MOST_TIMES || added[added.len() / 2] > MOST_ADDED,
    ))
}

/// The same calls by the library, in a process of their own: its processor time, and their p99.
fn in_process(config: &Path, count: u32, round: u32) -> (Duration, Duration) {
    let own = std::env::current_exe().unwrap_or_else(|error| panic!("{error}"));
    let mut command = Command::new(own);
    command
        .arg("library")
        .arg(config)
        .args([count.to_string(), round.to_string()]);
    let output = command.output().unwrap_or_else(|error| panic!("{error}"));
    let reported = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut figures = reported
        .split_whitespace()
        .filter_map(|it| it.parse().ok().map(Duration::from_nanos));
    match (figures.next(), figures.next()) {
        (Some(cpu), Some(p99)) => (cpu, p99),
        _ => panic!("{}", String::from_utf8_lossy(&output.stderr)),
    }
}

fn password(number: u32, round: u32) -> String {
    format!("Passw0rd-{round}-{number}")
}

fn user(number: u32) -> String {
    format!("user{:06}@example.com", number % REQUESTS + 1)
}

async fn library(config: &Path, count: u32, round: u32) -> (Duration, Duration) {
    let services = Services::from_file(config).unwrap_or_else(|error| panic!("{error}"));
    let service = services
        .default_service()
        .unwrap_or_else(|error| panic!("{error}"));
    let before = cpu("self");
    let p99 = all(count, |next| {
        let service = Arc::clone(&service);
        async move {
            let mut times = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return times;
                }
                let start = Instant::now();
                change(&*service, number, round).await;
                times.push(start.elapsed());
            }
        }
    })
    .await;
    (cpu("self").saturating_sub(before), p99)
}

async fn change(service: &dyn PasswordService, number: u32, round: u32) {
    let new = Password::new(password(number, round).as_str()).unwrap_or_else(|error| panic!("{error}"));
    let user = user(number).parse().unwrap_or_else(|error| panic!("{error}"));
    let made = service.reset(&CallContext::default(), user, new).await;
    made.unwrap_or_else(|error| panic!("{error}"));
}

/// Lets as many workers do it as are in flight, and tells the p99 of all their times.
async fn all<W>(count: u32, worker: impl Fn(Arc<AtomicU32>) -> W) -> Duration
where
    W: Future<Output = Vec<Duration>> + Send + 'static,
{
    let next = Arc::new(AtomicU32::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..IN_FLIGHT {
        workers.spawn(worker(Arc::clone(&next)));
    }
    let mut times = workers.join_all().await.concat();
    assert_eq!(times.len(), count as usize);
    times.sort();
    times[times.len() * 99 / 100]
}

/// The same requests to the sidecar: their p99.
async fn requests(serving: &Serving, count: u32, round: u32) -> Duration {
    all(count, |next| {
        let address = serving.address.clone();
        async move {
            let mut socket = TcpStream::connect(&address)
                .await
                .unwrap_or_else(|error| panic!("{error}"));
            let _ = socket.set_nodelay(true);
            let mut times = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return times;
                }
                let start = Instant::now();
                request(&mut socket, &user(number), &password(number, round)).await;
                times.push(start.elapsed());
            }
        }
    })
    .await
}

async fn request(socket: &mut TcpStream, user: &str, new: &str) {
    let body = format!(r#"{{"user":"{user}","new_password":"{new}"}}"#);
    let length = body.len();
    let request = format!(
        "POST /v1/providers/zoom/password-changes HTTP/1.1\r\nhost: localhost\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let sent = socket.write_all(request.as_bytes()).await;
    sent.unwrap_or_else(|error| panic!("{error}"));
    let mut answer = [0; 4096];
    let mut read = 0;
    // The last byte of a JSON object is its brace; the answer is one object.
    while read == 0 || answer[read - 1] != b'}' {
        match socket.read(&mut answer[read..]).await {
            Ok(more) if more > 0 => read += more,
            other => panic!("{other:?}"),
        }
    }
    assert!(
        answer.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&answer[..read])
    );
}

struct Serving {
    child: Child,
    address: String,
}

impl Serving {
    fn start(binary: &Path, config: &Path) -> Self {
        let mut command = Command::new(binary);
        command
            .arg("-c")
            .arg(config)
            .args(["serve", "--listen", "127.0.0.1:0"]);
        let child = command.stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{error}"));
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            let _ = BufReader::new(stdout).read_line(&mut line);
        }
        let announced: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        let listening = announced["listening"].as_str().unwrap_or_default();
        let address = listening.trim_start_matches("http://").to_owned();
        Self { child, address }
    }

    fn cpu(&self) -> Duration {
        cpu(&self.child.id().to_string())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The processor time of a process's threads so far.
fn cpu(process: &str) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{process}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let nanoseconds = tasks.filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}
