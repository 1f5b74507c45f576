//! Which accounts a run has changed, at providers where a user may be named in more than one way.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use repass_domain::UserKey;
use tokio::sync::Notify;

use crate::input::SeenUsers;

/// The line by which each account is changed. That two names are one account may show only when they are looked up;
/// the later line is the duplicate, so a line waits for the look-ups of those before it that are being made.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    state: Mutex<Inner>,
    looked_up: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    seen: SeenUsers,
    /// Lines whose accounts are not known yet.
    looking: BTreeSet<u64>,
}

impl Accounts {
    /// Notes what an earlier session has changed.
    pub(super) fn load(&self, provider: &str, account: &UserKey, line: u64) {
        self.state().seen.first_line(provider, account, line);
    }

    /// A line whose account is about to be looked up. Lines begin in their order.
    pub(super) fn begin(self: &Arc<Self>, line: u64) -> AccountLookup {
        self.state().looking.insert(line);
        let accounts = Arc::clone(self);
        AccountLookup { accounts, line }
    }

    fn state(&self) -> MutexGuard<'_, Inner> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The look-up of a line. Dropped, it is over.
#[derive(Debug)]
pub(super) struct AccountLookup {
    accounts: Arc<Accounts>,
    line: u64,
}

impl AccountLookup {
    /// Takes the account for this line; the line that has it already, if another one does.
    pub(super) async fn found(self, provider: &str, account: &UserKey) -> Option<u64> {
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
    async fn the_later_line_is_the_duplicate_whichever_is_looked_up_first() {
        let (accounts, account) = (Arc::new(Accounts::default()), UserKey::of("ann@example.com"));
        let [second, third, fourth] = [2, 3, 4].map(|line| accounts.begin(line));
        let slow = async {
            tokio::task::yield_now().await;
            second.found("portal", &account).await
        };
        let failed = async {
            tokio::task::yield_now().await;
            drop(third);
        };
        let (fourth, (), second) = tokio::join!(fourth.found("portal", &account), failed, slow);
        assert_eq!((second, fourth), (None, Some(2)));
        // Once more, and in a later session.
        assert_eq!(accounts.begin(2).found("portal", &account).await, None);
        assert_eq!(accounts.begin(1).found("other", &account).await, None);
        let later = Arc::new(Accounts::default());
        later.load("portal", &account, 2);
        assert_eq!(later.begin(9).found("portal", &account).await, Some(2));
    }
}
