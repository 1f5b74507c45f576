//! Over real sockets: slow clients, clients that go away, the end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use repass_domain::ChangeReceipt;
use repass_sidecar::{DrainReport, Listener, Options};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::world::{ALICE, SCRIPTED, Scripted, Services};

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<DrainReport>,
}

impl Running {
    pub(crate) async fn start(service: &Arc<Scripted>, options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let sidecar = Services::default().with(service).sidecar(options);
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            sidecar.run(Listener::Tcp(listener), stopped).await
        });
        Self {
            address,
            stop: Some(stop),
            ended,
        }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    pub(crate) async fn ended(self) -> DrainReport {
        self.ended.await.unwrap()
    }

    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }
}

fn wire(body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {SCRIPTED} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// One answer of a connection that stays open.
pub(crate) async fn answer(socket: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        assert_ne!(socket.read_buf(&mut bytes).await.unwrap(), 0, "{bytes:?}");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if body.len() == length.unwrap().parse::<usize>().unwrap() {
            return text;
        }
    }
}

pub(crate) async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn connection_with_split_and_pipelined_requests_reads_each_body() {
    let scripted = Scripted::new(|| Ok(ChangeReceipt::new()));
    let running = Running::start(&scripted, Options::default()).await;
    let request = wire(ALICE);
    let mut socket = running.connect().await;
    for byte in &request {
        socket.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert!(answer(&mut socket).await.starts_with("HTTP/1.1 200 "));
    // Two at once, on the same connection.
    socket
        .write_all(&[&request[..], &request].concat())
        .await
        .unwrap();
    let mut both = Vec::new();
    while both.windows(12).filter(|it| it == b"HTTP/1.1 200").count() < 2 {
        assert_ne!(socket.read_buf(&mut both).await.unwrap(), 0);
    }
    assert_eq!(scripted.ended(), 3);
    // One that is refused unread does not become the head of the next.
    let mut socket = running.connect().await;
    let long = wire(&"x".repeat(40_000));
    socket.write_all(&long).await.unwrap();
    assert!(answer(&mut socket).await.starts_with("HTTP/1.1 413 "));
    socket.write_all(&request).await.unwrap();
    assert!(answer(&mut socket).await.starts_with("HTTP/1.1 200 "));
    // Nor is one whose length is not reported: it is read to its end, and then the connection goes.
    let head = format!(
        "POST {SCRIPTED} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(b"5\r\n\n\nabc\r\n0\r\n\r\n").await.unwrap();
    assert!(answer(&mut socket).await.starts_with("HTTP/1.1 411 "));
    assert_eq!(socket.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn client_disconnect_at_any_byte_affects_no_other_request() {
    let scripted = Scripted::held(|| Ok(ChangeReceipt::new()));
    let mut running = Running::start(&scripted, Options::default()).await;
    let request = wire(ALICE);
    for cut in 0..request.len() {
        let mut socket = running.connect().await;
        socket.write_all(&request[..cut]).await.unwrap();
    }
    assert_eq!(scripted.begun(), 0, "nothing is sent of half a request");
    let mut socket = running.connect().await;
    socket.write_all(&request).await.unwrap();
    until(|| scripted.begun() == 1).await;
    drop(socket);
    running.stop();
    scripted.let_go(1);
    assert_eq!(running.ended.await.unwrap(), DrainReport { abandoned: 0 });
    assert_eq!(scripted.ended(), 1);
}

#[tokio::test]
async fn idle_connections_at_the_limit_do_not_block_new_ones() {
    let scripted = Scripted::new(|| Ok(ChangeReceipt::new()));
    let options = Options {
        max_connections: 8,
        ..Options::default()
    };
    let running = Running::start(&scripted, options).await;
    let mut slow = Vec::new();
    let request = wire(ALICE);
    for number in 0..300 {
        let mut socket = running.connect().await;
        // Nothing, half a head, and half a body. What is closed already takes none of it.
        let part = [&b""[..], b"POST /v1/pro", &request[..150]][number % 3];
        let _ = socket.write_all(part).await;
        slow.push(socket);
    }
    let mut healthy = running.connect().await;
    healthy.write_all(&wire(ALICE)).await.unwrap();
    assert!(answer(&mut healthy).await.starts_with("HTTP/1.1 200 "));
    // Those that had to go know it.
    let mut byte = [0];
    assert!(matches!(slow[0].read(&mut byte).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn connection_beyond_the_request_timeout_is_closed() {
    let scripted = Scripted::new(|| Ok(ChangeReceipt::new()));
    let options = Options {
        request_timeout: Duration::from_millis(50),
        ..Options::default()
    };
    let running = Running::start(&scripted, options).await;
    for part in [&b""[..], b"GET /healthz HTTP/1.1\r\n", &wire(ALICE)[..150]] {
        let mut socket = running.connect().await;
        socket.write_all(part).await.unwrap();
        let mut rest = Vec::new();
        let _ = socket.read_to_end(&mut rest).await;
    }
}

#[tokio::test]
async fn shutdown_completes_changes_in_flight_and_rejects_new_ones() {
    let scripted = Scripted::held(|| Ok(ChangeReceipt::new()));
    let mut running = Running::start(&scripted, Options::default()).await;
    let mut sockets = Vec::new();
    for _ in 0..64 {
        let mut socket = running.connect().await;
        socket.write_all(&wire(ALICE)).await.unwrap();
        sockets.push(socket);
    }
    let mut idle = running.connect().await;
    until(|| scripted.begun() == 64).await;
    running.stop();
    // An idle connection is closed at once, and no one is let in any more.
    let mut rest = Vec::new();
    assert!(matches!(idle.read_to_end(&mut rest).await, Ok(0) | Err(_)));
    while TcpStream::connect(running.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    scripted.let_go(64);
    for socket in &mut sockets {
        assert!(answer(socket).await.starts_with("HTTP/1.1 200 "));
    }
    assert_eq!(running.ended.await.unwrap(), DrainReport { abandoned: 0 });
    assert_eq!(scripted.ended(), 64);
}

#[tokio::test]
async fn request_head_above_the_limit_is_rejected() {
    let scripted = Scripted::new(|| Ok(ChangeReceipt::new()));
    let running = Running::start(&scripted, Options::default()).await;
    let mut socket = running.connect().await;
    let flood = async {
        let _ = socket.write_all(b"GET /healthz HTTP/1.1\r\nx: ").await;
        while socket.write_all(&[b'x'; 1000]).await.is_ok() {}
    };
    flood.await;
}
