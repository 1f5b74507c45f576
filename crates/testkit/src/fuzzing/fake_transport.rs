//! A provider that says what it is told to say.

use std::cell::LazyCell;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use repass_transport::{Request, Response, Transport, TransportError};
use tokio::runtime::{Builder, Runtime};

/// Gives its answers one after the other, the last one for ever, and keeps what it was asked.
#[derive(Debug, Clone)]
pub(super) struct FakeTransport {
    responses: Vec<Response>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl FakeTransport {
    /// One that has at least this answer.
    pub(super) fn new(responses: impl IntoIterator<Item = Response>) -> Self {
        Self {
            responses: responses.into_iter().collect(),
            requests: Arc::default(),
        }
    }

    /// The way to it.
    pub(super) fn transport(&self) -> Arc<dyn Transport> {
        Arc::new(self.clone())
    }

    /// Every request so far.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[async_trait]
impl Transport for FakeTransport {
    async fn deliver(&self, request: &Request) -> Result<Response, TransportError> {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let next = requests.len().min(self.responses.len() - 1);
        requests.push(request.clone());
        Ok(self.responses[next].clone())
    }
}

/// Runs a call to its end, on a clock that leaps over every pause.
pub(super) fn wait<T>(call: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: LazyCell<Runtime> = LazyCell::new(|| {
            let mut builder = Builder::new_current_thread();
            builder.enable_time().start_paused(true).build().unwrap()
        });
    }
    RUNTIME.with(|runtime| runtime.block_on(call))
}
