//! An emulated directory, and the service that changes passwords there.

use std::sync::Arc;
use std::time::Duration;

use repass_domain::{
    CallContext, ChangeReceipt, Error, ErrorKind, Outcome, Password, PasswordChange, PasswordService as _,
    Rule,
};
use repass_ldap::{ActiveDirectorySettings, DirectoryService, LdapSettings};
use repass_sandbox::{
    CutKind, Directory, DirectoryCut, DirectoryFault, DirectoryKind, DirectoryOptions, DirectoryTexts, Timing,
};
use repass_transport::ldap::{LdapCredentials, LdapTransport, LdapUrl, NetworkConnector};
use repass_transport::{Timeouts, TrustedRoots};

pub(crate) const GOOD: &str = "Fresh-Passw0rd-1";

/// A directory, and what differs from the default of the service.
pub(crate) struct Setup {
    pub(crate) directory: Directory,
    pub(crate) url: String,
    pub(crate) account: &'static str,
    pub(crate) account_password: String,
    pub(crate) ldap: LdapSettings,
    pub(crate) domain: ActiveDirectorySettings,
}

impl Setup {
    pub(crate) async fn slapd() -> Self {
        Self::new(DirectoryOptions::new(DirectoryKind::Slapd)).await
    }

    pub(crate) async fn domain(texts: DirectoryTexts) -> Self {
        let options = DirectoryOptions {
            texts,
            ..DirectoryOptions::new(DirectoryKind::ActiveDirectory)
        };
        Self::new(options).await
    }

    async fn new(options: DirectoryOptions) -> Self {
        let directory = Directory::start_with(options).await.unwrap();
        let user_base = directory.user_base();
        Self {
            url: directory.ldaps_url(),
            account: "service",
            account_password: directory.service_password().to_owned(),
            ldap: LdapSettings {
                user_base: user_base.clone(),
                policy_dn: Some("cn=default,ou=policies,dc=example,dc=org".to_owned()),
                one_server: true,
                server_hashes: true,
                ..LdapSettings::default()
            },
            domain: ActiveDirectorySettings {
                user_base,
                ..ActiveDirectorySettings::default()
            },
            directory,
        }
    }

    pub(crate) fn transport(&self, url: LdapUrl) -> Arc<LdapTransport> {
        let roots = TrustedRoots::default()
            .with_pem(self.directory.ca_pem().as_bytes())
            .unwrap();
        let timeouts = Timeouts {
            attempt: Duration::from_secs(5),
            ..Timeouts::default()
        };
        let credentials = LdapCredentials::Simple {
            name: self.directory.user_dn(self.account),
            password: self.account_password.clone().into(),
        };
        let connector = NetworkConnector::new(url, roots, timeouts.connect);
        Arc::new(LdapTransport::new(connector, credentials, timeouts))
    }

    pub(crate) fn service_at(&self, url: LdapUrl) -> DirectoryService {
        let transport = self.transport(url);
        match self.directory.kind() {
            DirectoryKind::ActiveDirectory => {
                DirectoryService::active_directory("directory", self.domain.clone(), transport)
            }
            DirectoryKind::Slapd => DirectoryService::ldap("directory", self.ldap.clone(), transport),
        }
    }

    pub(crate) fn service(&self) -> DirectoryService {
        self.service_at(self.url.parse().unwrap())
    }

    pub(crate) async fn run(&self, change: &PasswordChange) -> Result<ChangeReceipt, Error> {
        self.service()
            .change_password(&CallContext::default(), change)
            .await
    }

    /// Loses the response to the next change: the directory acts, or it does not.
    pub(crate) fn lose_next_change(&self, acts: bool) {
        self.lose_change(1, acts);
    }

    /// The same of the nth change from now on.
    pub(crate) fn lose_change(&self, nth: u32, acts: bool) {
        self.directory.inject(DirectoryFault {
            nth,
            when: if acts {
                Timing::AfterApply
            } else {
                Timing::BeforeApply
            },
            cut: Some(DirectoryCut {
                after: 0,
                how: CutKind::Rst,
            }),
            ..DirectoryFault::default()
        });
    }
}

pub(crate) fn reset(user: &str, new: &str) -> PasswordChange {
    PasswordChange::reset(user.parse().unwrap(), Password::new(new).unwrap())
}

pub(crate) fn change(user: &str, current: &str, new: &str) -> PasswordChange {
    let password = |text| Password::new(text).unwrap();
    PasswordChange::change(user.parse().unwrap(), password(current), password(new))
}

/// What a call must end in: applied, or not applied for this reason and with these rules broken.
pub(crate) type End = Result<(), (ErrorKind, Vec<Rule>)>;

pub(crate) fn refused(kind: ErrorKind) -> End {
    Err((kind, vec![]))
}

pub(crate) fn broken<const N: usize>(rules: [Rule; N]) -> End {
    Err((ErrorKind::PasswordRefused, rules.into()))
}

/// Makes the change and compares its end, and the directory's own record, with what is expected.
pub(crate) async fn assert_end(setup: &Setup, change: &PasswordChange, end: End) {
    let before = setup.directory.ledger().len();
    let result = setup.run(change).await;
    let made = setup.directory.ledger().len() - before;
    assert_eq!(made, usize::from(end.is_ok()), "{change:?}: {result:?}");
    match (result, end) {
        (Ok(_), Ok(())) => {}
        (Err(error), Err((kind, rules))) => {
            assert_eq!(error.outcome(), Outcome::NotApplied, "{change:?}: {error:?}");
            assert_eq!(error.kind(), kind, "{change:?}: {error:?}");
            let found = error.violations().iter();
            let found: Vec<Rule> = found.map(|violation| violation.rule().clone()).collect();
            let codes = |rules: &[Rule]| rules.iter().map(Rule::to_string).collect::<Vec<_>>();
            assert_eq!(codes(&found), codes(&rules), "{change:?}: {error:?}");
        }
        (result, end) => panic!("{change:?}: {result:?}, not {end:?}"),
    }
}
