//! The binary against emulated directories.

use std::fs;

use repass_sandbox::{
    CutKind, Directory, DirectoryCut, DirectoryFault, DirectoryKind, DirectoryOptions, Timing,
};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::binary::Run;
use crate::test_env::{TestEnv, json};

/// Numbered users.
const USERS: u32 = 60;

const GENERATE: [&str; 9] = [
    "bulk",
    "run",
    "users.csv",
    "--generate",
    "--secrets-out",
    "s.age",
    "--passphrase-file",
    "passphrase",
    "--run=run",
];

const RESOLVE: [&str; 6] = [
    "bulk",
    "resume",
    "run",
    "--resolve",
    "--passphrase-file",
    "passphrase",
];

/// A directory, and a configuration for it.
struct Setup {
    directory: Directory,
    test_env: TestEnv,
    // Carries the directory; dropped last.
    _runtime: Runtime,
}

impl Setup {
    fn new(kind: DirectoryKind) -> Self {
        let runtime = Runtime::new().unwrap();
        let options = DirectoryOptions {
            users: USERS,
            ..DirectoryOptions::new(kind)
        };
        let directory = runtime.block_on(Directory::start_with(options)).unwrap();
        let setup = Self {
            directory,
            test_env: TestEnv::new(),
            _runtime: runtime,
        };
        setup
            .test_env
            .secret("service", setup.directory.service_password());
        fs::write(setup.test_env.path("directory.pem"), setup.directory.ca_pem()).unwrap();
        setup.configure(&setup.directory.ldaps_url(), &setup.directory.user_base());
        setup
    }

    fn configure(&self, url: &str, base: &str) {
        let kind = match self.directory.kind() {
            DirectoryKind::Slapd => {
                "kind = \"ldap\"\npolicy_dn = \"cn=default,ou=policies,dc=example,dc=org\""
            }
            DirectoryKind::ActiveDirectory => "kind = \"active-directory\"",
        };
        let text = format!(
            "[providers.directory]\n{kind}\nurl = \"{url}\"\nuser_base = \"{base}\"\n\
             tls = {{ ca_file = \"directory.pem\" }}\n\
             auth = {{ kind = \"simple\", bind_dn = \"{}\", password = {{ file = \"service\" }} }}\n",
            self.directory.service_dn()
        );
        fs::write(self.test_env.path("repass.toml"), text).unwrap();
    }

    fn one_server(&self) {
        let path = self.test_env.path("repass.toml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text.replace("user_base", "one_server = true\nuser_base")).unwrap();
    }

    fn reset_alice(&self, new: &str) -> Run {
        self.test_env
            .run(&["reset", "alice", "--new-password-stdin"], new)
    }
}

fn both() -> [Setup; 2] {
    [DirectoryKind::Slapd, DirectoryKind::ActiveDirectory].map(Setup::new)
}

#[test]
fn reset_and_change_at_a_directory_end_as_the_ledger_says() {
    for setup in both() {
        let run = setup.reset_alice("Fresh-Passw0rd-1\n");
        assert_eq!(run.code, 0, "{run:?}");
        assert!(setup.directory.accepts("alice", "Fresh-Passw0rd-1"));
        let run = setup.reset_alice("short\n");
        assert_eq!(run.code, 3, "{run:?}");
        assert!(run.stderr.contains("at least 8 characters"), "{run:?}");
        assert_eq!(setup.directory.changes_of("alice"), 1);
    }
}

#[test]
fn lost_response_of_a_directory_is_resolved_by_the_next_command() {
    for setup in both() {
        setup.directory.inject(DirectoryFault {
            when: Timing::AfterApply,
            cut: Some(DirectoryCut {
                after: 0,
                how: CutKind::Rst,
            }),
            ..DirectoryFault::default()
        });
        let run = setup.reset_alice("Fresh-Passw0rd-1\n");
        assert_eq!(run.code, 8, "{run:?}");
        let resolve = ["resolve", "alice", "--new-password-stdin"];
        let run = setup.test_env.run(&resolve, "Fresh-Passw0rd-1\n");
        assert_eq!(run.code, 0, "{run:?}");
        assert_eq!(setup.directory.failed_binds(), 0);
    }
}

/// State and password of each user in the file of new passwords.
fn secrets(setup: &Setup) -> Vec<(String, String, String)> {
    let arguments = [
        "--json",
        "bulk",
        "secrets",
        "s.age",
        "--passphrase-file",
        "passphrase",
        "--run=run",
    ];
    let run = setup.test_env.run(&arguments, "");
    assert_eq!(run.code, 0, "{run:?}");
    let text = |secret: &Value, key: &str| secret[key].as_str().unwrap().to_owned();
    let secrets = run.stdout.lines().map(|line| {
        let secret: Value = serde_json::from_str(line).unwrap();
        (
            text(&secret, "user"),
            text(&secret, "state"),
            text(&secret, "new_password"),
        )
    });
    secrets.collect()
}

#[test]
fn bulk_at_a_directory_agrees_with_its_ledger_though_responses_are_lost() {
    for setup in both() {
        let users: Vec<String> = (1..=USERS).map(|number| format!("user{number:06}")).collect();
        fs::write(
            setup.test_env.path("users.csv"),
            format!("user\n{}\n", users.join("\n")),
        )
        .unwrap();
        setup.test_env.secret("passphrase", "correct horse battery\n");
        for (at, user) in users.iter().enumerate().filter(|(at, _)| at % 3 != 0) {
            setup.directory.inject(DirectoryFault {
                user: Some(user.clone()),
                when: if at % 3 == 1 {
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
        // No streak of failures ends it.
        let run = setup
            .test_env
            .run(&[&GENERATE[..], &["--max-failures=1000"]].concat(), "");
        assert_eq!(run.code, 8, "{run:?}");
        let is_in_place = |user: &str, password: &str| setup.directory.accepts(user, password);
        for (user, state, password) in secrets(&setup) {
            match state.as_str() {
                "current" => assert!(is_in_place(&user, &password), "{user}"),
                "unknown" => {}
                other => panic!("{user}: {other}"),
            }
        }
        let mut command = crate::binary::command(setup.test_env.folder());
        command.env("REPASS_TEST_IN_FLIGHT_MS", "0").args(RESOLVE);
        let run = crate::binary::finish(command, b"");
        if setup.directory.kind() == DirectoryKind::ActiveDirectory {
            // The records that were kept show what was not made. It is sent by the next session.
            assert_eq!(run.code, 9, "{run:?}");
            assert_eq!(setup.directory.ledger().len(), users.len() * 2 / 3);
            let arguments = ["bulk", "resume", "run", "--passphrase-file", "passphrase"];
            let run = setup.test_env.run(&arguments, "");
            assert_eq!(run.code, 0, "{run:?}");
        } else {
            assert_eq!(run.code, 0, "{run:?}");
        }
        let secrets = secrets(&setup);
        let current = secrets.iter().filter(|(_, state, _)| state == "current");
        assert_eq!(current.count(), users.len());
        for (user, state, password) in secrets {
            assert_eq!(is_in_place(&user, &password), state == "current", "{user}");
        }
        assert_eq!(setup.directory.failed_binds(), 0);
    }
}

/// Begins a bulk run of alice and ends it with an unknown outcome, then lets her change what is hers.
fn bulk_lost(setup: &Setup, when: Timing, own: Option<&str>) -> Run {
    fs::write(setup.test_env.path("users.csv"), "user\nalice\n").unwrap();
    setup.test_env.secret("passphrase", "correct horse battery\n");
    setup.directory.inject(DirectoryFault {
        user: Some("alice".to_owned()),
        when,
        cut: Some(DirectoryCut {
            after: 0,
            how: CutKind::Rst,
        }),
        ..DirectoryFault::default()
    });
    let run = setup.test_env.run(&GENERATE, "");
    assert_eq!(run.code, 8, "{run:?}");
    if let Some(own) = own {
        let run = setup.reset_alice(&format!("{own}\n"));
        assert_eq!(run.code, 0, "{run:?}");
    }
    let mut command = crate::binary::command(setup.test_env.folder());
    command.env("REPASS_TEST_IN_FLIGHT_MS", "0").args(RESOLVE);
    crate::binary::finish(command, b"")
}

#[test]
fn bulk_leaves_a_password_alone_that_was_set_after_an_unknown_attempt() {
    let own = "Her-Own-Passw0rd-1";
    // One write since, which is hers, and two: neither is repaired by sending the password of the run again.
    for when in [Timing::BeforeApply, Timing::AfterApply] {
        let setup = Setup::new(DirectoryKind::ActiveDirectory);
        let run = bulk_lost(&setup, when, Some(own));
        assert_eq!(run.code, 8, "{run:?}");
        let report = setup.test_env.run(&["--json", "bulk", "report", "run"], "");
        let report: Value = serde_json::from_str(&report.stdout).unwrap();
        assert_eq!(report["rows"][0]["outcome"], "unknown", "{report}");
        assert!(setup.directory.accepts("alice", own), "{when:?}");
    }
}

#[test]
fn bulk_resolves_an_attempt_that_left_no_trace_without_a_change() {
    let [slapd, domain] = both();
    // Only there is one server taken for granted.
    slapd.one_server();
    for setup in [slapd, domain] {
        let run = bulk_lost(&setup, Timing::BeforeApply, None);
        assert_eq!(run.code, 9, "{run:?}");
        assert_eq!(setup.directory.changes_of("alice"), 0);
        assert_eq!(setup.directory.change_requests_of("alice"), 1);
    }
}

#[test]
fn doctor_of_a_directory_reports_each_problem_with_its_fix() {
    for setup in both() {
        let doctor = || setup.test_env.run(&["doctor"], "");
        let run = doctor();
        assert_eq!(run.code, 0, "{run:?}");
        assert!(!run.stdout.contains("problem"), "{run:?}");
        assert!(run.stdout.contains("answers at 127.0.0.1:"), "{run:?}");
        let report = json(&setup.test_env.run(&["--json", "doctor"], ""));
        assert_eq!(report["ok"], true);

        if setup.directory.kind() == DirectoryKind::Slapd {
            setup.configure(&setup.directory.ldaps_url(), "ou=elsewhere,dc=example,dc=com");
            let run = doctor();
            assert_ne!(run.code, 0, "{run:?}");
            assert!(run.stdout.contains("check `url` and `user_base`"), "{run:?}");
        }

        setup.configure("ldaps://localhost:1", &setup.directory.user_base());
        let run = doctor();
        assert_ne!(run.code, 0, "{run:?}");
        assert!(
            run.stdout
                .contains("check host and port in `providers.directory.url`"),
            "{run:?}"
        );

        setup.configure(&setup.directory.ldaps_url(), &setup.directory.user_base());
        setup.test_env.secret("service", "Wrong-Passw0rd-1");
        let run = doctor();
        assert_ne!(run.code, 0, "{run:?}");
        assert!(run.stdout.contains("providers.directory.auth.bind_dn"), "{run:?}");

        fs::write(
            setup.test_env.path("directory.pem"),
            setup.test_env.path("none").display().to_string(),
        )
        .unwrap();
        assert_ne!(doctor().code, 0);
        assert!(setup.directory.ledger().is_empty());
    }
}

#[test]
fn configuration_of_a_directory_is_shown_with_its_url() {
    let [setup, _] = both();
    let run = setup.test_env.run(&["config", "show"], "");
    assert_eq!(run.code, 0, "{run:?}");
    let url = format!("url = \"{}\"", setup.directory.ldaps_url());
    assert!(run.stdout.contains(&url), "{run:?}");
    assert!(!run.stdout.contains("base_url"), "{run:?}");
    // Without TLS, to another machine.
    let text = fs::read_to_string(setup.test_env.path("repass.toml")).unwrap();
    let plain = text
        .replace(&setup.directory.ldaps_url(), "ldap://10.0.0.1")
        .replace("user_base", "plain_loopback = true\nuser_base");
    fs::write(setup.test_env.path("repass.toml"), plain).unwrap();
    let run = setup.test_env.run(&["config", "check"], "");
    assert_eq!(run.code, 2, "{run:?}");
    assert!(
        run.stderr.contains("over TLS only") || run.stdout.contains("over TLS only"),
        "{run:?}"
    );
}
