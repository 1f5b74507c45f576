//! `repass doctor` against setups with one problem each: it names the cause and the fix.

use std::fs;

use repass_sandbox::{Action, CannedResponse, Fault, Options, RequestMatcher, Sandbox};

use crate::binary::Run;
use crate::test_env::{TestEnv, json};

const SCOPE: &str = "PM.User PM.Setting";

/// A complete setup of both providers, with OAuth credentials.
struct Setup {
    account: &'static str,
    secret: &'static str,
    scope: &'static str,
    zoom: Option<String>,
    portal: Option<String>,
    ca: bool,
    organization: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            account: "sandbox-account",
            secret: "{ file = \"secret\" }",
            scope: SCOPE,
            zoom: None,
            portal: None,
            ca: true,
            organization: false,
        }
    }
}

impl Setup {
    fn write(&self, test_env: &TestEnv) {
        test_env.secret("secret", "sandbox-secret");
        test_env.secret("other", "canary-secret-2718");
        let ca = if self.ca && test_env.sandbox.ca_pem().is_some() {
            "tls = { ca_file = \"ca.pem\" }"
        } else {
            ""
        };
        let sandbox: &Sandbox = &test_env.sandbox;
        let (zoom, portal) = (sandbox.zoom_base_url(), sandbox.identity_base_url());
        let zoom = self.zoom.as_deref().unwrap_or(zoom);
        let portal = self.portal.as_deref().unwrap_or(portal);
        let (zoom_tokens, portal_tokens) = (sandbox.zoom_token_url(), sandbox.identity_token_url());
        let organization = if self.organization {
            format!("organization = \"{}\"", sandbox.startup_info().identity.partition)
        } else {
            String::new()
        };
        let Self {
            account,
            secret,
            scope,
            ..
        } = self;
        let text = format!(
            "[providers.zoom]\nkind = \"zoom\"\nbase_url = \"{zoom}\"\n{ca}\n\
             [providers.zoom.auth]\nkind = \"server-to-server\"\naccount_id = \"{account}\"\n\
             client_id = \"sandbox-client\"\nclient_secret = {secret}\ntoken_url = \"{zoom_tokens}\"\n\
             [providers.portal]\nkind = \"identity\"\nbase_url = \"{portal}\"\n{ca}\n{organization}\n\
             [providers.portal.auth]\nkind = \"client-credentials\"\nclient_id = \"sandbox-client\"\n\
             client_secret = {secret}\ntoken_url = \"{portal_tokens}\"\nscope = \"{scope}\"\n"
        );
        fs::write(test_env.path("repass.toml"), text).unwrap();
    }

    fn doctor(&self, options: Options, provider: &str) -> (TestEnv, Run) {
        let test_env = TestEnv::with(options);
        self.write(&test_env);
        let run = test_env.run(&["-p", provider, "doctor"], "");
        assert_eq!(test_env.changes(), 0, "it changes nothing");
        assert!(!run.stdout.contains("canary"), "{run:?}");
        (test_env, run)
    }
}

/// Asserts exactly one problem, in this check, with this cause and this fix.
#[track_caller]
fn names(run: &Run, code: i32, check: &str, cause: &str, fix: &str) {
    assert_eq!(run.code, code, "{run:?}");
    let mut lines = run.stdout.lines();
    let problem = format!("  problem  {check:<10}  ");
    let found = lines.by_ref().find(|line| line.starts_with("  problem"));
    let found = found.unwrap_or_else(|| panic!("no problem: {}", run.stdout));
    assert!(found.starts_with(&problem), "{check}: {found}");
    assert!(found.contains(cause), "{cause}: {found}");
    let reported = lines.next().unwrap();
    assert!(
        reported.trim_start().starts_with("hint: ") && reported.contains(fix),
        "{fix}: {reported}"
    );
    assert!(!lines.any(|line| line.starts_with("  problem")), "{}", run.stdout);
}

#[test]
fn doctor_with_a_valid_setup_reports_no_problem_and_changes_nothing() {
    let test_env = TestEnv::new();
    Setup::default().write(&test_env);
    let run = test_env.run(&["doctor"], "");
    assert_eq!((run.code, test_env.changes()), (0, 0), "{run:?}");
    assert!(
        run.stdout.contains("portal (http") && run.stdout.contains("zoom (http"),
        "{run:?}"
    );
    assert!(!run.stdout.contains("problem"), "{run:?}");
    let report = json(&test_env.run(&["--json", "doctor"], ""));
    assert_eq!(report["ok"], true);
    assert_eq!(report["providers"].as_array().unwrap().len(), 2);
    assert_eq!(test_env.run(&["-p", "zom", "doctor"], "").code, 2);
}

#[test]
fn doctor_skips_the_reset_probe_when_resets_are_not_allowed() {
    let test_env = TestEnv::new();
    // A reset would be refused for want of this scope.
    let setup = Setup {
        scope: "PM.Setting",
        ..Setup::default()
    };
    setup.write(&test_env);
    let config = fs::read_to_string(test_env.path("repass.toml")).unwrap();
    let config = config.replace("kind = \"identity\"", "kind = \"identity\"\nallow = \"change\"");
    fs::write(test_env.path("repass.toml"), config).unwrap();
    let run = test_env.run(&["-p", "portal", "doctor"], "");
    assert_eq!(run.code, 0, "{run:?}");
    assert!(
        run.stdout
            .contains("not checked: administrator resets are not allowed here"),
        "{run:?}"
    );
}

#[test]
fn doctor_reports_a_wrong_client_secret() {
    let wrong = Setup {
        secret: "{ file = \"other\" }",
        ..Setup::default()
    };
    for (provider, who) in [("zoom", "Zoom"), ("portal", "the portal")] {
        let (_, run) = wrong.doctor(Options::default(), provider);
        let cause = format!(
            "no token was granted: {who} does not know this client id with this secret; check `client_id` and \
             `client_secret`"
        );
        names(
            &run,
            4,
            "token",
            &cause,
            &format!("fix `providers.{provider}.auth`"),
        );
    }
}

#[test]
fn doctor_reports_a_missing_scope() {
    // Asked for, but not granted.
    let wrong = Setup {
        scope: "PM.User.Write",
        ..Setup::default()
    };
    let (_, run) = wrong.doctor(Options::default(), "portal");
    let cause =
        "the external application was not granted this scope; set `scope` to exactly the names granted to it";
    names(&run, 4, "token", cause, "fix `providers.portal.auth`");
    // Granted, but not enough to set passwords.
    let mut options = Options::default();
    options.zoom.scopes = vec!["account:read:admin".to_owned()];
    options.identity.scopes = vec!["PM.Setting".to_owned()];
    let enough = Setup {
        scope: "PM.Setting",
        ..Setup::default()
    };
    let (_, run) = enough.doctor(options.clone(), "zoom");
    names(
        &run,
        4,
        "reset",
        "the app lacks a scope",
        "add the scope user:update:password:admin",
    );
    let (_, run) = enough.doctor(options, "portal");
    names(
        &run,
        4,
        "reset",
        "the token lacks the scope",
        "grant PM.User.Write (or PM.User)",
    );
}

#[test]
fn doctor_reports_a_lookup_without_permission() {
    let mut options = Options::default();
    options.identity.scopes = ["PM.Setting", "PM.User.Write"].map(str::to_owned).to_vec();
    let enough = Setup {
        scope: "PM.Setting PM.User.Write",
        ..Setup::default()
    };
    let (_, run) = enough.doctor(options.clone(), "portal");
    assert_eq!(run.code, 0, "{run:?}");
    let not_enough = Setup {
        organization: true,
        ..enough
    };
    let (_, run) = not_enough.doctor(options, "portal");
    let fix = "grant PM.User.Read (or PM.User)";
    names(&run, 4, "look-up", "the token lacks the scope", fix);
}

#[test]
fn doctor_reports_a_wrong_base_path() {
    let mut standalone = Options::default();
    standalone.identity.standalone = true;
    let test_env = TestEnv::with(standalone);
    let right = test_env.sandbox.identity_base_url().to_owned();
    let wrong = Setup {
        portal: Some(format!("{right}_")),
        ..Setup::default()
    };
    wrong.write(&test_env);
    let run = test_env.run(&["-p", "portal", "doctor"], "");
    let cause = "this address does not serve the identity API; a standalone server has it under /identity";
    let fix = format!("this is not the identity base URL; set `providers.portal.base_url` to {right}, where");
    names(&run, 2, "address", cause, &fix);

    let right = test_env.sandbox.zoom_base_url().to_owned();
    let wrong = Setup {
        zoom: Some(format!("{right}/users")),
        ..Setup::default()
    };
    wrong.write(&test_env);
    let run = test_env.run(&["-p", "zoom", "doctor"], "");
    let fix = format!("set `providers.zoom.base_url` to {right}, where the API answers");
    names(
        &run,
        2,
        "address",
        "Zoom knows no such call at this address",
        &fix,
    );
}

#[test]
fn doctor_reports_a_web_page_instead_of_the_api() {
    let test_env = TestEnv::new();
    let origin = test_env
        .sandbox
        .identity_base_url()
        .strip_suffix("/identity")
        .unwrap()
        .to_owned();
    let wrong = Setup {
        portal: Some(format!("{origin}/acme/portal")),
        ..Setup::default()
    };
    wrong.write(&test_env);
    let run = test_env.run(&["-p", "portal", "doctor"], "");
    let fix =
        format!("this is not the identity base URL; set `providers.portal.base_url` to {origin}/identity");
    names(&run, 2, "address", "a web page answered", &fix);
    // Where no candidate can be asked all of them are named.
    test_env.secret("secret", TOKENLESS);
    let bearer = format!(
        "[providers.portal]\nkind = \"identity\"\nbase_url = \"{origin}/acme/portal\"\n\
         auth = {{ kind = \"bearer\", token = {{ file = \"secret\" }} }}\n"
    );
    fs::write(test_env.path("repass.toml"), bearer).unwrap();
    let run = test_env.run(&["doctor"], "");
    let fix = format!(
        "try {origin}/identity_, {origin}/identity, {origin}/acme/identity_ or {origin}/acme/portal/identity_ in"
    );
    names(&run, 2, "address", "a web page answered", &fix);
}

const TOKENLESS: &str = "canary-token-nobody-takes";

#[test]
fn doctor_reports_an_expired_certificate() {
    let options = Options {
        tls: true,
        tls_expired: true,
        ..Options::default()
    };
    for provider in ["zoom", "portal"] {
        let (_, run) = Setup::default().doctor(options.clone(), provider);
        names(
            &run,
            2,
            "connection",
            "its certificate has expired",
            "fix the server's certificate",
        );
    }
}

#[test]
fn doctor_reports_an_unknown_certificate_authority() {
    let options = Options {
        tls: true,
        ..Options::default()
    };
    let unknown = Setup {
        ca: false,
        ..Setup::default()
    };
    let (_, run) = unknown.doctor(options.clone(), "zoom");
    let (cause, fix) = ("authority", "set `providers.zoom.tls.ca_file`");
    names(&run, 2, "connection", cause, fix);
    let (_, run) = Setup::default().doctor(options, "zoom");
    assert!(
        run.code == 0 && run.stdout.contains("its certificate is trusted"),
        "{run:?}"
    );
}

/// The provider behind a gateway that forwards only the path of the rules, and responds itself to all others.
fn behind_a_gateway(provider: &str, path: &str, status: u16, content_type: &str, body: &str) -> Run {
    let test_env = TestEnv::new();
    Setup::default().write(&test_env);
    let respond = CannedResponse {
        status,
        headers: [("content-type".to_owned(), content_type.to_owned())].into(),
        body: body.to_owned(),
        pad_to: 0,
    };
    let matching = RequestMatcher {
        path_contains: Some(path.to_owned()),
        times: 100,
        ..RequestMatcher::default()
    };
    let action = Action {
        respond: Some(respond),
        ..Action::default()
    };
    test_env.sandbox.inject(Fault { matching, action }).unwrap();
    let run = test_env.run(&["-p", provider, "doctor"], "");
    assert_eq!(test_env.changes(), 0);
    run
}

#[test]
fn doctor_reports_a_gateway_that_drops_the_reset_path() {
    for (content_type, body) in [
        (
            "application/json",
            "{\"message\":\"no Route matched with those values\"}",
        ),
        (
            "application/json",
            "{ \"statusCode\": 404, \"message\": \"Resource not found\" }",
        ),
        (
            "application/json",
            "{\"timestamp\":\"2026-11-27T02:30:00.000+00:00\",\"status\":404,\"error\":\"Not Found\",\"path\":\"/x\"}",
        ),
        ("text/html", "<html><body>404 Not Found</body></html>"),
        ("text/plain", "404 page not found"),
        ("application/json", ""),
    ] {
        for (provider, path) in [("portal", "/api/User"), ("zoom", "/password")] {
            let run = behind_a_gateway(provider, path, 404, content_type, body);
            assert_ne!(run.code, 0, "{provider}: {body}: {run:?}");
            assert!(
                run.stdout.contains("  problem  reset"),
                "{provider}: {body}: {run:?}"
            );
            assert!(
                !run.stdout.contains("passwords can be reset"),
                "{provider}: {body}: {run:?}"
            );
            assert!(
                run.stdout.contains("check `base_url`"),
                "{provider}: {body}: {run:?}"
            );
        }
    }
}

#[test]
fn doctor_reports_a_port_without_tls() {
    let test_env = TestEnv::new();
    let plain = Setup {
        zoom: Some(test_env.sandbox.zoom_base_url().replace("http:", "https:")),
        ..Setup::default()
    };
    let (_, run) = plain.doctor(Options::default(), "zoom");
    names(
        &run,
        2,
        "connection",
        "does not speak TLS",
        "check the port in `providers.zoom.base_url`",
    );
    assert!(!run.stdout.contains("certificate"), "{run:?}");
}

#[test]
fn doctor_reports_a_closed_port() {
    let closed = Setup {
        portal: Some("http://127.0.0.1:1/identity".to_owned()),
        ..Setup::default()
    };
    let (_, run) = closed.doctor(Options::default(), "portal");
    let cause = "cannot connect to 127.0.0.1:1: connection refused";
    names(
        &run,
        7,
        "connection",
        cause,
        "check host and port in `providers.portal.base_url`",
    );
}

#[test]
fn doctor_reports_a_wrong_account_id() {
    let wrong = Setup {
        account: "another-account",
        ..Setup::default()
    };
    let (_, run) = wrong.doctor(Options::default(), "zoom");
    let cause = "Zoom does not grant a token for this account; check `account_id`";
    names(&run, 4, "token", cause, "fix `providers.zoom.auth`");
}

#[test]
fn doctor_reports_a_disabled_app() {
    let mut options = Options::default();
    options.zoom.app_disabled = true;
    let (_, run) = Setup::default().doctor(options, "zoom");
    let cause = "the app is disabled or deactivated; activate it in Zoom's App Marketplace";
    names(&run, 4, "token", cause, "fix `providers.zoom.auth`");
}

#[test]
fn doctor_reports_settings_that_need_a_paid_account() {
    let mut options = Options::default();
    options.zoom.paid = false;
    let (_, run) = Setup::default().doctor(options, "zoom");
    let fix = "have a paid account, and add the scope account:read:settings:admin to the app; until then repass uses the published rules (zoom-default)";
    names(&run, 4, "policy", "Zoom offers this to paid accounts only", fix);
    assert!(run.stdout.contains("  ok       reset "), "the rest is looked at");
}

#[test]
fn doctor_reports_an_unset_variable() {
    let unset = Setup {
        secret: "{ env = \"REPASS_TEST_UNSET\" }",
        ..Setup::default()
    };
    let (test_env, run) = unset.doctor(Options::default(), "zoom");
    let cause = "repass.toml:9: providers.zoom.auth.client_secret: the environment variable REPASS_TEST_UNSET is not set";
    let fix = "set `providers.zoom.auth.client_secret` to a reference to the secret";
    names(&run, 2, "secrets", cause, fix);
    assert_eq!(test_env.requests(), 0);
    // The other provider is looked at all the same, and the first problem decides the exit code.
    let report = json(&test_env.run(&["--json", "doctor"], ""));
    assert_eq!(report["ok"], false);
    assert_eq!(report["providers"].as_array().unwrap().len(), 2);
}

#[test]
fn doctor_reports_a_local_policy_that_contradicts_the_provider() {
    let mut options = Options::default();
    options.identity.minimum_length = Some(16);
    let test_env = TestEnv::with(options);
    Setup::default().write(&test_env);
    crate::policy::add(&test_env, "[providers.portal.policy]\nmax_length = 12\n");
    let run = test_env.run(&["-p", "portal", "doctor"], "");
    let cause = "at least 16 characters are required, but at most 12 are allowed";
    names(
        &run,
        2,
        "policy",
        cause,
        "relax the rules in `providers.portal.policy`",
    );
}
