//! The sidecar's certificate, from files that are reloaded when they change.

use std::fs::File;
use std::future::pending;
use std::path::{Path, PathBuf};

use repass_sidecar::{Tls, TlsFiles};
use zeroize::Zeroizing;

use super::watched_files::WatchedFiles;
use crate::error::CliError;
use repass::secrets::{OpenError, open_private, open_trusted, read_at_most};

// Far larger than any certificate chain.
const MAX_BYTES: usize = 1 << 20;
/// A certificate, its key and the clients' authority, with their files.
pub(super) struct Certificate {
    tls: Tls,
    chain: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
    watched: WatchedFiles,
}

struct CertificateBytes {
    chain: Zeroizing<Vec<u8>>,
    key: Zeroizing<Vec<u8>>,
    client_ca: Option<Zeroizing<Vec<u8>>>,
}

impl CertificateBytes {
    fn new(chain: &Path, key: &Path, client_ca: Option<&Path>) -> Result<Self, CliError> {
        let trusted = |path: &Path| {
            open_trusted(path).map_err(|refused| match refused {
                OpenError::Io(error) => CliError::usage(format!("cannot open {}: {error}", path.display())),
                OpenError::Unsuitable(why) => CliError::usage(format!("{} {why}", path.display())),
            })
        };
        let open = |path: &Path| {
            File::open(path)
                .map_err(|error| CliError::usage(format!("cannot open {}: {error}", path.display())))
        };
        Ok(Self {
            chain: whole(open(chain)?, chain)?,
            key: whole(open_private(key).map_err(CliError::usage)?, key)?,
            client_ca: client_ca.map(|path| whole(trusted(path)?, path)).transpose()?,
        })
    }

    fn files(&self) -> TlsFiles<'_> {
        TlsFiles {
            certificates: &self.chain,
            key: &self.key,
            client_ca: self.client_ca.as_ref().map(|pem| pem.as_slice()),
        }
    }
}

fn whole(mut file: File, path: &Path) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let shown = path.display();
    match read_at_most(&mut file, MAX_BYTES) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(CliError::usage(format!(
            "{shown} is too large to be a certificate or key"
        ))),
        Err(error) => Err(CliError::usage(format!("cannot read {shown}: {error}"))),
    }
}

impl Certificate {
    pub(super) fn load(chain: PathBuf, key: PathBuf, client_ca: Option<PathBuf>) -> Result<Self, CliError> {
        let watched = WatchedFiles::new(
            [Some(&chain), Some(&key), client_ca.as_ref()]
                .into_iter()
                .flatten()
                .cloned(),
        );
        let read = CertificateBytes::new(&chain, &key, client_ca.as_deref())?;
        let tls = Tls::new(&read.files()).map_err(|invalid| CliError::usage(format!("TLS: {invalid}")))?;
        Ok(Self {
            tls,
            chain,
            key,
            client_ca,
            watched,
        })
    }

    pub(super) fn tls(&self) -> Tls {
        self.tls.clone()
    }

    /// Whether clients must present a certificate.
    pub(super) fn requires_client_certificates(&self) -> bool {
        self.client_ca.is_some()
    }

    /// Waits for the files to change, and loads the new certificate. Never completes without a certificate.
    pub(super) async fn changed(certificate: Option<&Self>) -> Result<(), CliError> {
        let Some(certificate) = certificate else {
            return pending().await;
        };
        certificate.watched.changed().await;
        certificate.reload()
    }

    fn reload(&self) -> Result<(), CliError> {
        let read = CertificateBytes::new(&self.chain, &self.key, self.client_ca.as_deref())?;
        let replaced = self.tls.replace(&read.files());
        replaced.map_err(|invalid| CliError::usage(format!("TLS: {invalid}")))
    }
}
