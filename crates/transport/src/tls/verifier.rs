//! Who vouches for a server: added authorities first, then the system's, which are read only when
//! they are needed.

use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};

use super::crypto;

/// rustls's own verification, by two sets of authorities. Reading a system's some 150 takes as long as the
/// rest of a single change, so it happens once a process, and at all only for servers that no added
/// authority vouches for.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) added: Option<Arc<WebPkiServerVerifier>>,
    pub(super) system: fn() -> Option<Arc<WebPkiServerVerifier>>,
}

static SYSTEM: OnceLock<Arc<WebPkiServerVerifier>> = OnceLock::new();

/// The system's, read at most once with success; `None` if it has none or they cannot be read now.
pub(super) fn system() -> Option<Arc<WebPkiServerVerifier>> {
    if let Some(read) = SYSTEM.get() {
        return Some(Arc::clone(read));
    }
    let read = by(rustls_native_certs::load_native_certs().certs).ok()?;
    Some(Arc::clone(SYSTEM.get_or_init(|| read)))
}

pub(super) fn system_is_read() -> bool {
    SYSTEM.get().is_some()
}

impl Verifier {
    pub(super) fn new(added: Vec<CertificateDer<'static>>) -> Result<Self, Error> {
        let added = if added.is_empty() { None } else { Some(by(added)?) };
        Ok(Self { added, system })
    }
}

pub(super) fn by(authorities: Vec<CertificateDer<'static>>) -> Result<Arc<WebPkiServerVerifier>, Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities);
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), crypto()).build();
    verifier.map_err(|error| Error::General(error.to_string()))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verify = |by: &WebPkiServerVerifier| {
            by.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        let unknown =
            |error: &Error| matches!(error, Error::InvalidCertificate(CertificateError::UnknownIssuer));
        let added = self.added.as_deref().map(verify);
        if let Some(Ok(verified)) = added {
            return Ok(verified);
        }
        let system = (self.system)().as_deref().map(verify);
        match (added, system) {
            (_, Some(Ok(verified))) => Ok(verified),
            // The one that knows the issuer knows what is wrong.
            (Some(Err(known)), _) if !unknown(&known) => Err(known),
            (_, Some(Err(error))) | (Some(Err(error)), None) => Err(error),
            (_, None) => Err(CertificateError::Other(OtherError(Arc::new(NoAuthorities))).into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = crypto().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = crypto().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        crypto().signature_verification_algorithms.supported_schemes()
    }
}

/// Neither the system nor the configuration has a certificate authority.
#[derive(Debug)]
pub(crate) struct NoAuthorities;

impl fmt::Display for NoAuthorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no certificate authority is known to this system")
    }
}

impl StdError for NoAuthorities {}
