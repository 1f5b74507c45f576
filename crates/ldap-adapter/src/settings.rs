//! Settings of directories.

use serde::Serialize;

/// The settings of an LDAP directory: where its users are, and how it marks changes.
#[derive(Debug, Clone, Serialize)]
pub struct LdapSettings {
    /// The DN of the entry below which the users are.
    pub user_base: String,
    /// The attribute by which users are found: a call's user id must equal its value, such as `uid`.
    pub login_attribute: String,
    /// The DN of the default password policy's entry, where the server names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_dn: Option<String>,
    /// Whether `url` leads to a single server, which holds the users and takes their changes itself. So it is not a
    /// load balancer, nor a replica that passes changes on. Only then does an entry that is as it was prove that a
    /// change was not made.
    pub one_server: bool,
    /// Whether the server hashes a password that a Modify sets, which a marker needs. OpenLDAP does so with
    /// `ppolicy_hash_cleartext` only. 389 Directory Server always does.
    pub server_hashes: bool,
    /// How the directory marks the changes that the service account makes.
    #[serde(flatten)]
    pub markers: MarkerSettings,
}

/// How a directory marks the changes that the service account makes, so that a lost change can be recognized.
#[derive(Debug, Clone, Default, Serialize)]
pub struct MarkerSettings {
    /// The attribute of users that holds the id of the last change, written in the same operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker_attribute: Option<String>,
    /// Whether a change whose response was lost is sent once more, which the directory refuses if it has made it.
    pub exactly_once: bool,
}

impl Default for LdapSettings {
    /// Users are named by `uid`.
    fn default() -> Self {
        Self {
            user_base: String::new(),
            login_attribute: "uid".to_owned(),
            policy_dn: None,
            one_server: false,
            server_hashes: false,
            markers: MarkerSettings::default(),
        }
    }
}

/// The settings of Active Directory: where its users are, and what a reset does.
#[derive(Debug, Clone, Serialize)]
pub struct ActiveDirectorySettings {
    /// The DN of the entry below which the users are.
    pub user_base: String,
    /// The attribute by which users are found: a call's user id must equal its value, such as `sAMAccountName`.
    pub login_attribute: String,
    /// Whether a reset makes the user choose a new password at the next log-in.
    pub must_change: bool,
    /// Whether a reset unlocks the account.
    pub unlock: bool,
    /// How the directory marks the changes that the service account makes.
    #[serde(flatten)]
    pub markers: MarkerSettings,
}

impl Default for ActiveDirectorySettings {
    /// Users are named by `sAMAccountName`; a reset changes the password only.
    fn default() -> Self {
        Self {
            user_base: String::new(),
            login_attribute: "sAMAccountName".to_owned(),
            must_change: false,
            unlock: false,
            markers: MarkerSettings::default(),
        }
    }
}

/// What is wrong with a base, an attribute and markers, by key.
pub(crate) fn problems(
    user_base: &str,
    login_attribute: &str,
    markers: &MarkerSettings,
) -> Vec<(String, String)> {
    let mut problems = Vec::new();
    if !user_base.contains('=') {
        let what = "must be the DN below which users are, such as ou=people,dc=example,dc=com";
        problems.push(("user_base".to_owned(), what.to_owned()));
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let is_attribute = |name: &str| !name.is_empty() && name.chars().all(is_name);
    if !is_attribute(login_attribute) {
        let what = "must be the name of an attribute, such as uid or mail";
        problems.push(("login_attribute".to_owned(), what.to_owned()));
    }
    match &markers.marker_attribute {
        Some(name) if !is_attribute(name) => {
            let what = "must be the name of an attribute that nothing else writes, such as info";
            problems.push(("marker_attribute".to_owned(), what.to_owned()));
        }
        None if markers.exactly_once => {
            let what = "needs `marker_attribute`, which shows whose change was made";
            problems.push(("exactly_once".to_owned(), what.to_owned()));
        }
        _ => {}
    }
    problems
}
