//! The way of one request through the sandbox, with and without a fault.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{Request, Response, StatusCode, Version};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;

use crate::faults::{Action, Cut, CutAt, Drip, Respond, Subject, When};
use crate::message::reply::{self, Received, Reply};
use crate::router::Destination;
use crate::shared::Shared;
use crate::wire::{Order, Orders, Until};
use crate::{control, identity, zoom};

/// More than any form or JSON document of either provider.
const LARGEST_BODY: usize = 1 << 20;

/// What the request's body stands for in an answer of a fault's own.
const PASSWORD: &str = "%PASSWORD%";

/// Answers a request. The only error is a refused stream.
pub(crate) async fn exchange(
    shared: &Arc<Shared>,
    orders: &Orders,
    request: Request<Incoming>,
) -> Result<Response<Bytes>, h2::Error> {
    let destination = Destination::of(&shared.options, request.method(), request.uri().path());
    let Some(label) = destination.label(request.method()) else {
        return Ok(answer(shared, &destination, request).await);
    };
    shared.traffic.received(&label);
    if request.version() < Version::HTTP_2 {
        // One answer at a time: what was ordered for the last one is over.
        orders.clear();
    }
    let path = request.uri().path_and_query().map_or("", |path| path.as_str());
    let subject = Subject {
        provider: label.provider,
        method: request.method(),
        path,
        user: destination.user(),
    };
    let (reply, is_cut) = match shared.faults.strike(&subject) {
        None => (answer(shared, &destination, request).await, false),
        Some(action) if action.refuse_stream => {
            tokio::time::sleep(Duration::from_millis(action.delay_ms)).await;
            return Err(h2::Reason::REFUSED_STREAM.into());
        }
        Some(action) => {
            let is_cut = action.cut.is_some();
            (struck(shared, orders, destination, request, action).await, is_cut)
        }
    };
    if !is_cut {
        shared.traffic.answered(&label, reply.status());
    }
    Ok(reply)
}

async fn answer(shared: &Shared, destination: &Destination, request: Request<Incoming>) -> Reply {
    match read(request).await {
        Ok(request) => provider_answer(shared, destination, &request),
        Err(refusal) => refusal,
    }
}

fn provider_answer(shared: &Shared, destination: &Destination, request: &Received) -> Reply {
    match destination {
        Destination::Control => control::answer(shared, request),
        Destination::Zoom(target) => zoom::answer(shared, target, request),
        Destination::Identity(target) => identity::answer(shared, target, request),
    }
}

async fn read(request: Request<Incoming>) -> Result<Received, Reply> {
    let (head, body) = request.into_parts();
    match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(body) => Ok(Request::from_parts(head, body.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => Err(reply::empty(StatusCode::PAYLOAD_TOO_LARGE)),
        Err(_) => Err(reply::empty(StatusCode::BAD_REQUEST)),
    }
}

/// Answers a request which a fault has struck.
async fn struck(
    shared: &Arc<Shared>,
    orders: &Orders,
    destination: Destination,
    mut request: Request<Incoming>,
    action: Action,
) -> Reply {
    let Action {
        when,
        respond,
        delay_ms,
        detach,
        twice,
        cut,
        drip,
        refuse_stream: _,
    } = action;
    let delay = Duration::from_millis(delay_ms);
    if let Some(Cut {
        at: at @ (CutAt::RequestHead | CutAt::RequestBody),
        how,
    }) = cut
    {
        if at == CutAt::RequestBody {
            // A first piece; whether there is one is all the same.
            let _ = request.body_mut().frame().await;
        }
        tokio::time::sleep(delay).await;
        orders.give(Order {
            cut: Some((Until::Nothing, how)),
            drip: None,
        });
        return reply::empty(StatusCode::BAD_GATEWAY);
    }
    let request = match read(request).await {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    if detach {
        return detached(shared, orders, destination, request, delay, drip).await;
    }
    let is_seen = when == When::AfterApply || respond.is_none() && cut.is_none();
    if when == When::BeforeApply {
        tokio::time::sleep(delay).await;
    }
    let provider_answer = is_seen.then(|| {
        if twice {
            let _ = provider_answer(shared, &destination, &request);
        }
        let mut second = provider_answer(shared, &destination, &request);
        if twice {
            let count = HeaderValue::from_static("2");
            second.headers_mut().insert("x-envoy-attempt-count", count);
        }
        second
    });
    if when == When::AfterApply {
        tokio::time::sleep(delay).await;
    }
    let reply = match (respond, provider_answer) {
        (Some(respond), _) => own_answer(&respond, &destination, &request),
        (None, Some(answer)) => answer,
        // A request that is cut off unseen must not look like a success before it is.
        (None, None) => reply::with_body(StatusCode::BAD_GATEWAY, "text/html", "<h1>Bad Gateway</h1>"),
    };
    let until = |at| match at {
        CutAt::RequestHead | CutAt::RequestBody | CutAt::Answer => Until::Nothing,
        CutAt::StatusLine => Until::StatusLine,
        CutAt::Head => Until::Head,
        CutAt::Body => Until::Body(reply.body().len() / 2),
    };
    orders.give(Order {
        cut: cut.map(|cut| (until(cut.at), cut.how)),
        drip: drip.map(in_drips),
    });
    reply
}

fn in_drips(drip: Drip) -> (usize, Duration) {
    (drip.bytes, Duration::from_millis(drip.every_ms))
}

/// What the provider answers after a delay, which its client need not wait for.
async fn detached(
    shared: &Arc<Shared>,
    orders: &Orders,
    destination: Destination,
    request: Received,
    delay: Duration,
    drip: Option<Drip>,
) -> Reply {
    let shared = Arc::clone(shared);
    // The client's leaving ends what is awaited here, and not the task.
    let acting = tokio::spawn(async move {
        tokio::time::sleep(delay).await;
        provider_answer(&shared, &destination, &request)
    });
    let reply = acting.await;
    orders.give(Order {
        cut: None,
        drip: drip.map(in_drips),
    });
    reply.unwrap_or_else(|_| reply::empty(StatusCode::INTERNAL_SERVER_ERROR))
}

fn own_answer(respond: &Respond, destination: &Destination, request: &Received) -> Reply {
    let mut body = respond.body.clone();
    if body.contains(PASSWORD) {
        let sent = match destination {
            Destination::Zoom(_) => zoom::sent_password(request),
            Destination::Identity(_) => identity::sent_password(request),
            Destination::Control => None,
        };
        body = body.replace(PASSWORD, &sent.unwrap_or_default());
    }
    let mut body = body.into_bytes();
    body.resize(body.len().max(respond.pad_to), b' ');
    let mut reply = reply::empty(StatusCode::from_u16(respond.status).unwrap_or_default());
    *reply.body_mut() = body.into();
    for (name, value) in &respond.headers {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value),
        ) {
            reply.headers_mut().insert(name, value);
        }
    }
    reply
}
