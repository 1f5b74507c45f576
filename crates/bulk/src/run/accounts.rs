//! The accounts that a run has changed, at providers where a user may have several names.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use repass_domain::UserKey;
use tokio::sync::Notify;

use crate::input::SeenUsers;

/// The line that changes each account. Only a look-up shows that two names are one account. The later line is the
/// duplicate, so a line waits for the look-ups of earlier lines.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    state: Mutex<Inner>,
    looked_up: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    seen: SeenUsers,
    /// Lines whose look-ups are in flight.
    looking: BTreeSet<u64>,
}

impl Accounts {
    /// Adds an account that an earlier session has changed.
    pub(super) fn load(&self, provider: &str, account: &UserKey, line: u64) {
        self.state().seen.first_line(provider, account, line);
    }

    /// Registers a look-up. Must be called in the order of the lines.
    pub(super) fn begin(self: &Arc<Self>, line: u64) -> AccountLookup {
        self.state().looking.insert(line);
        let accounts = Arc::clone(self);
        AccountLookup { accounts, line }
    }

    fn state(&self) -> MutexGuard<'_, Inner> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The look-up of a line, which ends on drop.
#[derive(Debug)]
pub(super) struct AccountLookup {
    accounts: Arc<Accounts>,
    line: u64,
}

impl AccountLookup {
    /// Claims the account for this line; returns the line that claimed it before, if there is one.
    pub(super) async fn claim(self, provider: &str, account: &UserKey) -> Option<u64> {
        loop {
            let looked_up = self.accounts.looked_up.notified();
            {
                let mut state = self.accounts.state();
                if state.looking.first() == Some(&self.line) {
                    let first = state.seen.first_line(provider, account, self.line);
                    return first.filter(|first| *first != self.line);
                }
            }
            looked_up.await;
        }
    }
}

impl Drop for AccountLookup {
    fn drop(&mut self) {
        self.accounts.state().looking.remove(&self.line);
        self.accounts.looked_up.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn duplicate_account_is_the_later_line_for_any_order_of_lookups() {
        let (accounts, account) = (Arc::new(Accounts::default()), UserKey::of("ann@example.com"));
        let [second, third, fourth] = [2, 3, 4].map(|line| accounts.begin(line));
        let slow = async {
            tokio::task::yield_now().await;
            second.claim("portal", &account).await
        };
        let failed = async {
            tokio::task::yield_now().await;
            drop(third);
        };
        let (fourth, (), second) = tokio::join!(fourth.claim("portal", &account), failed, slow);
        assert_eq!((second, fourth), (None, Some(2)));
        // Again, and in a later session.
        assert_eq!(accounts.begin(2).claim("portal", &account).await, None);
        assert_eq!(accounts.begin(1).claim("other", &account).await, None);
        let later = Arc::new(Accounts::default());
        later.load("portal", &account, 2);
        assert_eq!(later.begin(9).claim("portal", &account).await, Some(2));
    }
}
