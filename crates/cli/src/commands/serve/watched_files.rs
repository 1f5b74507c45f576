//! Files that are read again when they change.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often it is looked whether a file has changed.
const PACE: Duration = Duration::from_secs(1);

/// By what a change is known: device and inode, for one that was replaced; size and times, for one that was
/// written. `None` for a file that is not there for a moment.
type FileStates = Vec<Option<[i64; 7]>>;

/// Some files, and how they were when they were last read.
#[derive(Debug)]
pub(super) struct WatchedFiles {
    paths: Vec<PathBuf>,
    seen: Mutex<FileStates>,
}

impl WatchedFiles {
    /// Call this before the files are read, so that no change is missed.
    pub(super) fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let paths: Vec<PathBuf> = paths.into_iter().collect();
        let seen = Mutex::new(seen(&paths));
        Self { paths, seen }
    }

    /// Waits until one of them is not as it was when this was last called.
    pub(super) async fn changed(&self) {
        loop {
            tokio::time::sleep(PACE).await;
            let now = seen(&self.paths);
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if *seen != now {
                *seen = now;
                return;
            }
        }
    }
}

fn seen(paths: &[PathBuf]) -> FileStates {
    let seen = |path: &PathBuf| {
        let there = fs::metadata(path).ok()?;
        Some([
            there.dev().cast_signed(),
            there.ino().cast_signed(),
            there.size().cast_signed(),
            there.mtime(),
            there.mtime_nsec(),
            there.ctime(),
            there.ctime_nsec(),
        ])
    };
    paths.iter().map(seen).collect()
}
