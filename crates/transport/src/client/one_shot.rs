//! A connection for one request, gone with its response: for token endpoints, whose credentials a
//! kept connection would keep a copy of.

use std::time::Duration;

use async_trait::async_trait;
use bytes::BytesMut;
use http::HeaderValue;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE};
use reqwest::Client;

use super::route::Route;
use super::{HttpClient, USER_AGENT, encoding, error_mapping};
use crate::{BaseUrl, Cause, Request, Response, TransportError, TrustedRoots};

/// An HTTP client that opens a connection for each request, by HTTP/1.1 over reqwest. No redirects, no cookies, no
/// implicit proxy, no retries. Not the fast way, and not meant for many requests.
#[derive(Debug, Clone)]
pub struct OneShotClient {
    base_url: BaseUrl,
    roots: TrustedRoots,
    connect_timeout: Duration,
    route: Route,
}

impl OneShotClient {
    /// Creates a client for requests to one base URL.
    pub fn new(base_url: BaseUrl, roots: TrustedRoots, connect_timeout: Duration) -> Self {
        Self {
            base_url,
            roots,
            connect_timeout,
            route: Route::default(),
        }
    }

    /// Sets the route by which the base URL is reached, such as through a proxy.
    pub fn over(mut self, route: Route) -> Self {
        self.route = route;
        self
    }

    fn client(&self) -> Result<Client, TransportError> {
        let impossible = |why: String| TransportError::not_sent(Cause::Tls, why);
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that builds such a client"
        )]
        let mut builder = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .http1_only()
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http1_ignore_invalid_headers_in_responses(true)
            .http1_max_headers(super::MAX_HEADERS)
            .connect_timeout(self.connect_timeout)
            .pool_max_idle_per_host(0)
            .user_agent(USER_AGENT)
            .https_only(self.base_url.is_https())
            .tls_backend_preconfigured(self.roots.client_config(&self.base_url).map_err(impossible)?);
        if let Some(problem) = self.route.problem(&self.base_url) {
            return Err(impossible(problem));
        }
        if let Some(proxy) = &self.route.proxy {
            let proxy = reqwest::Proxy::https(proxy.uri().to_string());
            builder = builder.proxy(proxy.map_err(|_| impossible("the proxy cannot be used".to_owned()))?);
        }
        builder
            .build()
            .map_err(|_| impossible("the HTTP client cannot be set up".to_owned()))
    }
}

#[async_trait]
impl HttpClient for OneShotClient {
    async fn attempt(
        &self,
        request: &Request,
        authorization: Option<HeaderValue>,
        limit: Duration,
    ) -> Result<Response, TransportError> {
        let ahead = tokio::time::timeout(limit, self.roots.read_ahead());
        if self.base_url.is_https() && ahead.await.is_err() {
            return Err(error_mapping::out_of_time(self.base_url.host(), true));
        }
        let url = format!("{}{}", self.base_url, request.path());
        let mut builder = self
            .client()?
            .request(request.method().clone(), url)
            .header(ACCEPT, super::ACCEPT)
            .header(ACCEPT_ENCODING, super::ACCEPT_ENCODING)
            .timeout(limit);
        if let Some(authorization) = &authorization {
            builder = builder.header(AUTHORIZATION, authorization.clone());
        }
        for (name, value) in request.headers() {
            builder = builder.header(name, value);
        }
        if let Some(body) = request.secret_body() {
            builder = builder
                .header(CONTENT_TYPE, body.content_type_header())
                .body(body.bytes());
        }
        let response = builder.send().await.map_err(|error| {
            let signs = error_mapping::Signs {
                connecting: error.is_connect(),
                timed_out: error.is_timeout(),
                unsent: error.is_builder(),
            };
            let host = self.base_url.host();
            let failure = error_mapping::failure(host, &error, &signs);
            if signs.connecting {
                error_mapping::on_the_way(failure, &self.route, host, Some(&error))
            } else {
                failure
            }
        })?;
        Ok(read(response, request.answer_limit()).await)
    }
}

// The head is here, so from now on there is a response, whole or cut.
async fn read(mut response: reqwest::Response, limit: usize) -> Response {
    let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
    let mut body = BytesMut::new();
    let mut late = false;
    let complete = loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > limit => break false,
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break true,
            Err(error) => {
                late = error.is_timeout();
                break false;
            }
        }
    };
    let decoded = encoding::decoded(&headers, body.freeze(), complete, limit);
    let response = Response::new(status)
        .with_headers(headers)
        .with_body(decoded.body);
    match (decoded.complete, late) {
        (true, _) => response,
        (false, true) => response.late(),
        (false, false) => response.cut(),
    }
}
