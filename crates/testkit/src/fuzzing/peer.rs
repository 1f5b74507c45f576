//! A provider that says what it is told to say.

use std::cell::LazyCell;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use repass_transport::{Request, Response, Transport, TransportError};
use tokio::runtime::{Builder, Runtime};

/// Gives its answers one after the other, the last one for ever, and keeps what it was asked.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    answers: Vec<Response>,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Peer {
    /// One that has at least this answer.
    pub(super) fn saying(answers: impl IntoIterator<Item = Response>) -> Self {
        Self {
            answers: answers.into_iter().collect(),
            asked: Arc::default(),
        }
    }

    /// The way to it.
    pub(super) fn transport(&self) -> Arc<dyn Transport> {
        Arc::new(self.clone())
    }

    /// Every request so far.
    pub(super) fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Transport for Peer {
    async fn deliver(&self, request: &Request) -> Result<Response, TransportError> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let next = asked.len().min(self.answers.len() - 1);
        asked.push(request.clone());
        Ok(self.answers[next].clone())
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
