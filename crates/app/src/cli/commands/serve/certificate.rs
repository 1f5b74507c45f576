//! The sidecar's certificate, from files that may change.

use std::fs::{self, File};
use std::future::pending;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use repass_sidecar::{Tls, TlsFiles};
use zeroize::Zeroizing;

use crate::cli::stop::Stop;
use crate::secret::{Refused, open_private, open_trusted, read_at_most};

// Far above any chain there is.
const MAX_BYTES: usize = 1 << 20;
/// How often it is looked whether a file has changed.
const PACE: Duration = Duration::from_secs(1);

type Seen = Vec<Option<(SystemTime, u64)>>;

/// A certificate, its key and the authority of the clients, with the files that they come from.
pub(super) struct Certificate {
    tls: Tls,
    chain: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
    seen: Mutex<Seen>,
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
                Refused::System(error) => Stop::usage(format!("cannot open {}: {error}", path.display())),
                Refused::Unfit(why) => Stop::usage(format!("{} {why}", path.display())),
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
        let seen = seen([Some(&chain), Some(&key), client_ca.as_ref()]);
        let read = Read::new(&chain, &key, client_ca.as_deref())?;
        let tls = Tls::new(&read.files()).map_err(|invalid| Stop::usage(format!("TLS: {invalid}")))?;
        Ok(Self {
            tls,
            chain,
            key,
            client_ca,
            seen: Mutex::new(seen),
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
        loop {
            tokio::time::sleep(PACE).await;
            let now = seen([
                Some(&certificate.chain),
                Some(&certificate.key),
                certificate.client_ca.as_ref(),
            ]);
            let mut seen = certificate.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if *seen != now {
                *seen = now;
                return certificate.reload();
            }
        }
    }

    fn reload(&self) -> Result<(), Stop> {
        let read = Read::new(&self.chain, &self.key, self.client_ca.as_deref())?;
        let replaced = self.tls.replace(&read.files());
        replaced.map_err(|invalid| Stop::usage(format!("TLS: {invalid}")))
    }
}

// A file that is not there for a moment is one that changes.
fn seen(paths: [Option<&PathBuf>; 3]) -> Seen {
    let seen = |path: &PathBuf| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    paths.into_iter().flatten().map(seen).collect()
}
