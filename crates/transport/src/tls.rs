//! Whom to trust. Verification cannot be switched off.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::BaseUrl;

/// The authorities whose certificates are trusted: the operating system's, and any added ones.
#[derive(Clone, Default)]
pub struct TrustedRoots {
    extra: Vec<CertificateDer<'static>>,
}

impl TrustedRoots {
    /// Trusts the authorities in this PEM file's text as well.
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

    // Reads the system's store, so it is done for the first https request only.
    pub(crate) fn client_config(&self, base_url: &BaseUrl) -> Result<ClientConfig, String> {
        let mut roots = RootCertStore::empty();
        if !base_url.is_https() {
            // Plain http to this machine: nothing is verified because nothing is encrypted.
            return config(roots);
        }
        let system = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(system.certs);
        roots.add_parsable_certificates(self.extra.iter().cloned());
        if roots.is_empty() {
            return Err(
                "no trusted certificate authority was found on this system; install its CA \
                        certificates or set `tls.ca_file`"
                    .to_owned(),
            );
        }
        config(roots)
    }
}

fn config(roots: RootCertStore) -> Result<ClientConfig, String> {
    // Named here because aws-lc-rs spends some 20 ms on entropy at its first use.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

impl fmt::Debug for TrustedRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustedRoots(system + {})", self.extra.len())
    }
}

/// A text that holds no readable CA certificate, or an unreadable one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidCa;

impl fmt::Display for InvalidCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("holds no readable PEM certificate, or one that is damaged")
    }
}

impl std::error::Error for InvalidCa {}
