//! Asking a service of breached passwords whether it knows one, without telling it.

use std::sync::Arc;
use std::time::Duration;

use repass_domain::{CallContext, Error, ErrorKind, Password, RangeQuery};
use repass_transport::{
    BaseUrl, Credentials, HttpTransport, Idempotency, Method, PooledClient, Request, Route, Timeouts,
    Transport, TrustedRoots,
};

use crate::config::OnFailure;

#[derive(Debug)]
pub(crate) struct BreachCheck {
    service: Arc<dyn Transport>,
    timeout: Duration,
    on_failure: OnFailure,
}

// Padded ranges pass 60 KiB.
const RANGE_LIMIT: usize = 256 * 1024;

impl BreachCheck {
    /// Connects to nothing before it is asked.
    pub(crate) fn new(
        url: BaseUrl,
        roots: TrustedRoots,
        route: Route,
        timeout: Duration,
        on_failure: OnFailure,
    ) -> Self {
        let timeouts = Timeouts {
            connect: timeout,
            attempt: timeout,
        };
        let wire = PooledClient::new(url, roots, timeout).over(route);
        Self {
            service: Arc::new(HttpTransport::new(wire, Credentials::None, timeouts)),
            timeout,
            on_failure,
        }
    }

    /// Whether a change is made when the service cannot be asked.
    pub(super) fn may_fail(&self) -> bool {
        self.on_failure == OnFailure::Allow
    }

    /// Whether the service knows the password.
    pub(super) async fn is_known(&self, cx: &CallContext, password: &Password) -> Result<bool, Error> {
        let asked = self.ask(cx, password).await;
        asked.map(|count| count > 0).map_err(|why| {
            let why = format!("whether the new password is known from a breach could not be asked: {why}");
            Error::not_applied(ErrorKind::Unreachable, why)
        })
    }

    async fn ask(&self, cx: &CallContext, password: &Password) -> Result<u64, String> {
        let query = RangeQuery::new(password);
        let request = Request::new("breach.range", Method::GET, Idempotency::Idempotent)
            .segment("range")
            .segment(query.prefix())
            // Answers of the same size, so that an observer cannot tell the ranges apart.
            .header("add-padding", "true")
            .answer_up_to(RANGE_LIMIT)
            .budget(cx.budget().min(self.timeout));
        let answer = self.service.deliver(&request).await;
        let answer = answer.map_err(|failure| failure.to_string())?;
        let status = answer.status().as_u16();
        if status != 200 || !answer.is_complete() {
            return Err(format!("the service gave no whole answer (status {status})"));
        }
        let text = std::str::from_utf8(answer.body()).unwrap_or("?");
        query
            .count_in(text)
            .map_err(|malformed| format!("the service gave no list of hashes: {malformed}"))
    }
}
