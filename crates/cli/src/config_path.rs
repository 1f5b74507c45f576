//! Finds the configuration file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The file to read: the one named by an option or by `$REPASS_CONFIG`, else the first that exists. If there is
/// none, the paths that were tried.
pub(super) fn find(
    flag: Option<&Path>,
    variable: impl Fn(&str) -> Option<OsString>,
    exists: impl Fn(&Path) -> bool,
) -> Result<PathBuf, Vec<PathBuf>> {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    if let Some(named) = flag
        .map(Path::to_owned)
        .or_else(|| set("REPASS_CONFIG").map(PathBuf::from))
    {
        return Ok(named);
    }
    let home = || set("HOME").map(|home| PathBuf::from(home).join(".config"));
    let users = set("XDG_CONFIG_HOME").map(PathBuf::from).or_else(home);
    let places: Vec<PathBuf> = [
        Some(PathBuf::from("repass.toml")),
        users.map(|folder| folder.join("repass/config.toml")),
        Some(PathBuf::from("/etc/repass/config.toml")),
    ]
    .into_iter()
    .flatten()
    .collect();
    match places.iter().find(|place| exists(place)) {
        Some(found) => Ok(found.clone()),
        None => Err(places),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_path_is_the_first_that_exists() {
        let variables = |name: &str| {
            let value = match name {
                "REPASS_CONFIG" => "/var.toml",
                "XDG_CONFIG_HOME" => "/xdg",
                "HOME" => "/home/a",
                _ => return None,
            };
            Some(OsString::from(value))
        };
        let found = |flag: Option<&str>, hidden: &[&str], existing: &[&str]| {
            let variable = |name: &str| variables(name).filter(|_| !hidden.contains(&name));
            let exists = |path: &Path| existing.iter().any(|existing| Path::new(existing) == path);
            find(flag.map(Path::new), variable, exists).map(|path| path.display().to_string())
        };
        let all = [
            "repass.toml",
            "/xdg/repass/config.toml",
            "/home/a/.config/repass/config.toml",
            "/etc/repass/config.toml",
        ];
        assert_eq!(found(Some("f.toml"), &[], &all).unwrap(), "f.toml");
        assert_eq!(found(None, &[], &[]).unwrap(), "/var.toml");
        let hidden = ["REPASS_CONFIG"];
        assert_eq!(found(None, &hidden, &all).unwrap(), "repass.toml");
        assert_eq!(
            found(None, &hidden, &all[1..]).unwrap(),
            "/xdg/repass/config.toml"
        );
        assert_eq!(
            found(None, &hidden, &all[2..]).unwrap(),
            "/etc/repass/config.toml"
        );
        let hidden = ["REPASS_CONFIG", "XDG_CONFIG_HOME"];
        assert_eq!(
            found(None, &hidden, &all[1..]).unwrap(),
            "/home/a/.config/repass/config.toml"
        );
        assert_eq!(found(None, &hidden, &[]).unwrap_err().len(), 3);
    }
}
