//! How connections come about.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use rustls::ClientConfig;
use tower_service::Service as _;

use super::connection::Stream;
use crate::{BaseUrl, Proxy};

/// How connections reach a provider: directly, or through a proxy.
#[derive(Debug, Clone, Default)]
pub struct Route {
    pub(super) proxy: Option<Proxy>,
    pub(super) hint: Option<String>,
}

impl Route {
    /// Creates a route through this proxy, for `https` only.
    pub fn by(proxy: Proxy) -> Self {
        Self {
            proxy: Some(proxy),
            hint: None,
        }
    }

    /// Adds a sentence to the error that is reported when no connection can be made.
    pub fn hinting(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Why it cannot lead to this URL, if so.
    pub(super) fn problem(&self, base_url: &BaseUrl) -> Option<String> {
        let unfit = self.proxy.is_some() && !base_url.is_https();
        unfit.then(|| "a proxy carries https only: what is plain http it could read".to_owned())
    }

    pub(super) fn connector(&self, tls: ClientConfig, connect_timeout: Duration) -> Connector {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(connect_timeout));
        let https = HttpsConnectorBuilder::new().with_tls_config(tls);
        match &self.proxy {
            None => Connector::Direct(https.https_or_http().enable_http1().wrap_connector(tcp)),
            Some(proxy) => {
                let tunnel = Tunnel::new(proxy.uri(), tcp);
                Connector::Tunnelled(https.https_only().enable_http1().wrap_connector(tunnel))
            }
        }
    }
}

pub(super) enum Connector {
    Direct(HttpsConnector<HttpConnector>),
    Tunnelled(HttpsConnector<Tunnel<HttpConnector>>),
}

type Connecting = Pin<Box<dyn Future<Output = Result<Stream, Box<dyn StdError + Send + Sync>>> + Send>>;

impl Connector {
    pub(super) fn connect(&self, peer: Uri) -> Connecting {
        match self {
            Self::Direct(connector) => connector.clone().call(peer),
            Self::Tunnelled(connector) => connector.clone().call(peer),
        }
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}
