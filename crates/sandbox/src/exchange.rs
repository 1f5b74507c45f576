//! Handles one request, with or without a fault.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{Request, Response, StatusCode, Version};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;

use crate::faults::{Action, CannedResponse, Cut, CutPoint, Drip, RequestInfo, Timing};
use crate::faulty_stream::{StreamFault, StreamFaults};
use crate::message::response::{self, FullRequest, FullResponse};
use crate::response_progress::CutOffset;
use crate::router::Destination;
use crate::shared::Shared;
use crate::{control, identity, zoom};

/// More than any form or JSON document of either provider.
const LARGEST_BODY: usize = 1 << 20;

/// Placeholder for the new password in a canned response.
const PASSWORD: &str = "%PASSWORD%";

/// Handles a request. The only error is a refused HTTP/2 stream.
pub(crate) async fn exchange(
    shared: &Arc<Shared>,
    stream_faults: &StreamFaults,
    request: Request<Incoming>,
) -> Result<Response<Bytes>, h2::Error> {
    let destination = Destination::of(&shared.options, request.method(), request.uri().path());
    let Some(label) = destination.label(request.method()) else {
        return Ok(respond(shared, &destination, request).await);
    };
    shared.counters.received(&label);
    if request.version() < Version::HTTP_2 {
        // HTTP/1 has one response at a time, so the fault of the last one is over.
        stream_faults.clear();
    }
    let path = request.uri().path_and_query().map_or("", |path| path.as_str());
    let info = RequestInfo {
        provider: label.provider,
        method: request.method(),
        path,
        user: destination.user(),
    };
    let (response, is_cut) = match shared.faults.take(&info) {
        None => (respond(shared, &destination, request).await, false),
        Some(action) if action.refuse_stream => {
            tokio::time::sleep(Duration::from_millis(action.delay_ms)).await;
            return Err(h2::Reason::REFUSED_STREAM.into());
        }
        Some(action) => {
            let is_cut = action.cut.is_some();
            (
                respond_with_fault(shared, stream_faults, destination, request, action).await,
                is_cut,
            )
        }
    };
    if !is_cut {
        shared.counters.answered(&label, response.status());
    }
    Ok(response)
}

async fn respond(shared: &Shared, destination: &Destination, request: Request<Incoming>) -> FullResponse {
    match read(request).await {
        Ok(request) => provider_response(shared, destination, &request),
        Err(refusal) => refusal,
    }
}

fn provider_response(shared: &Shared, destination: &Destination, request: &FullRequest) -> FullResponse {
    match destination {
        Destination::Control => control::answer(shared, request),
        Destination::Zoom(target) => zoom::answer(shared, target, request),
        Destination::Identity(target) => identity::answer(shared, target, request),
    }
}

async fn read(request: Request<Incoming>) -> Result<FullRequest, FullResponse> {
    let (head, body) = request.into_parts();
    match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(body) => Ok(Request::from_parts(head, body.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => Err(response::empty(StatusCode::PAYLOAD_TOO_LARGE)),
        Err(_) => Err(response::empty(StatusCode::BAD_REQUEST)),
    }
}

/// Handles a request that a fault applies to.
async fn respond_with_fault(
    shared: &Arc<Shared>,
    stream_faults: &StreamFaults,
    destination: Destination,
    mut request: Request<Incoming>,
    action: Action,
) -> FullResponse {
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
        at: at @ (CutPoint::RequestHead | CutPoint::RequestBody),
        how,
    }) = cut
    {
        if at == CutPoint::RequestBody {
            // A first piece, if there is one.
            let _ = request.body_mut().frame().await;
        }
        tokio::time::sleep(delay).await;
        stream_faults.set(StreamFault {
            cut: Some((CutOffset::Start, how)),
            drip: None,
        });
        return response::empty(StatusCode::BAD_GATEWAY);
    }
    let request = match read(request).await {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    if detach {
        return respond_detached(shared, stream_faults, destination, request, delay, drip).await;
    }
    let is_seen = when == Timing::AfterApply || respond.is_none() && cut.is_none();
    if when == Timing::BeforeApply {
        tokio::time::sleep(delay).await;
    }
    let provider_response = is_seen.then(|| {
        if twice {
            let _ = provider_response(shared, &destination, &request);
        }
        let mut second = provider_response(shared, &destination, &request);
        if twice {
            let count = HeaderValue::from_static("2");
            second.headers_mut().insert("x-envoy-attempt-count", count);
        }
        second
    });
    if when == Timing::AfterApply {
        tokio::time::sleep(delay).await;
    }
    let response = match (respond, provider_response) {
        (Some(respond), _) => canned_response(&respond, &destination, &request),
        (None, Some(answer)) => answer,
        // A request that the provider never sees must not look like a success before the cut.
        (None, None) => response::with_body(StatusCode::BAD_GATEWAY, "text/html", "<h1>Bad Gateway</h1>"),
    };
    let is_http1 = request.version() < Version::HTTP_2;
    let offset = |at| match at {
        // Over HTTP/2 a cut comes before the response.
        _ if !is_http1 => CutOffset::Start,
        CutPoint::RequestHead | CutPoint::RequestBody | CutPoint::Answer => CutOffset::Start,
        CutPoint::StatusLine => CutOffset::StatusLine,
        CutPoint::Head => CutOffset::Head,
        CutPoint::Body => CutOffset::Body(response.body().len() / 2),
    };
    stream_faults.set(StreamFault {
        cut: cut.map(|cut| (offset(cut.at), cut.how)),
        drip: drip.map(in_drips),
    });
    response
}

fn in_drips(drip: Drip) -> (usize, Duration) {
    (drip.bytes, Duration::from_millis(drip.every_ms))
}

/// The provider's response after a delay, even if the client leaves before.
async fn respond_detached(
    shared: &Arc<Shared>,
    stream_faults: &StreamFaults,
    destination: Destination,
    request: FullRequest,
    delay: Duration,
    drip: Option<Drip>,
) -> FullResponse {
    let shared = Arc::clone(shared);
    // If the client leaves, this future is dropped, but not the task.
    let acting = tokio::spawn(async move {
        tokio::time::sleep(delay).await;
        provider_response(&shared, &destination, &request)
    });
    let response = acting.await;
    stream_faults.set(StreamFault {
        cut: None,
        drip: drip.map(in_drips),
    });
    response.unwrap_or_else(|_| response::empty(StatusCode::INTERNAL_SERVER_ERROR))
}

fn canned_response(
    respond: &CannedResponse,
    destination: &Destination,
    request: &FullRequest,
) -> FullResponse {
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
    let mut response = response::empty(StatusCode::from_u16(respond.status).unwrap_or_default());
    *response.body_mut() = body.into();
    for (name, value) in &respond.headers {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value),
        ) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
