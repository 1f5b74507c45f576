//! The adapter of directories, over emulated ones.

use std::io::ErrorKind as IoErrorKind;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use async_trait::async_trait;
use repass::{PasswordService, Services, UserId};
use repass_conformance::{
    Ending, Fault, OracleCounts, ResponsePart, Skip, Subject, SubjectMode, TestEnv, Timing,
};
use repass_sandbox::{
    CutKind, Directory, DirectoryCut, DirectoryFault, DirectoryKind, DirectoryOptions, DirectoryResponse,
    numbered_password,
};
use tempfile::TempDir;

use crate::log;

const USERS: u32 = 900;

/// Services over one emulated directory, each for a user of its own.
pub(crate) struct DirectorySubject {
    name: &'static str,
    mode: SubjectMode,
    settings: &'static str,
    is_full_stack: bool,
    shared: Arc<Shared>,
    users: AtomicU32,
}

struct Shared {
    directory: Directory,
    folder: TempDir,
    elsewhere: TcpListener,
    heard_elsewhere: AtomicU64,
    // Distinguishes the passwords of different directories.
    number: u32,
}

/// The adapter, over a directory of this kind.
pub(crate) async fn directory(
    name: &'static str,
    kind: DirectoryKind,
    mode: SubjectMode,
) -> DirectorySubject {
    static DIRECTORIES: AtomicU32 = AtomicU32::new(50);
    log::listen();
    let options = DirectoryOptions {
        users: USERS,
        ..DirectoryOptions::new(kind)
    };
    let directory = Directory::start_with(options).await.unwrap();
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let folder = tempfile::tempdir().unwrap();
    write_secret(folder.path(), "secret", directory.service_password());
    std::fs::write(folder.path().join("ca.pem"), directory.ca_pem()).unwrap();
    DirectorySubject {
        name,
        mode,
        settings: "",
        is_full_stack: false,
        users: AtomicU32::new(0),
        shared: Arc::new(Shared {
            directory,
            folder,
            elsewhere,
            heard_elsewhere: AtomicU64::new(0),
            number: DIRECTORIES.fetch_add(1, Ordering::Relaxed),
        }),
    }
}

fn write_secret(folder: &Path, name: &str, secret: &str) {
    use std::os::unix::fs::PermissionsExt as _;

    let path = folder.join(name);
    std::fs::write(&path, secret).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

impl DirectorySubject {
    /// The same with changes that the directory refuses to make twice.
    pub(crate) fn exactly_once(mut self) -> Self {
        self.settings = "marker_attribute = \"info\"\nexactly_once = true\n";
        self
    }

    /// The same with every layer of a configured service.
    pub(crate) fn full_stack(mut self) -> Self {
        self.is_full_stack = true;
        self
    }

    fn service(&self) -> Arc<dyn PasswordService> {
        let directory = &self.shared.directory;
        let (kind, policy) = match directory.kind() {
            DirectoryKind::Slapd => (
                "ldap",
                "policy_dn = \"cn=default,ou=policies,dc=example,dc=org\"\none_server = true\nserver_hashes = true\n",
            ),
            DirectoryKind::ActiveDirectory => ("active-directory", ""),
        };
        let text = format!(
            "[providers.directory]\nkind = \"{kind}\"\nurl = \"{url}\"\nuser_base = \"{base}\"\n{policy}{settings}\
             tls = {{ ca_file = \"ca.pem\" }}\n\
             auth = {{ kind = \"simple\", bind_dn = \"{account}\", password = {{ file = \"secret\" }} }}\n",
            url = directory.ldaps_url(),
            base = directory.user_base(),
            settings = self.settings,
            account = directory.service_dn(),
        );
        let file = self.shared.folder.path().join("repass.toml");
        std::fs::write(&file, text).unwrap();
        let services = Services::from_file(file).unwrap();
        if self.is_full_stack {
            services.default_service().unwrap()
        } else {
            services.adapter("directory").unwrap()
        }
    }
}

#[async_trait]
impl Subject for DirectorySubject {
    fn name(&self) -> &str {
        self.name
    }

    fn mode(&self) -> SubjectMode {
        self.mode
    }

    fn keeps_order(&self) -> bool {
        self.is_full_stack
    }

    async fn env(&self) -> Box<dyn TestEnv> {
        self.shared.directory.reset();
        self.shared.directory.close_next_connections(0);
        let number = self.users.fetch_add(1, Ordering::Relaxed) + 1;
        assert!(number <= USERS, "more test environments than users");
        Box::new(OneUser {
            shared: Arc::clone(&self.shared),
            number,
            user: format!("user{number:06}"),
            service: self.service(),
        })
    }
}

struct OneUser {
    shared: Arc<Shared>,
    number: u32,
    user: String,
    service: Arc<dyn PasswordService>,
}

#[async_trait]
impl TestEnv for OneUser {
    fn service(&self) -> Arc<dyn PasswordService> {
        Arc::clone(&self.service)
    }

    fn user(&self) -> UserId {
        self.user.parse().unwrap()
    }

    fn current(&self) -> String {
        numbered_password(self.number)
    }

    fn password(&self, n: usize) -> String {
        format!("Qx7c-{:02}-{:03}-{n}-zR", self.shared.number, self.number)
    }

    fn secrets(&self) -> Vec<String> {
        vec![self.shared.directory.service_password().to_owned()]
    }

    async fn inject(&self, fault: Fault) -> Result<(), Skip> {
        let directory = &self.shared.directory;
        if fault == Fault::ClosedOnAccept {
            directory.close_next_connections(1);
            return Ok(());
        }
        let elsewhere = self.shared.elsewhere.local_addr().unwrap();
        let fault = injected(fault, &self.password(1), &format!("ldap://{elsewhere}"));
        let fault = fault.ok_or_else(|| Skip::because("LDAP has no such fault"))?;
        directory.inject(DirectoryFault {
            user: Some(self.user.clone()),
            ..fault
        });
        Ok(())
    }

    async fn heal(&self) {
        self.shared.directory.clear_faults();
    }

    async fn counts(&self) -> OracleCounts {
        let directory = &self.shared.directory;
        OracleCounts {
            set: directory.changes_of(&self.user) as u64,
            requests: Some(directory.change_requests_of(&self.user)),
            contacts: Some(directory.connections()),
            elsewhere: Some(self.shared.elsewhere_heard()),
            abandoned: None,
        }
    }

    async fn accepts(&self, password: &str) -> bool {
        self.shared.directory.accepts(&self.user, password)
    }

    fn output(&self) -> String {
        log::kept()
    }
}

impl Shared {
    fn elsewhere_heard(&self) -> u64 {
        loop {
            match self.elsewhere.accept() {
                Ok(_) => self.heard_elsewhere.fetch_add(1, Ordering::Relaxed),
                Err(error) if error.kind() == IoErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            };
        }
        self.heard_elsewhere.load(Ordering::Relaxed)
    }
}

/// The catalogue's faults in terms of a directory: HTTP's failures are result codes that say nothing of the change, and
/// formats of gateways are bytes that are no LDAP.
fn injected(fault: Fault, password: &str, elsewhere: &str) -> Option<DirectoryFault> {
    const OTHER: i32 = 80;
    const UNAVAILABLE: i32 = 52;
    const BUSY: i32 = 51;
    const REFERRAL: i32 = 10;
    const CONSTRAINT_VIOLATION: i32 = 19;
    // More than any message may have.
    const HUGE: [u8; 6] = [0x30, 0x84, 0x7f, 0xff, 0xff, 0xff];
    // An integer that ends behind the message.
    const GARBLED: [u8; 5] = [0x30, 0x03, 0x02, 0x05, 0x01];
    const LONGER_THAN_ANY_BUDGET_MS: u64 = 2000;

    let result = |code, text: &str, referral: Option<&str>| DirectoryResponse::Result {
        code,
        text: text.to_owned(),
        referral: referral.map(str::to_owned),
    };
    let says = |timing, response| DirectoryFault {
        when: side(timing),
        respond: Some(response),
        ..DirectoryFault::default()
    };
    let cut = |timing, after, ending| DirectoryFault {
        when: side(timing),
        cut: Some(DirectoryCut {
            after,
            how: match ending {
                Ending::Fin => CutKind::Fin,
                Ending::Rst => CutKind::Rst,
                Ending::Silence => CutKind::Stall,
            },
        }),
        ..DirectoryFault::default()
    };
    Some(match fault {
        Fault::RequestCut(_, ending) => cut(Timing::BeforeApply, 0, ending),
        Fault::ResponseCut(timing, part, ending) => {
            let after = match part {
                ResponsePart::Nothing => 0,
                ResponsePart::PartOfStatusLine => 1,
                ResponsePart::Head => 5,
                ResponsePart::PartOfBody => 8,
            };
            cut(timing, after, ending)
        }
        Fault::Fails(timing, _) => says(timing, result(OTHER, "internal error", None)),
        Fault::Unavailable(timing, _) => says(timing, result(UNAVAILABLE, "shutting down", None)),
        Fault::RateLimited(_) => says(Timing::BeforeApply, result(BUSY, "too many operations", None)),
        Fault::Redirected => says(Timing::BeforeApply, result(REFERRAL, "", Some(elsewhere))),
        Fault::Foreign(timing, format, status) if status != 404 => {
            let head = format!(
                "HTTP/1.1 {status} \r\nContent-Type: {}\r\n\r\n",
                format.content_type()
            );
            let text = head + &format.body().replace("%PASSWORD%", password);
            says(timing, DirectoryResponse::Bytes(text.into_bytes()))
        }
        Fault::Slow => DirectoryFault {
            delay_ms: 20,
            when: side(Timing::AfterApply),
            ..DirectoryFault::default()
        },
        Fault::TooSlow(timing) => DirectoryFault {
            delay_ms: LONGER_THAN_ANY_BUDGET_MS,
            ..says(timing, result(OTHER, "", None))
        },
        Fault::Oversized(timing) => says(timing, DirectoryResponse::Bytes(HUGE.to_vec())),
        Fault::Garbled(timing) => says(timing, DirectoryResponse::Bytes(GARBLED.to_vec())),
        Fault::Echoed => {
            // With the code by which Active Directory refuses a password; other servers have none in their texts.
            let text = format!("0000052D: {password} is not good, {password}");
            says(Timing::BeforeApply, result(CONSTRAINT_VIOLATION, &text, None))
        }
        _ => return None,
    })
}

fn side(timing: Timing) -> repass_sandbox::Timing {
    match timing {
        Timing::BeforeApply => repass_sandbox::Timing::BeforeApply,
        Timing::AfterApply => repass_sandbox::Timing::AfterApply,
    }
}
