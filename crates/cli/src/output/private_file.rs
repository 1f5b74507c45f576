//! Files that only their owner can read.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

const MODE: u32 = 0o600;

/// A file that is being written, readable and writable by its owner only (0600), whatever the umask.
/// A regular file is written under a temporary name and renamed by [`finish`](Self::finish), so that the former
/// content, mode and owner do not matter and no reader sees a partial file. Dropped without `finish`, it leaves the
/// former file unchanged. A device or pipe is written to directly.
#[derive(Debug)]
pub(crate) struct PrivateFile {
    out: Option<BufWriter<File>>,
    // The pending rename: from and to.
    rename: Option<(PathBuf, PathBuf)>,
}

impl PrivateFile {
    /// Writes to `path`, replacing an existing file.
    ///
    /// # Errors
    /// `path` is a symbolic link or a directory, or its folder cannot be written to.
    pub(crate) fn replace(path: &Path) -> io::Result<Self> {
        match fs::symlink_metadata(path) {
            Ok(there) if there.is_symlink() => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "it is a symbolic link; name the file itself",
                ));
            }
            Ok(there) if there.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(there) if is_stream(&there) => {
                let open = OpenOptions::new().write(true).open(path)?;
                return Ok(Self::new(open, None));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let mut name = OsString::from(".");
        name.push(path.file_name().ok_or(io::ErrorKind::InvalidInput)?);
        name.push(format!(".{}.tmp", uuid::Uuid::new_v4().simple()));
        let temporary = path.with_file_name(name);
        let file = create(&temporary)?;
        Ok(Self::new(file, Some((temporary, path.to_owned()))))
    }

    fn new(file: File, rename: Option<(PathBuf, PathBuf)>) -> Self {
        Self {
            out: Some(BufWriter::new(file)),
            rename,
        }
    }

    /// Flushes the file and renames it into place.
    ///
    /// # Errors
    /// A write failed; the former file is unchanged.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        if let Some(out) = self.out.take() {
            let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
            if self.rename.is_some() {
                file.sync_all()?;
            }
        }
        if let Some((temporary, path)) = &self.rename {
            fs::rename(temporary, path)?;
            self.rename = None;
        }
        Ok(())
    }
}

/// Writes a new private file. An existing file or link is left unchanged.
///
/// # Errors
/// `path` exists, or cannot be written.
pub(crate) fn write_new(path: &Path, text: &str) -> io::Result<()> {
    create(path)?.write_all(text.as_bytes())
}

/// Writes a private file, replacing an existing one.
///
/// # Errors
/// As [`PrivateFile::replace`] and [`PrivateFile::finish`].
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = PrivateFile::replace(path)?;
    file.write_all(text.as_bytes())?;
    file.finish()
}

// `create_new` follows no link. The mode is set again, because the umask can only take from the first.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(MODE).open(path)?;
    file.set_permissions(Permissions::from_mode(MODE))?;
    Ok(file)
}

fn is_stream(there: &fs::Metadata) -> bool {
    let kind = there.file_type();
    kind.is_char_device() || kind.is_fifo() || kind.is_socket()
}

impl Write for PrivateFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.as_mut().map_or(Ok(0), |out| out.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for PrivateFile {
    fn drop(&mut self) {
        if let Some((temporary, _)) = &self.rename {
            let _ = fs::remove_file(temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn private_file_replaces_a_public_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.csv");
        for existing in [None, Some(0o666), Some(0o400), Some(0o000)] {
            if let Some(existing) = existing {
                fs::write(&file, "old").unwrap();
                fs::set_permissions(&file, Permissions::from_mode(existing)).unwrap();
            }
            write(&file, "new").unwrap();
            assert_eq!(
                (mode(&file), &*fs::read_to_string(&file).unwrap()),
                (0o600, "new")
            );
            fs::remove_file(&file).unwrap();
        }
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn private_file_does_not_follow_symbolic_links() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link, dangling) = (
            folder.path().join("target"),
            folder.path().join("link"),
            folder.path().join("dangling"),
        );
        fs::write(&target, "kept").unwrap();
        symlink(&target, &link).unwrap();
        symlink(folder.path().join("nothing"), &dangling).unwrap();
        for path in [&link, &dangling] {
            let why = write(path, "new").unwrap_err().to_string();
            assert!(why.contains("symbolic link"), "{why}");
            assert!(write_new(path, "new").is_err());
        }
        assert_eq!(fs::read_to_string(&target).unwrap(), "kept");
        assert_eq!(names(folder.path()), ["dangling", "link", "target"]);
    }

    #[test]
    fn unfinished_private_file_leaves_the_former_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.csv");
        fs::write(&file, "old").unwrap();
        let mut half = PrivateFile::replace(&file).unwrap();
        half.write_all(b"half").unwrap();
        half.flush().unwrap();
        drop(half);
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        assert_eq!(names(folder.path()), ["report.csv"]);
    }

    #[test]
    fn private_file_writes_to_devices_and_rejects_directories() {
        write(Path::new("/dev/null"), "gone").unwrap();
        assert!(write(Path::new("/dev/full"), "no room").is_err());
        let folder = tempfile::tempdir().unwrap();
        let why = write(folder.path(), "x").unwrap_err();
        assert_eq!(why.kind(), io::ErrorKind::IsADirectory);
    }
}
