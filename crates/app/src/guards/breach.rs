//! Asking a service of breached passwords whether it knows one, without telling it.

use std::sync::Arc;
use std::time::Duration;

use repass_domain::{CallContext, Error, ErrorKind, Password, RangeQuery};
use repass_transport::{
    BaseUrl, Credentials, HttpTransport, HttpWire, Method, Replay, Request, Timeouts, Transport, TrustedRoots,
};

use crate::config::OnFailure;

#[derive(Debug)]
pub(crate) struct BreachCheck {
    service: Arc<dyn Transport>,
    timeout: Duration,
    on_failure: OnFailure,
}

impl BreachCheck {
    /// Connects to nothing before it is asked.
    pub(crate) fn new(url: BaseUrl, roots: TrustedRoots, timeout: Duration, on_failure: OnFailure) -> Self {
        let timeouts = Timeouts {
            connect: timeout,
            attempt: timeout,
        };
        let wire = HttpWire::new(url, roots, timeout);
        Self {
            service: Arc::new(HttpTransport::new(wire, Credentials::None, timeouts)),
            timeout,
            on_failure,
        }
    }

    /// Whether the service knows the password. When it cannot be asked, `false` if such changes are made.
    pub(super) async fn is_known(&self, cx: &CallContext, password: &Password) -> Result<bool, Error> {
        match (self.ask(cx, password).await, self.on_failure) {
            (Ok(count), _) => Ok(count > 0),
            (Err(why), OnFailure::Allow) => {
                tracing::warn!(
                    why,
                    "whether the password is known from a breach could not be asked"
                );
                Ok(false)
            }
            (Err(why), OnFailure::Refuse) => {
                let why = format!(
                    "whether the new password is known from a breach could not be asked, so nothing was sent: {why}"
                );
                Err(Error::not_applied(ErrorKind::Unreachable, why))
            }
        }
    }

    async fn ask(&self, cx: &CallContext, password: &Password) -> Result<u64, String> {
        let query = RangeQuery::new(password);
        let request = Request::new("breach.range", Method::GET, Replay::Convergent)
            .segment("range")
            .segment(query.prefix())
            // Answers of the same size, so that an observer cannot tell the ranges apart.
            .header("add-padding", "true")
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
