//! LDIF: the entries of a test directory, and the tools that load them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use base64ct::{Base64, Encoding as _};

use crate::real_servers::servers::{Result, run};

/// Attributes with one value each.
pub(crate) type Values = &'static [(&'static str, &'static str)];

/// Entries and modifications, as text.
#[derive(Debug, Default)]
pub(crate) struct Ldif(pub(crate) String);

impl Ldif {
    /// An entry.
    pub(crate) fn add(&mut self, dn: &str, attributes: &[(&str, &str)]) {
        let _ = writeln!(self.0, "dn: {dn}");
        for (name, value) in attributes {
            let _ = writeln!(self.0, "{name}: {value}");
        }
        self.0.push('\n');
    }

    /// New values for attributes of an entry.
    pub(crate) fn replace(&mut self, dn: &str, attributes: &[(&str, &str)]) {
        let _ = writeln!(self.0, "dn: {dn}\nchangetype: modify");
        for (name, value) in attributes {
            let _ = writeln!(self.0, "replace: {name}\n{name}: {value}\n-");
        }
        self.0.push('\n');
    }

    /// Applies it over LDAP.
    pub(crate) fn apply(&self, folder: &Path, ldaps_url: &str, bind_dn: &str, password: &str) -> Result<()> {
        let file = folder.join("apply.ldif");
        fs::write(&file, &self.0)?;
        run(Command::new("ldapmodify")
            .env("LDAPTLS_CACERT", folder.join("ca.pem"))
            .args(["-a", "-x", "-H", ldaps_url, "-D", bind_dn, "-w", password, "-f"])
            .arg(file))
    }
}

/// A value of `unicodePwd`, in base64.
pub(crate) fn unicode_password(password: &str) -> String {
    let bytes: Vec<u8> = format!("\"{password}\"")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    Base64::encode_string(&bytes)
}
