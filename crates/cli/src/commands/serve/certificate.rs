//! The sidecar's certificate, from files that may change.

use std::fs::File;
use std::future::pending;
use std::path::{Path, PathBuf};

use repass_sidecar::{Tls, TlsFiles};
use zeroize::Zeroizing;

use super::watched::Watched;
use crate::stop::Stop;
use repass::secrets::{OpenError, open_private, open_trusted, read_at_most};

// Far above any chain there is.
const MAX_BYTES: usize = 1 << 20;
/// A certificate, its key and the authority of the clients, with the files that they come from.
pub(super) struct Certificate {
    tls: Tls,
    chain: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
    watched: Watched,
}

struct Read {
    chain: Zeroizing<Vec<u8>>,
    key: Zeroizing<Vec<u8>>,
    client_ca: Option<Zeroizing<Vec<u8>>>,
}

impl Read {
    fn new(chain: &Path, key: &Path, client_ca: Option<&Path>) -> Result<Self, Stop> {
        let trusted = |path: &Path| {
            open_trusted(path).map_err(|refused| match refused {
                OpenError::Io(error) => Stop::usage(format!("cannot open {}: {error}", path.display())),
                OpenError::Unsuitable(why) => Stop::usage(format!("{} {why}", path.display())),
            })
        };
        let open = |path: &Path| {
            File::open(path).map_err(|error| Stop::usage(format!("cannot open {}: {error}", path.display())))
        };
        Ok(Self {
            chain: whole(open(chain)?, chain)?,
            key: whole(open_private(key).map_err(Stop::usage)?, key)?,
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

fn whole(mut file: File, path: &Path) -> Result<Zeroizing<Vec<u8>>, Stop> {
    let shown = path.display();
    match read_at_most(&mut file, MAX_BYTES) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(Stop::usage(format!(
            "{shown} is too large to be a certificate or key"
        ))),
        Err(error) => Err(Stop::usage(format!("cannot read {shown}: {error}"))),
    }
}

impl Certificate {
    pub(super) fn load(chain: PathBuf, key: PathBuf, client_ca: Option<PathBuf>) -> Result<Self, Stop> {
        let watched = Watched::new(
            [Some(&chain), Some(&key), client_ca.as_ref()]
                .into_iter()
                .flatten()
                .cloned(),
        );
        let read = Read::new(&chain, &key, client_ca.as_deref())?;
        let tls = Tls::new(&read.files()).map_err(|invalid| Stop::usage(format!("TLS: {invalid}")))?;
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

    /// Whether clients must have a certificate too.
    pub(super) fn asks_clients(&self) -> bool {
        self.client_ca.is_some()
    }

    /// Waits for the files to change, and takes up what they hold then. Without a certificate this never ends.
    pub(super) async fn changed(certificate: Option<&Self>) -> Result<(), Stop> {
        let Some(certificate) = certificate else {
            return pending().await;
        };
        certificate.watched.changed().await;
        certificate.reload()
    }

    fn reload(&self) -> Result<(), Stop> {
        let read = Read::new(&self.chain, &self.key, self.client_ca.as_deref())?;
        let replaced = self.tls.replace(&read.files());
        replaced.map_err(|invalid| Stop::usage(format!("TLS: {invalid}")))
    }
}
