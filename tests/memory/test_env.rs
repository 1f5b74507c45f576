//! The sandbox in the test's process, and the searched process that calls it.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use repass_sandbox::{
    Action, CannedResponse, Cut, CutKind, CutPoint, Directory, DirectoryKind, DirectoryOptions, Fault,
    IdentityOptions, Lockout, Options, Provider, RequestMatcher, Sandbox, SeededUser, ZoomOptions, ZoomRules,
};
use repass_testkit::ZOOM_TABLE;
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::needles::Needles;
use crate::plain_client::PlainClient;
use crate::scan::{self, Finding};
use crate::secrets::{PasswordRole, password};
use crate::subject::{Phase, READY, Summary, Task, VARIABLE, directory_user, portal_user};

pub(crate) const SEED: u64 = 4711;
pub(crate) const TOKEN: &str = "sandbox-token-of-the-memory-test";

pub(crate) struct TestEnv {
    pub(crate) sandbox: Sandbox,
    pub(crate) folder: TempDir,
    pub(crate) directories: Vec<Directory>,
    directory_config: String,
    // Carries the sandbox; dropped last.
    runtime: Runtime,
}

impl TestEnv {
    /// A sandbox in which the calls with numbers up to this one can be made.
    pub(crate) fn new(tls: bool, calls: u32) -> Self {
        let seeded = (1..=calls).map(|number| SeededUser {
            provider: Provider::Identity,
            id: portal_user(number),
            password: SecretString::from(password(SEED, number, PasswordRole::Old).as_str()),
        });
        let options = Options {
            tls,
            token: Some(TOKEN.into()),
            users: calls,
            seeded: seeded.collect(),
            zoom: ZoomOptions {
                rules: ZoomRules::LengthOnly,
                ..ZoomOptions::default()
            },
            identity: IdentityOptions {
                lockout: Lockout {
                    failures: 0,
                    ..IdentityOptions::default().lockout
                },
                ..IdentityOptions::default()
            },
            ..Options::default()
        };
        let runtime = Runtime::new().unwrap();
        let sandbox = runtime.block_on(Sandbox::start_with(options)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        if let Some(pem) = sandbox.ca_pem() {
            fs::write(folder.path().join("ca.pem"), pem).unwrap();
        }
        Self {
            sandbox,
            folder,
            directories: Vec::new(),
            directory_config: String::new(),
            runtime,
        }
    }

    /// The same with an LDAP server and a domain, by `ldaps`, or by `ldap` with StartTLS.
    pub(crate) fn with_directories(mut self, start_tls: bool, calls: u32) -> Self {
        for (name, kind, settings) in [
            ("ldap", DirectoryKind::Slapd, "kind = \"ldap\""),
            (
                "domain",
                DirectoryKind::ActiveDirectory,
                "kind = \"active-directory\"",
            ),
        ] {
            let old = |number| SecretString::from(password(SEED, number, PasswordRole::Old).as_str());
            let options = DirectoryOptions {
                seeded: (1..=calls)
                    .map(|number| (directory_user(number), old(number)))
                    .collect(),
                ..DirectoryOptions::new(kind)
            };
            let directory = self.runtime.block_on(Directory::start_with(options)).unwrap();
            let authority = self.folder.path().join(format!("{name}.pem"));
            fs::write(&authority, directory.ca_pem()).unwrap();
            let url = if start_tls {
                directory.ldap_url()
            } else {
                directory.ldaps_url()
            };
            let config = format!(
                "[providers.{name}]\n{settings}\nurl = \"{url}\"\nuser_base = \"{}\"\n\
                 tls = {{ ca_file = '{}' }}\n\
                 auth = {{ kind = \"simple\", bind_dn = \"{}\", password = {{ command = [\"printf\", \"{}\"] }} }}\n",
                directory.user_base(),
                authority.display(),
                directory.service_dn(),
                directory.service_password(),
            );
            self.directory_config.push_str(&config);
            self.directories.push(directory);
        }
        self
    }

    /// Zoom with either encoding and by a table, and the portal.
    pub(crate) fn config(&self) -> String {
        let tls = match self.sandbox.ca_pem() {
            Some(_) => format!("tls = {{ ca_file = '{}/ca.pem' }}", self.folder.path().display()),
            None => String::new(),
        };
        let auth =
            format!("auth = {{ kind = \"bearer\", token = {{ command = [\"printf\", \"{TOKEN}\"] }} }}");
        let (zoom_base_url, portal) = (self.sandbox.zoom_base_url(), self.sandbox.identity_base_url());
        let zoom = |body: &str| {
            format!(
                "[providers.{body}]\nkind = \"zoom\"\nplan = \"unlimited\"\nbody = \"{body}\"\n\
                 base_url = \"{zoom_base_url}\"\n{auth}\n{tls}\n"
            )
        };
        format!(
            "{}{}[providers.portal]\nkind = \"identity\"\nbase_url = \"{portal}\"\n{auth}\n{tls}\n\
             [providers.table]\nbase_url = \"{zoom_base_url}\"\n{auth}\n{tls}\n{ZOOM_TABLE}",
            zoom("form-data"),
            zoom("json"),
        )
    }

    /// From now on every request ends like this, and nothing is applied.
    pub(crate) fn fail(&self, respond: Option<CannedResponse>, cut: Option<Cut>) {
        let action = Action {
            respond,
            cut,
            ..Action::default()
        };
        let matching = RequestMatcher {
            times: u32::MAX,
            ..RequestMatcher::default()
        };
        self.sandbox.clear_faults();
        self.sandbox.inject(Fault { matching, action }).unwrap();
    }

    /// From now on this user's requests get no answer.
    pub(crate) fn stall(&self, user: &str) {
        let action = Action {
            cut: Some(Cut {
                at: CutPoint::Answer,
                how: CutKind::Stall,
            }),
            ..Action::default()
        };
        let matching = RequestMatcher {
            user: Some(user.to_owned()),
            times: u32::MAX,
            ..RequestMatcher::default()
        };
        self.sandbox.inject(Fault { matching, action }).unwrap();
    }

    /// Starts the process that is searched.
    pub(crate) fn subject(&self) -> Subject {
        let task = Task {
            seed: SEED,
            config: self.config() + &self.directory_config,
            plain: PlainClient::new(self.sandbox.zoom_base_url(), TOKEN),
        };
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args(["--exact", "subject::searched_process", "--nocapture"])
            .env(VARIABLE, serde_json::to_string(&task).unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        Subject {
            stdin: child.stdin.take(),
            stdout: BufReader::new(child.stdout.take().unwrap()),
            child,
            needles: Needles::default(),
        }
    }
}

pub(crate) fn respond(status: u16, body: &str) -> CannedResponse {
    CannedResponse {
        status,
        headers: BTreeMap::new(),
        body: body.to_owned(),
        pad_to: 0,
    }
}

/// The process that is searched.
pub(crate) struct Subject {
    pub(crate) child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    needles: Needles,
}

impl Subject {
    /// Lets it make these calls, and waits for the last of them to end.
    pub(crate) fn run(&mut self, phase: &Phase) -> Summary {
        for number in phase.numbers() {
            for role in [PasswordRole::Old, PasswordRole::New] {
                let name = format!("{role:?} {number} ({:?})", phase.call(number));
                self.needles.add(&name, &password(SEED, number, role));
            }
        }
        let stdin = self.stdin.as_mut().unwrap();
        writeln!(stdin, "{}", serde_json::to_string(phase).unwrap()).unwrap();
        loop {
            let mut line = String::new();
            assert_ne!(
                self.stdout.read_line(&mut line).unwrap(),
                0,
                "the subject has died"
            );
            if let Some((_, summary)) = line.split_once(READY) {
                return serde_json::from_str(summary).unwrap();
            }
        }
    }

    /// What is left in it of every password of every call so far.
    pub(crate) fn search(&self) -> Vec<Finding> {
        scan::process(self.child.id(), &self.needles).unwrap()
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // It ends by itself when its input does.
        let _ = self.child.wait();
    }
}
