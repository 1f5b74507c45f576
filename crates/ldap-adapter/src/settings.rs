//! Settings of directories.

use serde::Serialize;

/// Settings of an LDAP directory.
#[derive(Debug, Clone, Serialize)]
pub struct LdapSettings {
    /// Below which entry users are.
    pub user_base: String,
    /// The attribute that holds what users are named by.
    pub login_attribute: String,
    /// The entry of the default password policy, where the server names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_dn: Option<String>,
}

impl Default for LdapSettings {
    /// Users are named by `uid`.
    fn default() -> Self {
        Self {
            user_base: String::new(),
            login_attribute: "uid".to_owned(),
            policy_dn: None,
        }
    }
}

/// Settings of Active Directory.
#[derive(Debug, Clone, Serialize)]
pub struct ActiveDirectorySettings {
    /// Below which entry users are.
    pub user_base: String,
    /// The attribute that holds what users are named by.
    pub login_attribute: String,
    /// Whether a reset makes the user choose a new password at the next log-in.
    pub must_change: bool,
    /// Whether a reset unlocks the account.
    pub unlock: bool,
}

impl Default for ActiveDirectorySettings {
    /// Users are named by `sAMAccountName`; a reset changes the password only.
    fn default() -> Self {
        Self {
            user_base: String::new(),
            login_attribute: "sAMAccountName".to_owned(),
            must_change: false,
            unlock: false,
        }
    }
}

/// What is wrong with a base and an attribute, by key.
pub(crate) fn problems(user_base: &str, login_attribute: &str) -> Vec<(String, String)> {
    let mut problems = Vec::new();
    if !user_base.contains('=') {
        let what = "must be the DN below which users are, such as ou=people,dc=example,dc=com";
        problems.push(("user_base".to_owned(), what.to_owned()));
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if login_attribute.is_empty() || !login_attribute.chars().all(is_name) {
        let what = "must be the name of an attribute, such as uid or mail";
        problems.push(("login_attribute".to_owned(), what.to_owned()));
    }
    problems
}
