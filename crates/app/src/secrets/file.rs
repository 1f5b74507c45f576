//! Files that hold secrets, and files whose word is law.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{OFlags, StatVfsMountFlags};

use super::access::{Facts, Kind, Process, acl};

/// Why a file of secrets or a trusted file was not opened.
#[derive(Debug)]
pub enum OpenError {
    /// The operating system could not open the file.
    Io(io::Error),
    /// The file is unsuitable: what is wrong and what to do, as the end of a sentence about the file.
    Unsuitable(String),
}

impl OpenError {
    fn of(self, path: &Path) -> String {
        match self {
            Self::Io(error) => format!("cannot open {}: {error}", path.display()),
            Self::Unsuitable(why) => format!("{} {why}", path.display()),
        }
    }
}

/// Opens a file that holds a secret, unless other users can read it.
///
/// It is judged by the open file, not by its name, so that nothing can be swapped in between.
///
/// # Errors
/// One line that says what is wrong with it and what to do: missing, a directory, open to others,
/// another user's.
pub fn open_private(path: &Path) -> Result<File, String> {
    let judge = |facts: &Facts, process: &Process| facts.for_secret(process, path);
    open(path, judge).map_err(|error| error.of(path))
}

/// Opens a file that others may read but must not be able to change. Such are a configuration, which starts programs
/// and says where passwords go, and certificate authorities.
///
/// # Errors
/// As [`open_private`].
pub fn open_trusted(path: &Path) -> Result<File, OpenError> {
    open(path, Facts::for_orders)
}

fn open(path: &Path, judge: impl Fn(&Facts, &Process) -> Result<(), String>) -> Result<File, OpenError> {
    // A pipe in a file's place must not make the opening wait for its other end.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(OpenError::Io)?;
    let facts = facts(&file, path).map_err(OpenError::Io)?;
    judge(&facts, &process()).map_err(OpenError::Unsuitable)?;
    if facts.kind == Kind::Pipe {
        rustix::fs::fcntl_setfl(&file, OFlags::empty()).map_err(|error| OpenError::Io(error.into()))?;
    }
    Ok(file)
}

fn facts(file: &File, path: &Path) -> io::Result<Facts> {
    let metadata = file.metadata()?;
    let kind = metadata.file_type();
    let kind = if kind.is_file() {
        Kind::File
    } else if kind.is_dir() {
        Kind::Other("a directory")
    } else if kind.is_fifo() && has_no_name(file) {
        Kind::Pipe
    } else if kind.is_fifo() {
        Kind::Other("a named pipe")
    } else {
        Kind::Other("a device or socket")
    };
    let mount = rustix::fs::fstatvfs(file.as_fd())?;
    let link = std::fs::symlink_metadata(path)
        .ok()
        .filter(std::fs::Metadata::is_symlink);
    Ok(Facts {
        kind,
        owner: metadata.uid(),
        group: metadata.gid(),
        mode: metadata.mode(),
        acl: list_of(file)?,
        is_on_read_only_mount: mount.f_flag.contains(StatVfsMountFlags::RDONLY),
        is_credential: is_credential(path),
        link_owner: link.map(|link| link.uid()),
    })
}

fn process() -> Process {
    let mut groups = rustix::process::getgroups().unwrap_or_default();
    groups.push(rustix::process::getegid());
    Process {
        user: rustix::process::geteuid().as_raw(),
        groups: groups.into_iter().map(rustix::process::Gid::as_raw).collect(),
    }
}

#[cfg(target_os = "linux")]
fn has_no_name(file: &File) -> bool {
    const PIPEFS: u64 = 0x5049_5045;
    rustix::fs::fstatfs(file).is_ok_and(|system| u64::try_from(system.f_type) == Ok(PIPEFS))
}

#[cfg(not(target_os = "linux"))]
fn has_no_name(_: &File) -> bool {
    false
}

#[cfg(target_os = "linux")]
fn list_of(file: &File) -> io::Result<Option<Vec<super::access::Entry>>> {
    use rustix::io::Errno;

    let unreadable = || io::Error::other("its access control list cannot be read");
    let mut bytes = vec![0; 4096];
    match rustix::fs::fgetxattr(file, "system.posix_acl_access", &mut bytes[..]) {
        Ok(length) => acl(&bytes[..length]).map(Some).ok_or_else(unreadable),
        // There is none, or it is no file that can have one. One that may not be read leaves the mode, whose group bits
        // are its mask.
        Err(
            Errno::NODATA
            | Errno::OPNOTSUPP
            | Errno::NOSYS
            | Errno::PERM
            | Errno::ACCESS
            | Errno::BADF
            | Errno::INVAL,
        ) => Ok(None),
        Err(_) => Err(unreadable()),
    }
}

#[cfg(not(target_os = "linux"))]
fn list_of(_: &File) -> io::Result<Option<Vec<super::access::Entry>>> {
    Ok(None)
}

fn is_credential(path: &Path) -> bool {
    let Some(folder) = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty()) else {
        return false;
    };
    match (std::fs::canonicalize(path), std::fs::canonicalize(folder)) {
        (Ok(path), Ok(folder)) => path.starts_with(folder),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::io::Read as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::PathBuf;

    use super::*;

    fn made(folder: &Path, mode: u32) -> PathBuf {
        let path = folder.join("file");
        fs::write(&path, "content").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_private_file_is_read_and_one_for_others_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut text = String::new();
        let path = made(folder.path(), 0o600);
        open_private(&path).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "content");
        made(folder.path(), 0o644);
        assert!(open_private(&path).unwrap_err().contains("chmod 600"));
        assert!(open_trusted(&path).is_ok());
        made(folder.path(), 0o664);
        assert!(open_trusted(&path).unwrap_err().of(&path).contains("chmod go-w"));
        let link = folder.path().join("link");
        symlink(&path, &link).unwrap();
        made(folder.path(), 0o600);
        assert!(open_private(&link).is_ok());
    }

    #[test]
    fn a_file_or_link_of_another_user_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = made(folder.path(), 0o600);
        let link = folder.path().join("link");
        symlink(&path, &link).unwrap();
        // Only root can give a file away.
        if std::os::unix::fs::lchown(&link, Some(65534), None).is_err() {
            return;
        }
        for why in [
            open_private(&link).unwrap_err(),
            open_trusted(&link).unwrap_err().of(&link),
        ] {
            assert!(why.contains("symbolic link of user 65534"), "{why}");
        }
        std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
        for why in [
            open_private(&path).unwrap_err(),
            open_trusted(&path).unwrap_err().of(&path),
        ] {
            assert!(why.contains("belongs to user 65534"), "{why}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_access_control_list_is_read_from_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = made(folder.path(), 0o600);
        let list = |user: u32| {
            let mut bytes = vec![2, 0, 0, 0];
            for (tag, rights, id) in [
                (1_u16, 6_u16, u32::MAX),
                (2, 4, user),
                (4, 0, u32::MAX),
                (16, 4, u32::MAX),
                (32, 0, u32::MAX),
            ] {
                bytes.extend(tag.to_le_bytes());
                bytes.extend(rights.to_le_bytes());
                bytes.extend(id.to_le_bytes());
            }
            bytes
        };
        let set = |user: u32| {
            let flags = rustix::fs::XattrFlags::empty();
            rustix::fs::setxattr(&path, "system.posix_acl_access", &list(user), flags)
        };
        let me = process().user;
        // A file system without such lists has nothing to test.
        if set(me).is_err() {
            return;
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(open_private(&path).is_ok());
        set(65533).unwrap();
        assert!(open_private(&path).unwrap_err().contains("setfacl -b"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_named_pipe_is_refused_at_once_and_a_shell_s_pipe_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fifo");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        for why in [
            open_private(&path).unwrap_err(),
            open_trusted(&path).unwrap_err().of(&path),
        ] {
            assert!(why.ends_with("is a named pipe, not a file"), "{why}");
        }
        let (reader, mut writer) = io::pipe().unwrap();
        let name = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
        let mut open = open_private(Path::new(&name)).unwrap();
        // What it gives comes later than the opening.
        let writing = std::thread::spawn(move || io::Write::write_all(&mut writer, b"later"));
        drop(reader);
        let mut text = String::new();
        open.read_to_string(&mut text).unwrap();
        writing.join().unwrap().unwrap();
        assert_eq!(text, "later");
    }

    #[test]
    fn a_directory_and_a_device_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            open_private(folder.path())
                .unwrap_err()
                .ends_with("is a directory, not a file")
        );
        assert!(
            open_private(Path::new("/dev/null"))
                .unwrap_err()
                .ends_with("is a device or socket, not a file")
        );
    }
}
