//! A look at a user before a change, without a password.

use std::time::SystemTime;

use async_trait::async_trait;
use repass_domain::{CallContext, CallRedactor, Error, ErrorKind, PreflightService, UserId};
use repass_provider::Classification;
use repass_transport::ldap::Entry;

use crate::DirectoryService;
use crate::dialect::Dialect;
use crate::lookup::windows_time;

/// Why the user cannot log in after a reset either, as far as the entry shows it. An expired password is no reason, nor
/// is a lock that a reset removes.
pub(crate) fn problem(
    dialect: Dialect,
    entry: &Entry,
    now: SystemTime,
    unlocks: bool,
) -> Option<Classification> {
    const DISABLED: u32 = 0x2;
    const LOCKED: u32 = 0x10;
    let has = |attribute, flag| {
        entry
            .number::<u32>(attribute)
            .is_some_and(|flags| flags & flag != 0)
    };
    let not_eligible = |hint| Some(Classification::rejected(ErrorKind::NotEligible).with_hint(hint));
    match dialect {
        Dialect::ActiveDirectory => {
            let expires = entry.number("accountExpires").and_then(windows_time);
            if has("userAccountControl", DISABLED) {
                not_eligible("the user's account is disabled")
            } else if expires.is_some_and(|at| at <= now) {
                not_eligible("the user's account has expired")
            } else if has("msDS-User-Account-Control-Computed", LOCKED) && !unlocks {
                let locked = Classification::rejected(ErrorKind::LockedOut);
                Some(
                    locked.with_hint(
                        "the account is locked, and a reset does not unlock it; set `unlock = true`",
                    ),
                )
            } else {
                None
            }
        }
        Dialect::Directory389 => {
            let lock = entry.text("nsAccountLock");
            if lock.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
                not_eligible("the user's account is deactivated")
            } else {
                None
            }
        }
        // A reset removes its locks, and it has no others.
        Dialect::PasswordModify => None,
    }
}

#[async_trait]
impl PreflightService for DirectoryService {
    fn provider(&self) -> &str {
        self.name()
    }

    async fn preflight(&self, cx: &CallContext, user: &UserId) -> Result<(), Error> {
        let mapper = self.mapper(CallRedactor::for_nothing());
        let (session, found) = self.find(cx, &mapper, user).await?;
        session.close().await;
        match problem(found.dialect, &found.entry, found.now(), self.unlocks()) {
            Some(classification) => Err(self.refused(&mapper, classification)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_that_stays_closed_after_a_reset_is_rejected() {
        use Dialect::{ActiveDirectory, Directory389, PasswordModify};
        use ErrorKind::{LockedOut, NotEligible};

        let now = windows_time(133_485_408_000_000_000).unwrap();
        for (dialect, name, value, unlocks, kind) in [
            (
                ActiveDirectory,
                "userAccountControl",
                "514",
                false,
                Some(NotEligible),
            ),
            (ActiveDirectory, "userAccountControl", "512", false, None),
            (
                ActiveDirectory,
                "accountExpires",
                "133485408000000000",
                false,
                Some(NotEligible),
            ),
            (
                ActiveDirectory,
                "accountExpires",
                "133485408000000001",
                false,
                None,
            ),
            (ActiveDirectory, "accountExpires", "0", false, None),
            (
                ActiveDirectory,
                "accountExpires",
                "9223372036854775807",
                false,
                None,
            ),
            (
                ActiveDirectory,
                "msDS-User-Account-Control-Computed",
                "16",
                false,
                Some(LockedOut),
            ),
            (
                ActiveDirectory,
                "msDS-User-Account-Control-Computed",
                "16",
                true,
                None,
            ),
            (
                ActiveDirectory,
                "msDS-User-Account-Control-Computed",
                "8388608",
                false,
                None,
            ),
            (Directory389, "nsAccountLock", "TRUE", false, Some(NotEligible)),
            (Directory389, "nsAccountLock", "false", false, None),
            (
                PasswordModify,
                "pwdAccountLockedTime",
                "000001010000Z",
                false,
                None,
            ),
        ] {
            let entry = Entry {
                dn: String::new(),
                attributes: vec![(name.to_owned(), vec![value.as_bytes().to_vec()])],
            };
            let found = problem(dialect, &entry, now, unlocks).map(|classification| classification.kind);
            assert_eq!(found, kind, "{name} = {value}");
        }
    }
}
