//! Driving futures by hand.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout;

/// Polls a future until it ends, or has been pending `times` times, or the `limit` of time has passed.
///
/// # Errors
/// It has not come to its end: how often it was pending.
pub async fn until_pending<F: Future + ?Sized>(
    mut future: Pin<&mut F>,
    times: usize,
    limit: Duration,
) -> Result<F::Output, usize> {
    let mut pending = 0;
    let driven = poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => {
            pending += 1;
            if pending < times {
                Poll::Pending
            } else {
                Poll::Ready(None)
            }
        }
    });
    let output = timeout(limit, driven).await;
    output.ok().flatten().ok_or(pending)
}

/// Drives futures at once, each begun in its order.
pub(crate) async fn together<T>(mut futures: Vec<Pin<Box<dyn Future<Output = T> + Send + '_>>>) -> Vec<T> {
    let mut outputs: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    poll_fn(|cx| {
        for (future, output) in futures.iter_mut().zip(&mut outputs) {
            if output.is_none()
                && let Poll::Ready(done) = future.as_mut().poll(cx)
            {
                *output = Some(done);
            }
        }
        if outputs.iter().all(Option::is_some) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    outputs.into_iter().flatten().collect()
}
