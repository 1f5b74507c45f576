//! Every row that a server can produce, made through repass and compared with the server's own records and binds.

use std::sync::Arc;

use repass::{CallContext, Error, Password, PasswordChange, PasswordService, Services};

use super::{Directory, DirectoryServer, SERVICE, START};
use crate::real_servers::servers::Result;

const GOOD: &str = "Fresh-Passw0rd-1";
const OTHER: &str = "Other-Passw0rd-2";
const UNUSED: &str = "Unused-Passw0rd-3";
const WRONG: &str = "Wrong-Passw0rd-7";
const LONG: &str = "Passw0rd-Passw0rd-Passw0rd-Passw0rd-Passw0rd-Passw0rd-Passw0rd-77";

/// User, current password of a change, new password, and how it ends: the error's kind and the rules, or nothing.
type Row = (
    &'static str,
    Option<&'static str>,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const SLAPD: &[Row] = &[
    ("user0", Some(START), GOOD, "", &[]),
    ("user0", Some(WRONG), OTHER, "wrong_current_password", &[]),
    ("user0", Some(GOOD), START, "password_refused", &["not_recent"]),
    (
        "user0",
        Some(GOOD),
        "short-1",
        "password_refused",
        &["min_length"],
    ),
    ("mustchange", Some(START), GOOD, "", &[]),
    ("grace", Some(START), GOOD, "", &[]),
    ("safemodify", Some(START), GOOD, "", &[]),
    ("expired", Some(START), GOOD, "not_eligible", &[]),
    ("expired", Some(WRONG), GOOD, "wrong_current_password", &[]),
    ("locked", Some(START), GOOD, "locked_out", &[]),
    ("nopassword", Some(WRONG), GOOD, "wrong_current_password", &[]),
    ("nochange", Some(START), GOOD, "not_eligible", &[]),
    ("minage", Some(START), GOOD, "password_refused", &["min_age"]),
    ("nobody", Some(START), GOOD, "user_not_found", &[]),
    ("hidden", Some(START), GOOD, "user_not_found", &[]),
    ("user1", None, GOOD, "", &[]),
    ("USER1", None, OTHER, "", &[]),
    ("user1", None, OTHER, "password_refused", &["not_current"]),
    ("user1", None, GOOD, "password_refused", &["not_recent"]),
    ("user1", None, "short-1", "password_refused", &["min_length"]),
    ("user1", None, LONG, "password_refused", &["max_length"]),
    (
        "user1",
        None,
        "{SSHA}c2FsdHNhbHQ=",
        "password_refused",
        &["other"],
    ),
    (
        "user1",
        None,
        "a-forbidden-word-1",
        "password_refused",
        &["other"],
    ),
    ("user1", None, "Ärger-Ünïcode-ß-€", "", &[]),
    ("expired", None, GOOD, "", &[]),
    ("locked", None, GOOD, "", &[]),
    ("nopassword", None, GOOD, "", &[]),
    ("nochange", None, GOOD, "", &[]),
    ("unchecked", None, "x", "", &[]),
    ("minage", None, GOOD, "password_refused", &["min_age"]),
    ("safemodify", None, OTHER, "misconfigured", &[]),
    ("device", None, GOOD, "not_eligible", &[]),
    ("nobody", None, GOOD, "user_not_found", &[]),
    ("hidden", None, GOOD, "user_not_found", &[]),
    ("a*)(uid=user0", None, GOOD, "user_not_found", &[]),
];

const DIRSRV: &[Row] = &[
    ("user0", Some(START), GOOD, "", &[]),
    ("user0", Some(WRONG), OTHER, "wrong_current_password", &[]),
    ("user0", Some(GOOD), START, "password_refused", &["not_recent"]),
    ("user0", Some(GOOD), GOOD, "password_refused", &["not_current"]),
    (
        "user0",
        Some(GOOD),
        "short-1",
        "password_refused",
        &["min_length"],
    ),
    (
        "user0",
        Some(GOOD),
        "lowercaseonly",
        "password_refused",
        &["character_categories"],
    ),
    ("mustchange", None, GOOD, "", &[]),
    ("mustchange", Some(GOOD), OTHER, "", &[]),
    ("grace", Some(START), GOOD, "", &[]),
    ("expired", Some(START), GOOD, "not_eligible", &[]),
    ("expired", Some(WRONG), GOOD, "wrong_current_password", &[]),
    ("locked", Some(START), GOOD, "locked_out", &[]),
    ("nochange", Some(START), GOOD, "not_eligible", &[]),
    ("minage", Some(START), GOOD, "password_refused", &["min_age"]),
    ("nobody", Some(START), GOOD, "user_not_found", &[]),
    ("user1", None, GOOD, "", &[]),
    ("user1", None, GOOD, "password_refused", &["not_current"]),
    ("user1", None, START, "password_refused", &["not_recent"]),
    ("user1", None, "short-1", "password_refused", &["min_length"]),
    (
        "user1",
        None,
        "Passw0rd-user1",
        "password_refused",
        &["not_user_data"],
    ),
    (
        "user1",
        None,
        "{SSHA}c2FsdHNhbHQ=",
        "password_refused",
        &["other"],
    ),
    ("user1", None, "Ärger-Ünïcode-1-€", "", &[]),
    (
        "categories",
        None,
        "Threecats1",
        "password_refused",
        &["character_categories"],
    ),
    ("rules", None, "NoDigit-Here", "password_refused", &["digit"]),
    (
        "rules",
        None,
        "no-upper-case-1",
        "password_refused",
        &["uppercase"],
    ),
    ("rules", None, "NoSpecial1Here", "password_refused", &["special"]),
    ("rules", None, "Repeat-1-aaaa", "password_refused", &["other"]),
    ("rules", None, "A-1bcdedcb1-A", "password_refused", &["other"]),
    (
        "rules",
        None,
        "X-45678-Yz",
        "password_refused",
        &["no_consecutive_run"],
    ),
    ("expired", None, GOOD, "", &[]),
    ("locked", None, GOOD, "", &[]),
    // No three letters of the name may be in it.
    ("nopassword", None, "Fresh-Secret-1", "", &[]),
    ("nochange", None, GOOD, "", &[]),
    ("unchecked", None, "x", "", &[]),
    ("minage", None, GOOD, "password_refused", &["min_age"]),
    ("nobody", None, GOOD, "user_not_found", &[]),
    ("a*)(uid=user0", None, GOOD, "user_not_found", &[]),
];

const SAMBA: &[Row] = &[
    ("user0", Some(START), GOOD, "", &[]),
    ("user0", Some(WRONG), OTHER, "wrong_current_password", &[]),
    (
        "user0",
        Some(GOOD),
        START,
        "password_refused",
        &["not_recent", "not_user_data"],
    ),
    ("user0", Some(GOOD), "Sh0-rt", "password_refused", &["min_length"]),
    (
        "user0",
        Some(GOOD),
        "onlyletters",
        "password_refused",
        &["character_categories"],
    ),
    ("mustchange", Some(START), GOOD, "", &[]),
    ("expired", Some(START), GOOD, "", &[]),
    ("disabled", Some(START), GOOD, "", &[]),
    ("nochange", Some(START), GOOD, "not_eligible", &[]),
    // By a policy that the service account cannot read.
    ("minage", Some(START), GOOD, "password_refused", &[]),
    ("nobody", Some(START), GOOD, "user_not_found", &[]),
    ("lock", Some(WRONG), GOOD, "wrong_current_password", &[]),
    ("lock", Some(WRONG), GOOD, "wrong_current_password", &[]),
    ("lock", Some(WRONG), GOOD, "wrong_current_password", &[]),
    ("lock", Some(START), GOOD, "locked_out", &[]),
    ("user1", None, GOOD, "", &[]),
    // A reset skips the history.
    ("USER1", None, GOOD, "", &[]),
    ("user1", None, "Sh0-rt", "password_refused", &["min_length"]),
    (
        "user1",
        None,
        "onlyletters",
        "password_refused",
        &["character_categories"],
    ),
    (
        "user1",
        None,
        "short",
        "password_refused",
        &["min_length", "character_categories"],
    ),
    ("user1", None, "Ärger-\"Ünïcode\"-1-€-😀", "", &[]),
    ("mustchange", None, OTHER, "", &[]),
    ("expired", None, OTHER, "", &[]),
    ("disabled", None, OTHER, "", &[]),
    ("accountexpired", None, GOOD, "", &[]),
    ("nochange", None, GOOD, "", &[]),
    ("minage", None, GOOD, "", &[]),
    ("long", None, GOOD, "password_refused", &[]),
    ("long", None, LONG, "", &[]),
    ("nobody", None, GOOD, "user_not_found", &[]),
];

/// Runs the rows; counts those that end otherwise than expected or than the server's records say.
pub(super) async fn run(directory: &Directory) -> Result<usize> {
    let server = directory.server;
    let rows = match server {
        DirectoryServer::Slapd => SLAPD,
        DirectoryServer::Dirsrv => DIRSRV,
        DirectoryServer::Samba => SAMBA,
    };
    let mut wrong = 0;
    let starts = format!("ldap://localhost:{}", directory.ldap_port);
    for (at, row) in rows.iter().enumerate() {
        // Both ways to TLS.
        let url = if at % 2 == 0 {
            &directory.ldaps_url()
        } else {
            &starts
        };
        let service = service(directory, url, server.service_dn(), SERVICE, "")?;
        wrong += usize::from(!is_as_expected(directory, &*service, *row).await?);
    }
    let account = |name: &str| server.service_dn().replacen("service", name, 1);
    let url = directory.ldaps_url();
    let powerless = service(directory, &url, &account("powerless"), SERVICE, "")?;
    let denied = ("user1", None, UNUSED, "permission_denied", &[] as &[_]);
    wrong += usize::from(!is_as_expected(directory, &*powerless, denied).await?);
    let stranger = service(directory, &url, server.service_dn(), WRONG, "")?;
    let rejected = ("user1", None, UNUSED, "unauthenticated", &[] as &[_]);
    wrong += usize::from(!is_as_expected(directory, &*stranger, rejected).await?);
    if server == DirectoryServer::Slapd {
        let bypass = service(directory, &url, &account("bypass"), SERVICE, "")?;
        let weak = ("user2", None, "x", "", &[] as &[_]);
        wrong += usize::from(!is_as_expected(directory, &*bypass, weak).await?);
    }
    println!(
        "  {:<13} {} answers, {wrong} wrong",
        server.name(),
        rows.len() + 2 + usize::from(server == DirectoryServer::Slapd)
    );
    Ok(wrong)
}

/// The service of this account by this URL, as a configuration describes it.
pub(super) fn service(
    directory: &Directory,
    url: &str,
    account: &str,
    password: &str,
    settings: &str,
) -> Result<Arc<dyn PasswordService>> {
    let section = section(directory, url, account, password, settings)?;
    let text = format!("[providers.directory]\n{section}");
    let services = Services::builder().toml(text).build()?;
    Ok(services.get("directory")?)
}

/// The lines of its section in a configuration.
pub(super) fn section(
    directory: &Directory,
    url: &str,
    account: &str,
    password: &str,
    settings: &str,
) -> Result<String> {
    let server = directory.server;
    let secret = directory.secret_file(password)?;
    let kind = match server {
        DirectoryServer::Samba => "kind = \"active-directory\"",
        DirectoryServer::Slapd => {
            "kind = \"ldap\"\npolicy_dn = \"cn=default,ou=policies,dc=example,dc=org\"\none_server = true\nserver_hashes = true"
        }
        DirectoryServer::Dirsrv => "kind = \"ldap\"\npolicy_dn = \"cn=config\"\none_server = true",
    };
    Ok(format!(
        "{kind}\nurl = \"{url}\"\nuser_base = \"{base}\"\nattempt_timeout = \"3s\"\n{settings}\
         tls = {{ ca_file = \"{authority}\" }}\n\
         auth = {{ kind = \"simple\", bind_dn = \"{account}\", password = {{ file = \"{secret}\" }} }}\n",
        base = server.user_base(),
        authority = directory.certificates.authority.display(),
    ))
}

async fn is_as_expected(
    directory: &Directory,
    service: &dyn PasswordService,
    (user, current, new, kind, rules): Row,
) -> Result<bool> {
    let change = request(user, current, new)?;
    let before = directory.password_record(user).await?;
    let result = service.change_password(&CallContext::default(), &change).await;
    let is_changed = directory.password_record(user).await? != before;
    let found = match &result {
        Ok(_) => (String::new(), vec![]),
        Err(error) => (error.kind().to_string(), codes(error)),
    };
    let is_expected = found.0 == kind && found.1 == rules;
    let is_true = result.is_ok() == is_changed && (!is_changed || directory.accepts(user, new).await?);
    if is_expected && is_true {
        return Ok(true);
    }
    let mode = if current.is_some() { "change" } else { "reset" };
    println!(
        "  {mode} of {user} to {new}: {result:?}, not {kind} {rules:?}; the server's record changed: {is_changed}: WRONG"
    );
    Ok(false)
}

pub(super) fn request(user: &str, current: Option<&str>, new: &str) -> Result<PasswordChange> {
    let (user, new) = (user.parse()?, Password::new(new)?);
    Ok(match current {
        Some(current) => PasswordChange::change(user, Password::new(current)?, new),
        None => PasswordChange::reset(user, new),
    })
}

fn codes(error: &Error) -> Vec<&'static str> {
    let violations = error.violations().iter();
    violations.map(|violation| violation.rule().code()).collect()
}
