//! A certificate authority for one run, and the server's certificate under it.

use std::error::Error;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// What makes a sandbox speak TLS.
pub(crate) struct Identity {
    pub(crate) acceptors: Acceptors,
    /// The authority's certificate, for clients to trust.
    pub(crate) ca_pem: String,
}

/// The ways to begin TLS.
#[derive(Clone)]
pub(crate) struct Acceptors {
    /// Anybody may connect.
    pub(crate) open: TlsAcceptor,
    /// Only clients with a certificate, which none has.
    pub(crate) mutual: TlsAcceptor,
}

/// Makes both certificates, valid for `localhost`, `127.0.0.1` and `::1`.
pub(crate) fn identity(expired: bool) -> Result<Identity, Box<dyn Error + Send + Sync>> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.distinguished_name
        .push(DnType::CommonName, "repass sandbox authority");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_certificate = ca.self_signed(&ca_key)?;
    let ca_pem = ca_certificate.pem();
    let issuer = Issuer::new(ca, ca_key);

    let key = KeyPair::generate()?;
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut server = CertificateParams::new(names)?;
    server
        .distinguished_name
        .push(DnType::CommonName, "repass sandbox");
    if expired {
        server.not_before = date_time_ymd(2020, 1, 1);
        server.not_after = date_time_ymd(2020, 12, 31);
    }
    let certificate = server.signed_by(&key, &issuer)?;

    let private = PrivateKeyDer::try_from(key.serialize_der())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(ca_certificate.der().clone())?;
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
    let acceptor = |clients: Arc<dyn ClientCertVerifier>| {
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![certificate.der().clone()], private.clone_key())?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok::<_, rustls::Error>(TlsAcceptor::from(Arc::new(config)))
    };
    Ok(Identity {
        acceptors: Acceptors {
            open: acceptor(Arc::new(NoClientAuth))?,
            mutual: acceptor(clients)?,
        },
        ca_pem,
    })
}
