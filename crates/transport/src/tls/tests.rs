use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConnection, ServerConfig, ServerConnection, SupportedProtocolVersion};

use super::verifier::{NoAuthorities, Verifier, by};
use super::*;

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().der().clone();
    Authority {
        issuer: Issuer::new(params, key),
        certificate,
    }
}

impl Authority {
    /// A server's certificate for this name, and its key.
    fn server(&self, name: &str) -> (CertificateDer<'static>, KeyPair) {
        self.signed(&CertificateParams::new([name.to_owned()]).unwrap())
    }

    fn expired(&self, name: &str) -> (CertificateDer<'static>, KeyPair) {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        self.signed(&params)
    }

    fn signed(&self, params: &CertificateParams) -> (CertificateDer<'static>, KeyPair) {
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().der().clone(), key)
    }
}

type System = fn() -> Option<Arc<WebPkiServerVerifier>>;

const NONE: System = || None;
const UNREAD: System = || panic!("the system's authorities were not needed");

fn verifier(added: &[&Authority], system: System) -> Verifier {
    let added = added.iter().map(|it| it.certificate.clone()).collect();
    Verifier {
        system,
        ..Verifier::new(added).unwrap()
    }
}

const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

/// A whole handshake in memory, with a server that shows this certificate and signs with this key.
fn handshake(
    verifier: Verifier,
    certificate: &CertificateDer<'static>,
    key: &KeyPair,
    version: &'static SupportedProtocolVersion,
) -> Result<(), rustls::Error> {
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let key = crypto().key_provider.load_private_key(key)?;
    let shown = CertifiedKey::new(vec![certificate.clone()], key);
    let server = ServerConfig::builder_with_provider(crypto())
        .with_protocol_versions(&[version])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
    let client = ClientConfig::builder_with_provider(crypto())
        .with_protocol_versions(&[version])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    let name = ServerName::try_from("id.example.com").unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name)?;
    let mut server = ServerConnection::new(Arc::new(server))?;
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets()?;
        wire.clear();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    Ok(())
}

fn assert_refused(result: Result<(), rustls::Error>, why: &str) {
    let error = result.expect_err(why);
    assert!(format!("{error:?}").contains(why), "{error:?}, not {why}");
}

#[test]
fn trusted_roots_added_ca_works_without_system_roots() {
    let ours = authority("ours");
    let (certificate, key) = ours.server("id.example.com");
    for version in VERSIONS {
        handshake(verifier(&[&ours], UNREAD), &certificate, &key, version).unwrap();
    }
}

#[test]
fn trusted_roots_fall_back_to_the_systems() {
    static THEIRS: LazyLock<Authority> = LazyLock::new(|| authority("theirs"));
    let system: System = || by(vec![THEIRS.certificate.clone()]).ok();
    let (certificate, key) = THEIRS.server("id.example.com");
    for version in VERSIONS {
        handshake(
            verifier(&[&authority("ours")], system),
            &certificate,
            &key,
            version,
        )
        .unwrap();
        handshake(verifier(&[], system), &certificate, &key, version).unwrap();
    }
    let (other_name, key) = THEIRS.server("other.example.com");
    assert_refused(
        handshake(verifier(&[], system), &other_name, &key, VERSIONS[1]),
        "NotValidForName",
    );
}

#[test]
fn trusted_roots_unknown_ca_is_rejected() {
    let (ours, stranger) = (authority("ours"), authority("a stranger"));
    for version in VERSIONS {
        let refused = |(certificate, key): (CertificateDer<'static>, KeyPair), why: &str| {
            assert_refused(
                handshake(verifier(&[&ours], NONE), &certificate, &key, version),
                why,
            );
        };
        refused(stranger.server("id.example.com"), "UnknownIssuer");
        refused(ours.server("other.example.com"), "NotValidForName");
        refused(ours.expired("id.example.com"), "Expired");
        let (shown, _) = ours.server("id.example.com");
        refused((shown, KeyPair::generate().unwrap()), "BadSignature");
        let own = CertificateParams::new(["id.example.com".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = own.self_signed(&key).unwrap().der().clone();
        refused((certificate, key), "UnknownIssuer");
    }
}

#[test]
fn trusted_roots_missing_system_roots_are_reported() {
    let (certificate, key) = authority("nobody knows it").server("id.example.com");
    let result = handshake(verifier(&[], NONE), &certificate, &key, VERSIONS[1]);
    let Err(rustls::Error::InvalidCertificate(rustls::CertificateError::Other(why))) = result else {
        panic!("{result:?}");
    };
    assert!(why.0.is::<NoAuthorities>());
}
