//! TLS for remote clients.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// The certificates and key of a TLS server, in PEM.
pub struct TlsFiles<'a> {
    /// The sidecar's certificate, followed by the intermediate certificates.
    pub certificates: &'a [u8],
    /// The private key of the sidecar's certificate. Wiping this slice is the caller's responsibility.
    pub key: &'a [u8],
    /// The certificate authority that must have signed clients' certificates, if clients need one.
    pub client_ca: Option<&'a [u8]>,
}

impl fmt::Debug for TlsFiles<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsFiles")
    }
}

/// A server certificate with its key, which can be replaced at any time; open connections keep theirs. TLS 1.2 and
/// 1.3 with ring; HTTP/1.1 only.
#[derive(Clone)]
pub struct Tls(Arc<RwLock<Arc<ServerConfig>>>);

impl Tls {
    /// Creates the TLS configuration from these files.
    ///
    /// # Errors
    /// Which file is invalid, and why.
    pub fn new(files: &TlsFiles<'_>) -> Result<Self, InvalidTls> {
        Ok(Self(Arc::new(RwLock::new(config(files)?))))
    }

    /// Replaces the certificates and key, from the next connection on.
    ///
    /// # Errors
    /// As [`new`](Self::new); the current files stay in use.
    pub fn replace(&self, files: &TlsFiles<'_>) -> Result<(), InvalidTls> {
        let config = config(files)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let config = self.0.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(Arc::clone(&config))
    }
}

fn config(files: &TlsFiles<'_>) -> Result<Arc<ServerConfig>, InvalidTls> {
    let crypto = Arc::new(rustls::crypto::ring::default_provider());
    let chain = certificates(files.certificates).ok_or(InvalidTls(
        "the certificate file contains no readable PEM certificate",
    ))?;
    let key = PrivateKeyDer::from_pem_slice(files.key)
        .map_err(|_| InvalidTls("the key file contains no readable PEM private key"))?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&crypto))
        .with_safe_default_protocol_versions()
        .map_err(|_| InvalidTls("TLS cannot be set up"))?;
    let builder = match files.client_ca {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            const UNREADABLE: InvalidTls =
                InvalidTls("the client CA file contains no readable PEM certificate");
            let mut roots = RootCertStore::empty();
            for authority in certificates(pem).ok_or(UNREADABLE)? {
                roots.add(authority).map_err(|_| UNREADABLE)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), crypto);
            builder.with_client_cert_verifier(verifier.build().map_err(|_| UNREADABLE)?)
        }
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|_| InvalidTls("the key does not match the certificate, or its type is not supported"))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    certificates.ok().filter(|found| !found.is_empty())
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// The error for certificates or a key that TLS cannot use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidTls(&'static str);

impl fmt::Display for InvalidTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidTls {}
