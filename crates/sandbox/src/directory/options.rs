//! The options of an emulated directory.

use std::net::{Ipv4Addr, SocketAddr};

use secrecy::SecretString;

use crate::word_enum::word_enum;

word_enum! {
    /// The kind of directory server that is emulated.
    DirectoryKind {
        /// OpenLDAP's slapd with the password policy overlay.
        Slapd = "slapd",
        /// A domain controller of Active Directory.
        ActiveDirectory = "active-directory",
    }
}

word_enum! {
    /// Whose texts and codes an emulated Active Directory uses where they differ.
    DirectoryTexts {
        /// Windows Server: one code for all broken rules.
        Windows = "windows",
        /// Samba: the same code, and the rule in words.
        Samba = "samba",
    }
}

/// The options of an emulated directory server.
#[derive(Debug, Clone)]
pub struct DirectoryOptions {
    /// The kind of directory server that is emulated.
    pub kind: DirectoryKind,
    /// The address to listen on; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The number of numbered users, at most 999,999: `user000001` with the password
    /// [`numbered_password(1)`](crate::numbered_password), and so on.
    pub users: u32,
    /// The initial passwords of some users; a user who does not exist is created.
    pub seeded: Vec<(String, SecretString)>,
    /// Whose error texts an emulated Active Directory uses.
    pub texts: DirectoryTexts,
}

impl DirectoryOptions {
    /// Creates the default options for this kind: a free port of 127.0.0.1, no numbered users, and for Active Directory the
    /// error texts of Windows.
    pub fn new(kind: DirectoryKind) -> Self {
        Self {
            kind,
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            users: 0,
            seeded: Vec::new(),
            texts: DirectoryTexts::Windows,
        }
    }
}
