//! The address that the sidecar listens on, and whether it is safe.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use repass_sidecar::Listener;
use rustix::fs::Mode;
use rustix::process::umask;

use super::certificate::Certificate;
use crate::error::CliError;

/// `127.0.0.1:8788`, `[::1]:8788`, `unix:/run/repass/repass.sock`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ListenAddress {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err("a path must follow `unix:`".to_owned()),
                path => Ok(Self::Unix(path.into())),
            };
        }
        let address = text.parse().map(Self::Tcp);
        address
            .map_err(|_| "must be ADDRESS:PORT in numbers, such as 127.0.0.1:8788, or unix:/PATH".to_owned())
    }
}

/// A listener, its printed address, and the file of its socket.
pub(super) struct BoundListener {
    pub(super) listener: Listener,
    pub(super) shown: String,
    pub(super) socket: Option<SocketFile>,
}

impl ListenAddress {
    /// Checks that other machines can reach the address only with TLS and authentication.
    ///
    /// # Errors
    /// The missing options.
    pub(super) fn check(&self, is_encrypted: bool, is_known: bool) -> Result<(), CliError> {
        let address = match self {
            Self::Unix(_) if is_encrypted => {
                return Err(CliError::usage(
                    "a Unix socket does not support --tls-cert; omit it",
                ));
            }
            Self::Tcp(address) if !address.ip().is_loopback() => address,
            _ => return Ok(()),
        };
        let mut missing = Vec::new();
        if !is_encrypted {
            missing.push("--tls-cert and --tls-key");
        }
        if !is_known {
            missing.push("--token-file or --tls-client-ca");
        }
        if missing.is_empty() {
            return Ok(());
        }
        Err(CliError::usage(format!(
            "--listen {address} can be reached by other machines; also pass {}, or listen on 127.0.0.1 or a Unix \
             socket",
            missing.join(", and ")
        )))
    }

    /// Binds the listener.
    ///
    /// # Errors
    /// The address cannot be bound, or is in use.
    pub(super) async fn bind(&self, certificate: Option<&Certificate>) -> Result<BoundListener, CliError> {
        let failed = |what: &dyn std::fmt::Display, error: &io::Error| {
            CliError::usage(format!("cannot listen on {what}: {error}"))
        };
        match self {
            Self::Tcp(address) => {
                let listener = tokio::net::TcpListener::bind(address).await;
                let listener = listener.map_err(|error| failed(address, &error))?;
                let address = listener.local_addr().unwrap_or(*address);
                let (listener, scheme) = match certificate {
                    Some(certificate) => (Listener::Tls(listener, certificate.tls()), "https"),
                    None => (Listener::Tcp(listener), "http"),
                };
                Ok(BoundListener {
                    listener,
                    shown: format!("{scheme}://{address}"),
                    socket: None,
                })
            }
            Self::Unix(path) => {
                let listener = unix(path).map_err(|error| failed(&path.display(), &error))?;
                Ok(BoundListener {
                    listener: Listener::Unix(listener),
                    shown: format!("unix:{}", path.display()),
                    socket: Some(SocketFile(path.clone())),
                })
            }
        }
    }
}

/// The file of a Unix socket, removed on drop.
pub(super) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // If this fails, the next sidecar replaces the stale socket.
        let _ = fs::remove_file(&self.0);
    }
}

fn unix(path: &Path) -> io::Result<tokio::net::UnixListener> {
    remove_stale(path)?;
    // The umask keeps other users from connecting between bind and chmod.
    let before = umask(Mode::from_raw_mode(0o177));
    let bound = UnixListener::bind(path);
    umask(before);
    let listener = bound?;
    listener.set_nonblocking(true)?;
    tokio::net::UnixListener::from_std(listener)
}

// Removes the socket of a killed sidecar, but not of a running one.
fn remove_stale(path: &Path) -> io::Result<()> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> ListenAddress {
        text.parse().unwrap()
    }

    #[test]
    fn loopback_address_needs_no_tls_and_others_need_tls_and_token() {
        for here in ["127.0.0.1:0", "[::1]:80", "127.8.9.1:80", "unix:/run/x"] {
            assert!(place(here).check(false, false).is_ok(), "{here}");
        }
        for elsewhere in ["0.0.0.0:80", "[::]:80", "10.1.2.3:80", "192.168.0.1:0"] {
            let place = place(elsewhere);
            for (is_encrypted, is_known) in [(false, false), (false, true), (true, false)] {
                let refusal = place.check(is_encrypted, is_known).unwrap_err().lines().join("");
                assert_eq!(refusal.contains("--tls-cert"), !is_encrypted, "{refusal}");
                assert_eq!(refusal.contains("--token-file"), !is_known, "{refusal}");
            }
            assert!(place.check(true, true).is_ok());
        }
        for bad in ["unix:", "localhost:80", "127.0.0.1", ""] {
            assert!(bad.parse::<ListenAddress>().is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn unix_socket_is_private_and_replaces_only_a_stale_one() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sock");
        let first = unix(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(unix(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(first);
        drop(unix(&path).unwrap());
        fs::remove_file(&path).unwrap();
        fs::write(&path, "mine").unwrap();
        assert!(unix(&path).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    }
}
