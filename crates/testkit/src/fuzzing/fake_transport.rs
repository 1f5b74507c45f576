//! A transport with scripted responses.

use std::cell::LazyCell;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use repass_transport::{Request, Response, Transport, TransportError};
use tokio::runtime::{Builder, Runtime};

/// Returns its responses in turn, the last one repeatedly, and records the requests.
#[derive(Debug, Clone)]
pub(super) struct FakeTransport {
    responses: Vec<Response>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl FakeTransport {
    /// A transport with these responses, of which there must be one.
    pub(super) fn new(responses: impl IntoIterator<Item = Response>) -> Self {
        Self {
            responses: responses.into_iter().collect(),
            requests: Arc::default(),
        }
    }

    /// The transport to pass to a service.
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

/// Runs a call to its end on a paused clock.
pub(super) fn wait<T>(call: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: LazyCell<Runtime> = LazyCell::new(|| {
            let mut builder = Builder::new_current_thread();
            builder.enable_time().start_paused(true).build().unwrap()
        });
    }
    RUNTIME.with(|runtime| runtime.block_on(call))
}
