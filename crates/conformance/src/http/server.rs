//! A server that makes the faults and counts what was done.

use std::io::Result;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

use super::Provider;
use super::message::{Asked, Told};
use super::strike::{How, Strike, strike};
use crate::{AnswerPart, Ending, Fault, RequestPart, Seen, When};

/// One provider with one user, as long as it lives.
pub(super) struct Server {
    address: SocketAddr,
    // Only whether somebody comes is of interest.
    elsewhere: std::net::TcpListener,
    shared: Arc<Shared>,
    door: Mutex<Door>,
}

enum Door {
    Open(JoinHandle<()>),
    // The port is held, and connecting to it refused.
    Closed(TcpSocket),
    Between,
}

struct Shared {
    provider: Arc<Provider>,
    state: Mutex<State>,
}

struct State {
    current: String,
    close_next: bool,
    strike: Option<Strike>,
    seen: Seen,
}

impl Server {
    pub(super) async fn start(provider: Arc<Provider>, current: String) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let elsewhere = std::net::TcpListener::bind("127.0.0.1:0")?;
        elsewhere.set_nonblocking(true)?;
        let seen = Seen {
            requests: Some(0),
            contacts: Some(0),
            elsewhere: Some(0),
            ..Seen::default()
        };
        let shared = Arc::new(Shared {
            provider,
            state: Mutex::new(State {
                current,
                close_next: false,
                strike: None,
                seen,
            }),
        });
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            elsewhere,
            shared,
            door: Mutex::new(Door::Open(accepting)),
        })
    }

    pub(super) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) async fn arm(&self, fault: Fault, refusal: Option<(u16, String)>) {
        match fault {
            Fault::Refused => self.close().await,
            Fault::ClosedOnAccept => self.shared.state().close_next = true,
            _ => {
                let elsewhere = self.elsewhere.local_addr().unwrap_or(self.address);
                self.shared.state().strike = strike(fault, elsewhere, refusal);
            }
        }
    }

    async fn close(&self) {
        if let Door::Open(accepting) = self.exchange(Door::Between) {
            accepting.abort();
            // It ends by being aborted, and its listener with it.
            let _ = accepting.await;
        }
        let socket = TcpSocket::new_v4().and_then(|socket| {
            socket.set_reuseaddr(true)?;
            socket.bind(self.address)?;
            Ok(socket)
        });
        let socket = socket.unwrap_or_else(|error| panic!("cannot hold a port of this machine: {error}"));
        self.exchange(Door::Closed(socket));
    }

    pub(super) fn heal(&self) {
        let mut state = self.shared.state();
        (state.close_next, state.strike) = (false, None);
        drop(state);
        match self.exchange(Door::Between) {
            Door::Closed(socket) => {
                let listener = socket.listen(64);
                let listener = listener.unwrap_or_else(|error| panic!("cannot listen again: {error}"));
                let accepting = tokio::spawn(accept(listener, Arc::clone(&self.shared)));
                self.exchange(Door::Open(accepting));
            }
            open => drop(self.exchange(open)),
        }
    }

    fn exchange(&self, door: Door) -> Door {
        std::mem::replace(
            &mut self.door.lock().unwrap_or_else(PoisonError::into_inner),
            door,
        )
    }

    pub(super) fn seen(&self) -> Seen {
        while self.elsewhere.accept().is_ok() {
            add(&mut self.shared.state().seen.elsewhere);
        }
        self.shared.state().seen
    }

    pub(super) fn accepts(&self, password: &str) -> bool {
        self.shared.state().current == password
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Door::Open(accepting) = self.exchange(Door::Between) {
            accepting.abort();
        }
    }
}

fn add(count: &mut Option<u64>) {
    *count = count.map(|count| count + 1);
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // All in one critical section, as at a provider's database.
    fn answer(&self, asked: &Asked, when: When, instead: Option<Told>) -> Told {
        let mut state = self.state();
        let told = (self.provider)(asked, &state.current);
        let new = told.sets.clone();
        if when == When::Applied
            && let Some(new) = &new
        {
            state.current.clone_from(new);
            state.seen.set += 1;
        }
        let mut told = instead.unwrap_or(told);
        if asked.method() != "GET" && ![401, 415, 429].contains(&told.status) {
            add(&mut state.seen.requests);
        }
        told.body = told.body.replace("%PASSWORD%", &new.unwrap_or_default());
        told
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let mut state = shared.state();
        add(&mut state.seen.contacts);
        if std::mem::take(&mut state.close_next) {
            continue;
        }
        drop(state);
        let shared = Arc::clone(&shared);
        // A connection that breaks is what faults are for.
        connections.spawn(async move { drop(serve(stream, &shared).await) });
    }
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> Result<()> {
    while let Some((mut asked, length)) = Asked::head(&mut stream).await? {
        let strike = {
            let mut state = shared.state();
            add(&mut state.seen.contacts);
            if asked.method() == "GET" {
                None
            } else {
                state.strike.take()
            }
        };
        let (when, instead, how, twice) = match strike {
            Some(Strike::Request(part, ending)) => {
                if part == RequestPart::PartOfBody {
                    asked.read_body(&mut stream, length.min(1)).await?;
                }
                return end(stream, ending).await;
            }
            Some(Strike::Answer {
                when,
                instead,
                how,
                twice,
            }) => (when, instead, how, twice),
            None => (When::Applied, None, How::Whole, false),
        };
        asked.read_body(&mut stream, length).await?;
        let mut told = shared.answer(&asked, when, instead);
        if twice {
            // The service sent one of the two.
            let requests = shared.state().seen.requests;
            told = shared
                .answer(&asked, when, None)
                .header("x-envoy-attempt-count", "2");
            shared.state().seen.requests = requests;
        }
        let head = told.head();
        let whole = head.clone() + &told.body;
        match how {
            How::Whole => stream.write_all(whole.as_bytes()).await?,
            How::Cut(part, ending) => {
                let bytes = match part {
                    AnswerPart::Nothing => 0,
                    AnswerPart::PartOfStatusLine => 10,
                    AnswerPart::Head => head.len(),
                    AnswerPart::PartOfBody => head.len() + told.body.len() / 2,
                };
                stream.write_all(&whole.as_bytes()[..bytes]).await?;
                return end(stream, ending).await;
            }
            How::Drips { bytes, every } => {
                for drip in whole.as_bytes().chunks(bytes) {
                    stream.write_all(drip).await?;
                    sleep(every).await;
                }
            }
        }
    }
    Ok(())
}

async fn end(mut stream: TcpStream, ending: Ending) -> Result<()> {
    match ending {
        Ending::Fin => stream.shutdown().await,
        Ending::Rst => stream.set_zero_linger(),
        // Until the other side has had enough.
        Ending::Silence => {
            while stream.read(&mut [0; 512]).await? > 0 {}
            Ok(())
        }
    }
}
