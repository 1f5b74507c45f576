//! A proxy that cuts connections after a number of bytes, TLS or not.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Whose bytes are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    ToServer,
    ToClient,
}

/// How a connection ends, at both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Close,
    Reset,
    /// Nothing arrives any more, without a sign of it.
    Stall,
}

/// Once: after a number of bytes in one direction, counted over all connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) direction: Direction,
    pub(crate) after: usize,
    pub(crate) ending: Ending,
}

#[derive(Debug, Default)]
struct State {
    cut: Option<Cut>,
    to_server: usize,
    to_client: usize,
    connections: usize,
}

/// In front of a server. Ends when dropped.
pub(crate) struct CutProxy {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl CutProxy {
    pub(crate) async fn start(upstream: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                lock(&state).connections += 1;
                // A connection that breaks is what is tested here.
                connections.spawn(async move { drop(serve(client, upstream, &state).await) });
            }
        });
        Ok(Self {
            address,
            state,
            accepting,
        })
    }

    /// Counts from zero, and cuts where this says.
    pub(crate) fn arm(&self, cut: Option<Cut>) {
        *lock(&self.state) = State {
            cut,
            ..State::default()
        };
    }

    /// Connections since then.
    pub(crate) fn connections(&self) -> usize {
        lock(&self.state).connections
    }

    /// Bytes since then, to the server and to the client.
    pub(crate) fn bytes(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.to_server, state.to_client)
    }
}

impl Drop for CutProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(mut client: TcpStream, upstream: SocketAddr, state: &Mutex<State>) -> io::Result<()> {
    let mut server = TcpStream::connect(upstream).await?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let cut = tokio::select! {
        cut = forward(&mut from_client, &mut to_server, Direction::ToServer, state) => cut?,
        cut = forward(&mut from_server, &mut to_client, Direction::ToClient, state) => cut?,
    };
    match cut.map(|cut| cut.ending) {
        // A peer closed: what is in flight in the other direction does not matter to LDAP, where the server closes
        // after an Unbind.
        None | Some(Ending::Close) => {}
        Some(Ending::Reset) => {
            for stream in [&client, &server] {
                stream.set_zero_linger()?;
            }
        }
        Some(Ending::Stall) => {
            let mut ignored = [0; 1024];
            // Until the client gives up.
            let wait = async { while matches!(client.read(&mut ignored).await, Ok(count) if count > 0) {} };
            let _ = timeout(Duration::from_secs(20), wait).await;
        }
    }
    Ok(())
}

// Until one side closes, or the cut is reached: then it is returned.
async fn forward(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    direction: Direction,
    state: &Mutex<State>,
) -> io::Result<Option<Cut>> {
    let mut buffer = vec![0; 1 << 14];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(None);
        }
        let (allowed, cut) = {
            let mut state = lock(state);
            let cut = state.cut.filter(|cut| cut.direction == direction);
            let passed = match direction {
                Direction::ToServer => &mut state.to_server,
                Direction::ToClient => &mut state.to_client,
            };
            let left = cut.map_or(usize::MAX, |cut| cut.after.saturating_sub(*passed));
            let allowed = count.min(left);
            *passed += allowed;
            let reached = cut.filter(|_| allowed == left);
            if reached.is_some() {
                // Once.
                state.cut = None;
            }
            (allowed, reached)
        };
        to.write_all(&buffer[..allowed]).await?;
        to.flush().await?;
        if cut.is_some() {
            return Ok(cut);
        }
    }
}
