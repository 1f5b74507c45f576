//! Whom to trust. Verification cannot be switched off.

#[cfg(test)]
mod tests;
mod verifier;

use std::fmt;
use std::sync::{Arc, LazyLock};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::BaseUrl;
pub(crate) use verifier::NoAuthorities;
use verifier::Verifier;

/// The certificate authorities that are trusted: the operating system's, and any added ones.
#[derive(Clone, Default)]
pub struct TrustedRoots {
    extra: Vec<CertificateDer<'static>>,
}

impl TrustedRoots {
    /// Adds the certificate authorities in this PEM text.
    ///
    /// # Errors
    /// The text holds no readable certificate.
    pub fn with_pem(mut self, pem: &[u8]) -> Result<Self, InvalidCa> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let certificates = certificates.map_err(|_| InvalidCa)?;
        let mut probe = RootCertStore::empty();
        let (usable, _) = probe.add_parsable_certificates(certificates.iter().cloned());
        if usable == 0 || usable != certificates.len() {
            return Err(InvalidCa);
        }
        self.extra.extend(certificates);
        Ok(self)
    }

    /// Reads the system's authorities, if they are needed, on a thread that may block: a disk can hang.
    pub(crate) async fn read_ahead(&self) {
        if self.extra.is_empty() && !verifier::system_is_read() {
            // Whether it failed shows at the handshake, which reads them again.
            let _ = tokio::task::spawn_blocking(verifier::system).await;
        }
    }

    pub(crate) fn client_config(&self, base_url: &BaseUrl) -> Result<ClientConfig, String> {
        if base_url.is_https() {
            return self.verifying_config();
        }
        // Plain http to this machine: nothing is verified because nothing is encrypted.
        let builder = ClientConfig::builder_with_provider(crypto()).with_safe_default_protocol_versions();
        let none = builder
            .map_err(impossible)?
            .with_root_certificates(RootCertStore::empty());
        Ok(none.with_no_client_auth())
    }

    /// Creates a TLS client configuration that verifies every server by these authorities, with ring.
    ///
    /// # Errors
    /// TLS cannot be set up, for example because an added authority cannot be used.
    pub fn verifying_config(&self) -> Result<ClientConfig, String> {
        let verifier = Verifier::new(self.extra.clone()).map_err(impossible)?;
        let builder = ClientConfig::builder_with_provider(crypto()).with_safe_default_protocol_versions();
        let config = builder
            .map_err(impossible)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        Ok(config.with_no_client_auth())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn impossible(error: rustls::Error) -> String {
    format!("TLS cannot be set up: {error}")
}

// Named here because aws-lc-rs spends some 20 ms on entropy at its first use.
pub(crate) fn crypto() -> Arc<CryptoProvider> {
    static RING: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(rustls::crypto::ring::default_provider()));
    Arc::clone(&RING)
}

impl fmt::Debug for TrustedRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustedRoots(system + {})", self.extra.len())
    }
}

/// The error for a text that holds no readable CA certificate, or an unreadable one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidCa;

impl fmt::Display for InvalidCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("holds no readable PEM certificate, or one that is damaged")
    }
}

impl std::error::Error for InvalidCa {}
