//! Finding the user, and what is read of the entry before a change.

use std::time::{Duration, SystemTime};

use repass_domain::{ErrorKind, PriorState, UserId, UserKey};
use repass_provider::Classification;
use repass_transport::ldap::{Entry, Filter, Reply, Scope, Search, code};

use crate::dialect::Dialect;

/// Written with every change of an entry, to the microsecond, by OpenLDAP.
pub(crate) const ENTRY_CSN: &str = "entryCSN";
/// Counts the changes of a password, in Active Directory.
pub(crate) const KEY_VERSION: &str = "msDS-KeyVersionNumber";
/// When the password was set, in Active Directory.
pub(crate) const PASSWORD_SET: &str = "pwdLastSet";
/// Is 1 for a protected account, in Active Directory: an administrator's, now or once.
pub(crate) const ADMIN_COUNT: &str = "adminCount";
/// Increases with every write of an entry, at a 389 Directory Server with the USN plug-in.
pub(crate) const ENTRY_USN: &str = "entryusn";

/// Searches for a user by an equality: there is no filter string to escape.
pub(crate) fn search<'a>(
    base: &'a str,
    attribute: &'a str,
    user: &'a UserId,
    dialect: Dialect,
    marker_attribute: Option<&'a str>,
) -> Search<'a> {
    let mut attributes = match dialect {
        Dialect::ActiveDirectory => vec![
            KEY_VERSION,
            PASSWORD_SET,
            "objectClass",
            "sAMAccountName",
            "displayName",
            "userAccountControl",
            "msDS-User-Account-Control-Computed",
            "accountExpires",
            ADMIN_COUNT,
            "msDS-ResultantPSO",
        ],
        Dialect::PasswordModify => vec![ENTRY_CSN, "pwdPolicySubentry", "pwdChangedTime"],
        Dialect::Directory389 => vec![
            ENTRY_USN,
            "pwdpolicysubentry",
            "nsAccountLock",
            "passwordAllowChangeTime",
        ],
    };
    attributes.push(attribute);
    attributes.extend(marker_attribute);
    Search {
        base,
        scope: Scope::Subtree,
        size_limit: 2,
        filter: Filter::Equality(attribute, user.expose().as_bytes()),
        attributes,
    }
}

/// What a server records of an entry, by which a later write can be seen.
fn records(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::ActiveDirectory => &[KEY_VERSION, PASSWORD_SET],
        Dialect::PasswordModify => &[ENTRY_CSN],
        Dialect::Directory389 => &[ENTRY_USN],
    }
}

/// Reads the records of one entry again.
pub(crate) fn again(dn: &str, dialect: Dialect) -> Search<'_> {
    Search {
        base: dn,
        scope: Scope::Base,
        size_limit: 1,
        filter: Filter::Present("objectClass"),
        attributes: records(dialect).to_vec(),
    }
}

/// The key of a user: directories compare names in any letter case.
pub(crate) fn user_key(user: &UserId) -> UserKey {
    UserKey::exact(&user.key().expose().to_lowercase())
}

// A directory finds more than the name: at Windows `bjorn` is `björn` too, who may be somebody else.
fn named(entry: Entry, attribute: &str, user: &UserId) -> Result<Entry, Classification> {
    let name = |value: &[u8]| std::str::from_utf8(value).ok()?.parse::<UserId>().ok();
    let mut names = entry.values(attribute).peekable();
    if names.peek().is_none() {
        return Err(Classification::rejected(ErrorKind::PermissionDenied).with_hint(
            "the service account may not read `login_attribute`, so nothing proves whose entry was found",
        ));
    }
    if names
        .filter_map(name)
        .any(|name| user_key(&name) == user_key(user))
    {
        return Ok(entry);
    }
    Err(Classification::rejected(ErrorKind::InvalidRequest)
        .with_hint("the directory finds a user of another name; name the user exactly as the directory does"))
}

/// The one entry that was found, which has this name.
pub(crate) fn read(
    entries: Vec<Entry>,
    reply: &Reply,
    attribute: &str,
    user: &UserId,
) -> Result<Entry, Classification> {
    let several = || {
        Classification::rejected(ErrorKind::InvalidRequest)
            .with_hint("several users have this name in the directory; name the user by something unique")
    };
    match reply.result.code {
        code::SUCCESS => {}
        // More than the two that were asked for.
        4 if entries.len() > 1 => return Err(several()),
        code::NO_SUCH_OBJECT => {
            return Err(Classification::rejected(ErrorKind::Misconfigured)
                .with_hint("there is no entry `user_base`, or the service account may not see it"));
        }
        code::REFERRAL => {
            return Err(Classification::rejected(ErrorKind::Misconfigured).with_hint(
                "the server does not hold `user_base` and names another server; set `url` to that one",
            ));
        }
        code::INVALID_DN_SYNTAX | code::INVALID_ATTRIBUTE_SYNTAX => {
            return Err(Classification::rejected(ErrorKind::Misconfigured).with_hint("`user_base` is no DN"));
        }
        code::INSUFFICIENT_ACCESS_RIGHTS | code::OPERATIONS_ERROR => {
            return Err(Classification::rejected(ErrorKind::PermissionDenied)
                .with_hint("the service account may not search below `user_base`"));
        }
        code::BUSY | code::UNAVAILABLE => return Err(Classification::rejected(ErrorKind::ProviderFault)),
        _ => return Err(Classification::rejected(ErrorKind::UnexpectedAnswer)),
    }
    let mut entries = entries.into_iter();
    match (entries.next(), entries.next()) {
        (Some(entry), None) => named(entry, attribute, user),
        (None, _) => Err(Classification::rejected(ErrorKind::UserNotFound)),
        (Some(_), Some(_)) => Err(several()),
    }
}

const SERVER: &str = "server";

/// The records of an entry before a change, and the server that they are of; empty where a server has none.
pub(crate) fn prior_state(entry: &Entry, server: &str, dialect: Dialect) -> PriorState {
    let read = records(dialect)
        .iter()
        .filter_map(|name| Some((*name, entry.text(name)?)));
    let state = read.fold(PriorState::default(), |state, (name, value)| {
        state.with(name, value)
    });
    if state.is_empty() {
        return state;
    }
    state.with(SERVER, server)
}

/// The writes of a password since its records were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writes {
    /// None, for certain.
    None,
    /// One, by this change or by another.
    One,
    /// Several, so at least one by another.
    Several,
    /// There is nothing to compare.
    Unknown,
}

/// Compares the records of an entry before a change with those of now. Only at a domain controller, which has a name, or
/// if the operator says that there is but one server, are they of one server for certain.
pub(crate) fn writes_since(
    before: &PriorState,
    now: &PriorState,
    dialect: Dialect,
    is_one_server: bool,
) -> Writes {
    let both = |name| before.get(name).zip(now.get(name));
    // Another server may have other changes, and not have this one yet.
    if both(SERVER).is_none_or(|(before, now)| before != now) {
        return Writes::Unknown;
    }
    match dialect {
        Dialect::ActiveDirectory => {
            let number = |text: &str| text.parse::<u64>().ok();
            let versions = both(KEY_VERSION).and_then(|(before, now)| number(before).zip(number(now)));
            match versions.and_then(|(before, now)| now.checked_sub(before)) {
                Some(0) => Writes::None,
                Some(1) => Writes::One,
                Some(_) => Writes::Several,
                // A restored backup, or no number.
                None => Writes::Unknown,
            }
        }
        // These change with any write of the entry.
        Dialect::PasswordModify | Dialect::Directory389 => {
            let record = records(dialect).iter().find_map(|name| both(name));
            match record {
                Some((before, now)) if before == now && is_one_server => Writes::None,
                _ => Writes::Unknown,
            }
        }
    }
}

/// A time as LDAP writes it: `20261127110000Z`, also with fractions of a second.
pub(crate) fn generalized_time(text: &str) -> Option<SystemTime> {
    let seconds = text.split(['.', 'Z']).next()?;
    let time = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", seconds).ok()?;
    let time = text
        .ends_with('Z')
        .then(|| time.to_zoned(jiff::tz::TimeZone::UTC))?;
    Some(time.ok()?.timestamp().into())
}

/// A time of Active Directory: units of 100 ns since 1601. `None` for none, and for never.
pub(crate) fn windows_time(ticks: i64) -> Option<SystemTime> {
    const UNIX_EPOCH_SECONDS: u64 = 11_644_473_600;
    let ticks = u64::try_from(ticks)
        .ok()
        .filter(|ticks| (1..u64::MAX / 4).contains(ticks))?;
    let since_1601 = Duration::from_nanos(ticks % 10_000_000 * 100) + Duration::from_secs(ticks / 10_000_000);
    let since_epoch = since_1601.checked_sub(Duration::from_secs(UNIX_EPOCH_SECONDS))?;
    SystemTime::UNIX_EPOCH.checked_add(since_epoch)
}

#[cfg(test)]
mod tests {
    use repass_transport::ldap::LdapResult;

    use super::*;

    fn reply(code: u32) -> Reply {
        Reply {
            result: LdapResult::new(code, ""),
            controls: vec![],
            has_value: false,
        }
    }

    #[test]
    fn user_is_found_only_if_one_entry_matches() {
        let entry = || Entry {
            dn: "uid=alice".to_owned(),
            attributes: vec![("UID".to_owned(), vec![b"other".to_vec(), b"Alice".to_vec()])],
        };
        let alice = "alice".parse().unwrap();
        let read = |entries, reply: &Reply| read(entries, reply, "uid", &alice);
        assert_eq!(read(vec![entry()], &reply(0)).unwrap().dn, "uid=alice");
        for (entries, code, kind) in [
            (vec![], 0, ErrorKind::UserNotFound),
            (vec![entry(), entry()], 0, ErrorKind::InvalidRequest),
            (vec![entry(), entry()], 4, ErrorKind::InvalidRequest),
            (vec![], 32, ErrorKind::Misconfigured),
            (vec![], 10, ErrorKind::Misconfigured),
            (vec![], 34, ErrorKind::Misconfigured),
            (vec![], 50, ErrorKind::PermissionDenied),
            (vec![], 51, ErrorKind::ProviderFault),
            (vec![entry()], 80, ErrorKind::UnexpectedAnswer),
        ] {
            assert_eq!(read(entries, &reply(code)).unwrap_err().kind, kind, "{code}");
        }
    }

    #[test]
    fn user_of_another_name_is_not_the_one_that_was_asked_for() {
        let entry = |names: &[&str]| Entry {
            dn: "cn=somebody".to_owned(),
            attributes: vec![(
                "sAMAccountName".to_owned(),
                names.iter().map(|name| name.as_bytes().to_vec()).collect(),
            )],
        };
        for (asked, names, kind) in [
            ("bjorn", &["bj\u{f6}rn"][..], Some(ErrorKind::InvalidRequest)),
            ("bj\u{f6}rn", &["BJ\u{d6}RN"], None),
            ("muller", &["m\u{fc}ller"], Some(ErrorKind::InvalidRequest)),
            ("alice", &[], Some(ErrorKind::PermissionDenied)),
        ] {
            let user = asked.parse().unwrap();
            let found = read(vec![entry(names)], &reply(0), "sAMAccountName", &user);
            assert_eq!(found.err().map(|why| why.kind), kind, "{asked}");
        }
    }

    fn state(entries: &[(&str, &str)]) -> PriorState {
        let entries = entries.iter();
        entries.fold(PriorState::default(), |state, (name, value)| {
            state.with(*name, *value)
        })
    }

    #[test]
    fn writes_are_counted_by_the_records_of_one_server() {
        let here = (SERVER, "10.0.0.1:636");
        let version = |number| state(&[(KEY_VERSION, number), here]);
        let csn = |micros: &str| state(&[(ENTRY_CSN, &format!("20261127082000.{micros}Z#000000")), here]);
        let elsewhere = state(&[(KEY_VERSION, "7"), (SERVER, "10.0.0.2:636")]);
        let ad = Dialect::ActiveDirectory;
        for (before, now, dialect, writes) in [
            (version("7"), version("7"), ad, Writes::None),
            (version("7"), version("8"), ad, Writes::One),
            (version("7"), version("9"), ad, Writes::Several),
            // A restored backup.
            (version("7"), version("6"), ad, Writes::Unknown),
            (version("7"), elsewhere, ad, Writes::Unknown),
            (state(&[]), version("7"), ad, Writes::Unknown),
            (
                csn("000001"),
                csn("000001"),
                Dialect::PasswordModify,
                Writes::None,
            ),
            // Any write of the entry counts, such as that of a failed bind.
            (
                csn("000001"),
                csn("000002"),
                Dialect::PasswordModify,
                Writes::Unknown,
            ),
            (state(&[]), state(&[]), Dialect::Directory389, Writes::Unknown),
            (
                state(&[(ENTRY_USN, "12"), here]),
                state(&[(ENTRY_USN, "12"), here]),
                Dialect::Directory389,
                Writes::None,
            ),
        ] {
            let since = |is_one_server| writes_since(&before, &now, dialect, is_one_server);
            assert_eq!(since(true), writes, "{before:?} {now:?}");
            // A domain controller has a name, other servers may be any behind one address.
            let known = dialect == ad || writes != Writes::None;
            assert_eq!(since(false), if known { writes } else { Writes::Unknown });
        }
    }

    #[test]
    fn generalized_time_is_read_in_utc_only() {
        let at = generalized_time("20261127110000.0Z").unwrap();
        assert_eq!(generalized_time("20261127110000Z"), Some(at));
        assert_eq!(
            jiff::Timestamp::try_from(at).unwrap().to_string(),
            "2026-11-27T11:00:00Z"
        );
        for other in [
            "",
            "Z",
            "20261127110000",
            "20261127110000+0100",
            "20261399110000Z",
        ] {
            assert_eq!(generalized_time(other), None, "{other}");
        }
    }

    #[test]
    fn windows_time_is_read() {
        let at = windows_time(133_485_408_000_000_000).unwrap();
        assert_eq!(
            jiff::Timestamp::try_from(at).unwrap().to_string(),
            "2024-01-01T00:00:00Z"
        );
        for never in [0, -1, i64::MIN, i64::MAX] {
            assert_eq!(windows_time(never), None, "{never}");
        }
    }
}
