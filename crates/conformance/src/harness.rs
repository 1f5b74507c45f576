//! A test environment with what every trial does in it.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use repass_domain::{ChangeMode, Password, PasswordChange, PasswordService};
use tokio::time::sleep;

use crate::{Fault, OracleCounts, Skip, Subject, SubjectMode, TestEnv};

/// How long stragglers of a call have to arrive at the oracle. Too short, and a fault of the service may go
/// unseen; nothing else.
const STRAGGLING: Duration = Duration::from_millis(20);

pub(crate) struct Harness {
    env: Box<dyn TestEnv>,
    mode: SubjectMode,
    pub(crate) service: Arc<dyn PasswordService>,
}

impl Harness {
    pub(crate) async fn new(subject: &dyn Subject) -> Self {
        let env = subject.env().await;
        let (mode, service) = (subject.mode(), env.service());
        Self { env, mode, service }
    }

    pub(crate) fn env(&self) -> &dyn TestEnv {
        &*self.env
    }

    pub(crate) async fn inject(&self, fault: Fault) -> Result<(), Skip> {
        match fault {
            Fault::None => Ok(()),
            _ => self.env.inject(fault).await,
        }
    }

    /// The counts once stragglers have arrived.
    pub(crate) async fn late_counts(&self) -> OracleCounts {
        sleep(STRAGGLING).await;
        self.env.counts().await
    }

    /// From password `n - 1` to password `n`, where 0 is the one at the start.
    pub(crate) fn change(&self, n: usize) -> PasswordChange {
        self.change_to(n, password(&self.env.password(n)))
    }

    /// The first change, with what stands for `{}` in `form` as its new password.
    pub(crate) fn untypeable(&self, form: &str) -> PasswordChange {
        self.change_to(1, password(&form.replace("{}", &self.env.password(1))))
    }

    fn change_to(&self, n: usize, new: Password) -> PasswordChange {
        match self.mode {
            SubjectMode::AdminReset => PasswordChange::reset(self.env.user(), new),
            SubjectMode::SelfService => {
                let before = if n == 1 {
                    self.env.current()
                } else {
                    self.env.password(n - 1)
                };
                PasswordChange::change(self.env.user(), password(&before), new)
            }
        }
    }

    /// One change for each authority that is not taken.
    pub(crate) fn unsupported(&self) -> Vec<PasswordChange> {
        let (user, new) = (self.env.user(), password(&self.env.password(1)));
        let reset = PasswordChange::reset(user.clone(), new.clone());
        let replace = PasswordChange::change(user, password(&self.env.current()), new);
        let taken = self.service.capabilities();
        let mut changes = vec![reset, replace];
        changes.retain(|change| taken.check_mode(change.mode()).is_err());
        changes
    }

    /// Searches the texts of the service and of an error for secrets.
    pub(crate) fn no_secret_in(&self, error: Option<&(dyn StdError + 'static)>) -> Result<(), String> {
        let mut texts = vec![
            ("the service's Debug", shown(&self.service)),
            ("captured output", self.env.output()),
        ];
        if let Some(error) = error {
            texts.push(("the error's Display", error.to_string()));
            texts.push(("the error's Debug", shown(error)));
            let mut next = error.source();
            while let Some(source) = next {
                texts.push(("the Display of the error's source", source.to_string()));
                texts.push(("the Debug of the error's source", shown(source)));
                next = source.source();
            }
        }
        let passwords = (1..=2).map(|n| self.env.password(n));
        let secrets = passwords.chain([self.env.current()]).chain(self.env.secrets());
        for secret in secrets {
            if let Some((place, _)) = texts.iter().find(|(_, text)| text.contains(&secret)) {
                return Err(format!("a secret is in {place}"));
            }
        }
        Ok(())
    }
}

fn shown(value: impl fmt::Debug) -> String {
    format!("{value:?} {value:#?}")
}

/// A password of the test environment.
fn password(text: &str) -> Password {
    Password::new(text).unwrap_or_else(|error| panic!("a tester's password: {error}"))
}

/// The name of a mode, for messages.
pub(crate) fn name_of(authority: &ChangeMode) -> &'static str {
    match authority {
        ChangeMode::AdminReset => "an administrator's reset",
        ChangeMode::SelfService(_) => "a change by the current password",
    }
}
