//! A server that makes the faults and counts what was done.

use std::io::Result;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

use super::Provider;
use super::inject::{InjectedFault, Transmission, inject};
use super::message::{ProviderRequest, ProviderResponse};
use crate::{Ending, Fault, OracleCounts, RequestPart, ResponsePart, Timing};

/// One provider with one user, as long as it lives.
pub(super) struct Server {
    address: SocketAddr,
    // Only whether somebody comes is of interest.
    elsewhere: std::net::TcpListener,
    shared: Arc<Shared>,
    listener: Mutex<ListenerState>,
}

enum ListenerState {
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
    injected: Option<InjectedFault>,
    counts: OracleCounts,
}

impl Server {
    pub(super) async fn start(provider: Arc<Provider>, current: String) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let elsewhere = std::net::TcpListener::bind("127.0.0.1:0")?;
        elsewhere.set_nonblocking(true)?;
        let counts = OracleCounts {
            requests: Some(0),
            contacts: Some(0),
            elsewhere: Some(0),
            ..OracleCounts::default()
        };
        let shared = Arc::new(Shared {
            provider,
            state: Mutex::new(State {
                current,
                close_next: false,
                injected: None,
                counts,
            }),
        });
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            elsewhere,
            shared,
            listener: Mutex::new(ListenerState::Open(accepting)),
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
                self.shared.state().injected = inject(fault, elsewhere, refusal);
            }
        }
    }

    async fn close(&self) {
        if let ListenerState::Open(accepting) = self.exchange(ListenerState::Between) {
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
        self.exchange(ListenerState::Closed(socket));
    }

    pub(super) fn heal(&self) {
        let mut state = self.shared.state();
        (state.close_next, state.injected) = (false, None);
        drop(state);
        match self.exchange(ListenerState::Between) {
            ListenerState::Closed(socket) => {
                let listener = socket.listen(64);
                let listener = listener.unwrap_or_else(|error| panic!("cannot listen again: {error}"));
                let accepting = tokio::spawn(accept(listener, Arc::clone(&self.shared)));
                self.exchange(ListenerState::Open(accepting));
            }
            open => drop(self.exchange(open)),
        }
    }

    fn exchange(&self, listener: ListenerState) -> ListenerState {
        std::mem::replace(
            &mut self.listener.lock().unwrap_or_else(PoisonError::into_inner),
            listener,
        )
    }

    pub(super) fn counts(&self) -> OracleCounts {
        while self.elsewhere.accept().is_ok() {
            add(&mut self.shared.state().counts.elsewhere);
        }
        self.shared.state().counts
    }

    pub(super) fn accepts(&self, password: &str) -> bool {
        self.shared.state().current == password
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let ListenerState::Open(accepting) = self.exchange(ListenerState::Between) {
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
    fn answer(
        &self,
        request: &ProviderRequest,
        when: Timing,
        instead: Option<ProviderResponse>,
    ) -> ProviderResponse {
        let mut state = self.state();
        let response = (self.provider)(request, &state.current);
        let new = response.sets.clone();
        if when == Timing::AfterApply
            && let Some(new) = &new
        {
            state.current.clone_from(new);
            state.counts.set += 1;
        }
        let reads = response.reads;
        let mut response = instead.unwrap_or(response);
        if request.method() != "GET" && !reads && ![401, 415, 429].contains(&response.status) {
            add(&mut state.counts.requests);
        }
        response.body = response.body.replace("%PASSWORD%", &new.unwrap_or_default());
        response
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let mut state = shared.state();
        add(&mut state.counts.contacts);
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
    while let Some((mut request, length)) = ProviderRequest::head(&mut stream).await? {
        let injected = {
            let mut state = shared.state();
            add(&mut state.counts.contacts);
            if request.method() == "GET" {
                None
            } else {
                state.injected.take()
            }
        };
        let (when, instead, how, twice) = match injected {
            Some(InjectedFault::Request(part, ending)) => {
                if part == RequestPart::PartOfBody {
                    request.read_body(&mut stream, length.min(1)).await?;
                }
                return end(stream, ending).await;
            }
            Some(InjectedFault::Answer {
                when,
                instead,
                how,
                twice,
            }) => (when, instead, how, twice),
            None => (Timing::AfterApply, None, Transmission::Whole, false),
        };
        request.read_body(&mut stream, length).await?;
        let mut response = shared.answer(&request, when, instead);
        if twice {
            // The service sent one of the two.
            let requests = shared.state().counts.requests;
            response = shared
                .answer(&request, when, None)
                .header("x-envoy-attempt-count", "2");
            shared.state().counts.requests = requests;
        }
        let head = response.head();
        let whole = head.clone() + &response.body;
        match how {
            Transmission::Whole => stream.write_all(whole.as_bytes()).await?,
            Transmission::Cut(part, ending) => {
                let bytes = match part {
                    ResponsePart::Nothing => 0,
                    ResponsePart::PartOfStatusLine => 10,
                    ResponsePart::Head => head.len(),
                    ResponsePart::PartOfBody => head.len() + response.body.len() / 2,
                };
                stream.write_all(&whole.as_bytes()[..bytes]).await?;
                return end(stream, ending).await;
            }
            Transmission::Drips { bytes, every } => {
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
