//! Files that hold secrets.

use std::fs::File;
use std::path::Path;

/// Opens a file that holds a secret.
///
/// It is judged by the open file, not by its name, so that nothing can be swapped in between.
///
/// # Errors
/// One line that says what is wrong with it and what to do: missing, a directory, open to others.
pub(crate) fn open_private(path: &Path) -> Result<File, String> {
    let shown = path.display();
    let file = File::open(path).map_err(|error| format!("cannot open {shown}: {error}"))?;
    let metadata = file
        .metadata()
        .map_err(|error| format!("cannot read {shown}: {error}"))?;
    if metadata.is_dir() {
        return Err(format!("{shown} is a directory, not a file"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;

        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(format!(
                "{shown} is open to others than its owner (mode {mode:03o}); run `chmod 600` on it"
            ));
        }
    }
    Ok(file)
}
