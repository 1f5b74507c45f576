//! Watches files for changes.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The polling interval.
const PACE: Duration = Duration::from_secs(1);

/// What identifies a version of each file: device and inode change when it is replaced, size and times when it is
/// written. `None` if the file is missing.
type FileStates = Vec<Option<[i64; 7]>>;

/// Files with their state when they were last read.
#[derive(Debug)]
pub(super) struct WatchedFiles {
    paths: Vec<PathBuf>,
    seen: Mutex<FileStates>,
}

impl WatchedFiles {
    /// Records the state of the files; call it before reading them, so that no change is missed.
    pub(super) fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let paths: Vec<PathBuf> = paths.into_iter().collect();
        let seen = Mutex::new(seen(&paths));
        Self { paths, seen }
    }

    /// Waits until a file differs from its last recorded state.
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
