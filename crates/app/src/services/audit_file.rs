//! The file in which changes are put on record.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::layers::{AuditRecord, AuditSink};

/// A file for records, one a line. It is made by the first record, and opened again when its name is no longer that of the
/// open file: removed, or moved away by a program that rotates logs.
#[derive(Debug)]
pub(super) struct AuditFile {
    path: PathBuf,
    open: Mutex<Option<File>>,
}

impl AuditFile {
    /// Records into this file, which may still have to be made.
    ///
    /// # Errors
    /// It could not be written. Nothing is made to find out.
    pub(super) fn new(path: &Path) -> Result<Self, String> {
        could_be_written(path).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            open: Mutex::default(),
        })
    }

    // For appending, and made for no one else to read: it names users.
    fn open(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;

            options.mode(0o600);
            // A pipe that no one reads is refused, instead of holding up the change and all others.
            let nonblocking = rustix::fs::OFlags::NONBLOCK.bits();
            options.custom_flags(i32::try_from(nonblocking).unwrap_or_default());
        }
        options.open(&self.path)
    }
}

impl AuditSink for AuditFile {
    fn write(&self, record: &AuditRecord) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = match open.take() {
            Some(file) if is_at(&file, &self.path) => file,
            _ => self.open()?,
        };
        file.write_all(&line)?;
        if is_gone(&file) {
            // Removed just now, with the record in it.
            file = self.open()?;
            file.write_all(&line)?;
        }
        *open = Some(file);
        Ok(())
    }
}

#[cfg(unix)]
fn could_be_written(path: &Path) -> io::Result<()> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};

    let may = |path: &Path, access| accessat(CWD, path, access, AtFlags::EACCESS).map_err(io::Error::from);
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => may(path, Access::WRITE_OK),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new("."));
            if !fs::metadata(folder)?.is_dir() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            may(folder, Access::WRITE_OK | Access::EXEC_OK)
        }
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn could_be_written(path: &Path) -> io::Result<()> {
    match OpenOptions::new().append(true).open(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether this name still is that of the file.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    let (Ok(open), Ok(named)) = (file.metadata(), fs::metadata(path)) else {
        return false;
    };
    (open.dev(), open.ino()) == (named.dev(), named.ino())
}

/// Whether it has no name any more.
#[cfg(unix)]
fn is_gone(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    file.metadata().is_ok_and(|open| open.nlink() == 0)
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(not(unix))]
fn is_gone(_: &File) -> bool {
    false
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::SystemTime;

    use uuid::Uuid;

    use super::*;
    use crate::layers::AuditEvent;

    fn record(user: &str) -> AuditRecord {
        AuditRecord {
            id: Uuid::new_v4(),
            at: SystemTime::now(),
            event: AuditEvent::Intent,
            operation: "reset",
            provider: "zoom".to_owned(),
            user: user.to_owned(),
            outcome: None,
            kind: None,
            tracking_id: None,
            table: None,
            grade: None,
        }
    }

    fn keep(file: &AuditFile, user: &str) {
        file.write(&record(user)).unwrap();
    }

    fn users(path: &Path) -> Vec<String> {
        let text = fs::read_to_string(path).unwrap();
        let user = |line| serde_json::from_str::<serde_json::Value>(line).unwrap()["user"].to_string();
        text.lines().map(user).collect()
    }

    #[test]
    fn it_is_made_by_the_first_record_and_made_again_where_it_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let file = AuditFile::new(&path).unwrap();
        assert!(!path.exists());
        keep(&file, "a");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        keep(&file, "b");
        fs::remove_file(&path).unwrap();
        keep(&file, "c");
        assert_eq!(users(&path), ["\"c\""]);
        let rotated = folder.path().join("audit.jsonl.1");
        fs::rename(&path, &rotated).unwrap();
        keep(&file, "d");
        assert_eq!(
            (users(&rotated), users(&path)),
            (vec!["\"c\"".into()], vec!["\"d\"".into()])
        );
        // Another file that has taken its name.
        fs::rename(&path, folder.path().join("audit.jsonl.2")).unwrap();
        fs::write(&path, "").unwrap();
        keep(&file, "e");
        assert_eq!(users(&path), ["\"e\""]);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(AuditFile::new(&path).unwrap_err().contains("cannot write"));
    }

    #[test]
    fn a_pipe_that_nobody_reads_holds_nothing_up() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let file = AuditFile::new(&pipe).unwrap();
        assert!(file.write(&record("a")).is_err());
    }

    #[test]
    fn where_it_cannot_be_made_is_found_out_without_making_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "mine").unwrap();
        for bad in [
            folder.path().join("none/audit"),
            file.join("audit"),
            folder.path().to_owned(),
        ] {
            assert!(AuditFile::new(&bad).is_err(), "{}", bad.display());
        }
        assert!(AuditFile::new(&file).is_ok());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(fs::read(&file).unwrap(), b"mine");
    }
}
