//! The clients that are compared, each doing the same work: one request per change, its response
//! read and checked.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use clap::ValueEnum;
use http_body_util::{BodyExt as _, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use repass::{CallContext, Password, PasswordChange, PasswordService, Services};
use repass_transport::{BaseUrl, Credentials, HttpTransport, PooledClient, Timeouts, Token, TrustedRoots};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;

/// Which client does the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stack {
    /// All of repass: layers, adapter, delivery, transport.
    Repass,
    /// hyper-util's client and nothing around it.
    Hyper,
    /// reqwest as it is commonly used.
    Reqwest,
}

#[derive(Deserialize)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) old: String,
    pub(crate) new: String,
}

pub(crate) struct Target {
    pub(crate) zoom: bool,
    pub(crate) base_url: String,
    pub(crate) token: String,
    pub(crate) ca: Option<Vec<u8>>,
}

#[async_trait]
pub(crate) trait Changes: Send + Sync {
    async fn change(&self, row: &Row) -> Result<(), String>;
}

pub(crate) fn client(stack: Stack, target: &Target) -> Arc<dyn Changes> {
    match stack {
        Stack::Repass => Arc::new(Repass(repass(target))),
        Stack::Hyper => Arc::new(Bare::new(target)),
        Stack::Reqwest => Arc::new(Plain::new(target)),
    }
}

/// The service that an embedder gets.
pub(crate) fn configured(config: &Path, zoom: bool) -> Arc<dyn Changes> {
    let services = Services::from_file(config).unwrap_or_else(|error| panic!("{error}"));
    let service = services.get(if zoom { "zoom" } else { "identity" });
    Arc::new(Repass(service.unwrap_or_else(|error| panic!("{error}"))))
}

struct Repass(Arc<dyn PasswordService>);

fn repass(target: &Target) -> Arc<dyn PasswordService> {
    let base_url: BaseUrl = target
        .base_url
        .parse()
        .unwrap_or_else(|error| panic!("--base-url {error}"));
    let roots = TrustedRoots::default();
    let roots = match &target.ca {
        Some(pem) => roots.with_pem(pem).unwrap_or_else(|error| panic!("--ca {error}")),
        None => roots,
    };
    let token =
        Token::bearer(&target.token.as_str().into()).unwrap_or_else(|error| panic!("--token {error}"));
    let client = PooledClient::new(base_url, roots, Duration::from_secs(10));
    let transport = Arc::new(HttpTransport::new(
        client,
        Credentials::Fixed(token),
        Timeouts::default(),
    ));
    let adapter: Arc<dyn PasswordService> = if target.zoom {
        // As in the baselines.
        let config = repass_zoom::ZoomSettings {
            body: repass_zoom::BodyEncoding::FormData,
            ..repass_zoom::ZoomSettings::default()
        };
        Arc::new(repass_zoom::ZoomService::new("zoom", config, transport))
    } else {
        let config = repass_identity::IdentitySettings::default();
        Arc::new(repass_identity::IdentityService::new(
            "identity", config, transport,
        ))
    };
    repass::Layers::default().wrap(adapter)
}

#[async_trait]
impl Changes for Repass {
    async fn change(&self, row: &Row) -> Result<(), String> {
        let password = |text: &str| Password::new(text).map_err(|error| error.to_string());
        let user = row
            .id
            .parse()
            .map_err(|error: repass::InvalidUserId| error.to_string())?;
        let change = if self.0.capabilities().change {
            PasswordChange::change(user, password(&row.old)?, password(&row.new)?)
        } else {
            PasswordChange::reset(user, password(&row.new)?)
        };
        let changed = self.0.change_password(&CallContext::default(), &change).await;
        changed.map(drop).map_err(|error| error.to_string())
    }
}

/// What a baseline sends.
struct Parts {
    url: String,
    content_type: &'static str,
    body: String,
}

impl Parts {
    fn of(zoom: bool, base_url: &str, row: &Row) -> Self {
        if zoom {
            let password = &row.new;
            Self {
                url: format!("{base_url}/users/{}/password", row.id),
                content_type: "multipart/form-data; boundary=b7Xq",
                body: format!(
                    "--b7Xq\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n{password}\r\n--b7Xq--\r\n"
                ),
            }
        } else {
            let body = serde_json::json!({"oldPassword": row.old, "newPassword": row.new});
            Self {
                url: format!("{base_url}/api/User/{}/changepassword", row.id),
                content_type: "application/json",
                body: body.to_string(),
            }
        }
    }
}

fn check(zoom: bool, status: u16, body: &[u8]) -> Result<(), String> {
    let json: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let applied = if zoom {
        status == 204
    } else {
        json.is_some_and(|json| json["succeeded"] == true)
    };
    if applied {
        Ok(())
    } else {
        Err(format!("status {status}"))
    }
}

struct Bare {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    zoom: bool,
    base_url: String,
    authorization: http::HeaderValue,
}

impl Bare {
    fn new(target: &Target) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        let pem = target.ca.as_deref().unwrap_or_default();
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(pem).filter_map(Result::ok));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap_or_else(|error| panic!("{error}"))
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let authorization = format!("Bearer {}", target.token).parse();
        Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            zoom: target.zoom,
            base_url: target.base_url.clone(),
            authorization: authorization.unwrap_or_else(|error| panic!("--token {error}")),
        }
    }
}

#[async_trait]
impl Changes for Bare {
    async fn change(&self, row: &Row) -> Result<(), String> {
        let parts = Parts::of(self.zoom, &self.base_url, row);
        let request = http::Request::builder()
            .method(if self.zoom { "PUT" } else { "POST" })
            .uri(parts.url)
            .header("authorization", self.authorization.clone())
            .header("content-type", parts.content_type)
            .body(Full::from(parts.body))
            .map_err(|error| error.to_string())?;
        let response = self
            .client
            .request(request)
            .await
            .map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        let body = response
            .into_body()
            .collect()
            .await
            .map_err(|error| error.to_string())?
            .to_bytes();
        check(self.zoom, status, &body)
    }
}

struct Plain {
    client: reqwest::Client,
    zoom: bool,
    base_url: String,
    token: String,
}

impl Plain {
    fn new(target: &Target) -> Self {
        // The provider that this workspace uses, where reqwest is built without one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        #[expect(
            clippy::disallowed_methods,
            reason = "the baseline is a client as people build it"
        )]
        let mut builder = reqwest::Client::builder().http1_only();
        if let Some(pem) = &target.ca {
            let ca = reqwest::Certificate::from_pem(pem).unwrap_or_else(|error| panic!("--ca {error}"));
            builder = builder.add_root_certificate(ca);
        }
        Self {
            client: builder.build().unwrap_or_else(|error| panic!("{error}")),
            zoom: target.zoom,
            base_url: target.base_url.clone(),
            token: target.token.clone(),
        }
    }
}

#[async_trait]
impl Changes for Plain {
    async fn change(&self, row: &Row) -> Result<(), String> {
        let parts = Parts::of(self.zoom, &self.base_url, row);
        let request = if self.zoom {
            self.client.put(parts.url)
        } else {
            self.client.post(parts.url)
        };
        let request = request.bearer_auth(&self.token);
        let request = request
            .header("content-type", parts.content_type)
            .body(parts.body);
        let response = request.send().await;
        let response = response.map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        let body = response.bytes().await.map_err(|error| error.to_string())?;
        check(self.zoom, status, &body)
    }
}
