//! Debian packages.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::servers::{Result, identity, run};

/// Makes sure that these packages are installed. Their daemons are not started.
///
/// # Errors
/// If one is missing and this user cannot install it.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let missing: Vec<&str> = packages
        .iter()
        .copied()
        .filter(|name| !is_installed(name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    if identity("-u")? != "0" {
        return Err(format!(
            "packages are missing and only root can install them: apt-get install {}",
            missing.join(" ")
        )
        .into());
    }
    let _policy = StartPolicy::forbid()?;
    run(Command::new("apt-get").args(["update", "-qq"]))?;
    run(Command::new("apt-get")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(missing))
}

fn is_installed(package: &str) -> bool {
    let output = Command::new("dpkg-query")
        .args(["-W", "-f=${db:Status-Status}", package])
        .output();
    output.is_ok_and(|output| output.stdout == b"installed")
}

/// Keeps packages from starting daemons as they are installed. A policy of the machine stays as it is; ours goes when
/// this is dropped.
struct StartPolicy {
    is_ours: bool,
}

impl StartPolicy {
    const FILE: &str = "/usr/sbin/policy-rc.d";

    fn forbid() -> Result<Self> {
        if Path::new(Self::FILE).exists() {
            return Ok(Self { is_ours: false });
        }
        let mut file = File::create_new(Self::FILE)?;
        file.write_all(b"#!/bin/sh\nexit 101\n")?;
        file.set_permissions(fs::Permissions::from_mode(0o755))?;
        Ok(Self { is_ours: true })
    }
}

impl Drop for StartPolicy {
    fn drop(&mut self) {
        if self.is_ours {
            // If it stays, daemons of later installations are not started either.
            let _ = fs::remove_file(Self::FILE);
        }
    }
}
