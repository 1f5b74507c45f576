//! A provider whose every answer is the same.

use std::sync::Arc;

use async_trait::async_trait;
use repass_transport::{Answer, Failure, HeaderMap, HeaderValue, Request, StatusCode, Transport};

#[derive(Debug)]
struct Fixed(Answer);

#[async_trait]
impl Transport for Fixed {
    async fn deliver(&self, _request: &Request) -> Result<Answer, Failure> {
        Ok(self.0.clone())
    }
}

pub(crate) fn provider(answer: Answer) -> Arc<dyn Transport> {
    Arc::new(Fixed(answer))
}

/// An answer of these parts; a header that cannot be is left out.
pub(crate) fn answer(status: u16, headers: &[(&'static str, String)], body: Vec<u8>) -> Answer {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            map.insert(*name, value);
        }
    }
    Answer::new(StatusCode::from_u16(status).unwrap())
        .with_headers(map)
        .with_body(body)
}

pub(crate) fn wait<T>(call: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(call)
}
