//! Every secret by every command: none of them appears in outputs, audit, files or child processes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use base64ct::{Base64, Base64Unpadded, Encoding as _};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use repass_sandbox::{
    Action, CannedResponse, IdentityOptions, OAuthClient, Options, RequestMatcher, ZoomOptions, ZoomRules,
};
use repass_testkit::ZOOM_TABLE;

use crate::binary::{Run, command, finish};
use crate::test_env::{self, ALICE, ALICE_ID, ALICE_PASSWORD, TestEnv};

const NEW: &str = "Nöw-\"Canary\"\\4711%/";
const WRONG: &str = "Wr0ng-&Canary+;4712'";
const CLIENT_SECRET: &str = "client-Canary%\"4713\\";
const WRONG_SECRET: &str = "client-Canary-4714";
const TOKEN: &str = "bearer-Canary-4715";
const SECRETS: [&str; 7] = [
    NEW,
    WRONG,
    CLIENT_SECRET,
    WRONG_SECRET,
    TOKEN,
    ALICE_PASSWORD,
    test_env::TOKEN,
];

fn forms(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).unwrap();
    vec![
        secret.to_owned(),
        json.trim_matches('"').to_owned(),
        secret.escape_debug().to_string(),
        secret.escape_default().to_string(),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        Base64Unpadded::encode_string(secret.as_bytes()),
        Base64::encode_string(format!("sandbox-client:{secret}").as_bytes()),
        Base64::encode_string(format!(":{secret}").as_bytes())[4..].to_owned(),
    ]
}

fn assert_none_in(text: &str, place: &str) {
    for secret in SECRETS {
        for form in forms(secret) {
            assert!(!text.contains(&form), "{form} in {place}: {text}");
        }
    }
}

fn test_env() -> TestEnv {
    let client = OAuthClient {
        id: "sandbox-client".into(),
        secret: CLIENT_SECRET.into(),
    };
    let test_env = TestEnv::with(Options {
        zoom: ZoomOptions {
            rules: ZoomRules::LengthOnly,
            client: client.clone(),
            ..ZoomOptions::default()
        },
        identity: IdentityOptions {
            client,
            ..IdentityOptions::default()
        },
        ..Options::default()
    });
    test_env.secret("secret", CLIENT_SECRET);
    test_env.secret("wrong-secret", WRONG_SECRET);
    test_env.secret("bearer", TOKEN);
    test_env.secret("key.pem", rcgen::KeyPair::generate().unwrap().serialize_pem());
    let at = &test_env.sandbox.startup_info();
    let section = |name: &str, kind: &str, base_url: &str, auth: &str| {
        format!("[providers.{name}]\nkind = \"{kind}\"\nbase_url = \"{base_url}\"\nauth = {{ {auth} }}\n")
    };
    let server = |file: &str| {
        let (account, client, url) = (&at.zoom.account_id, &at.zoom.client_id, &at.zoom.token_url);
        format!(
            "kind = \"server-to-server\", account_id = \"{account}\", client_id = \"{client}\", \
             token_url = \"{url}\", client_secret = {{ file = \"{file}\" }}"
        )
    };
    let client = |file: &str| {
        let (client, url) = (&at.identity.client_id, &at.identity.token_url);
        format!(
            "kind = \"client-credentials\", client_id = \"{client}\", token_url = \"{url}\", scope = \"PM.User\", \
             client_secret = {{ file = \"{file}\" }}"
        )
    };
    let bearer = "kind = \"bearer\", token = { file = \"bearer\" }";
    let (zoom, portal) = (&*at.zoom.base_url, &*at.identity.base_url);
    let signed = format!(
        "token_url = \"{}\", private_key = {{ file = \"key.pem\" }}, scope = \"s\"",
        at.identity.token_url
    );
    let table = |name: &str, auth: &str| {
        format!("[providers.{name}]\nbase_url = \"{zoom}\"\nauth = {{ {auth} }}\n{ZOOM_TABLE}")
    };
    let text = [
        "audit = { file = \"audit.jsonl\" }\n".to_owned(),
        section("zoom", "zoom", zoom, &server("secret")),
        section("zoom-wrong", "zoom", zoom, &server("wrong-secret")),
        section("zoom-bearer", "zoom", zoom, bearer),
        section("portal", "identity", portal, &client("secret")),
        section("portal-wrong", "identity", portal, &client("wrong-secret")),
        section("portal-bearer", "identity", portal, bearer),
        table("table", "kind = \"bearer\", token = { file = \"token\" }"),
        table("table-bearer", bearer),
        table("table-key", &format!("kind = \"private-key-jwt\", client_id = \"c\", {signed}")),
        table("table-account", &format!("kind = \"service-account\", account = \"a\", {signed}")),
        table("table-login", "kind = \"login\", username = \"root\", password = { file = \"secret\" }"),
        "[providers.table-login.login]\nmethod = \"POST\"\npath = \"/sessions\"\nstatus = 200\ntoken_at = \"/token\"\n\
         body = { name = \"{username}\", password = \"{password}\" }\n"
            .to_owned(),
    ];
    fs::write(test_env.path("repass.toml"), text.concat()).unwrap();
    test_env
}

fn run(test_env: &TestEnv, provider: &str, json: bool, change: bool, stdin: &str) -> Run {
    let mut command = command(test_env.folder());
    command.env("RUST_LOG", "trace").args(["-vvv", "-p", provider]);
    if json {
        command.arg("--json");
    }
    let user = if provider.starts_with("portal") {
        ALICE_ID
    } else {
        ALICE
    };
    if change {
        command.args(["change", user, "--current-password-stdin"]);
    } else {
        command.args(["reset", user]);
    }
    command.arg("--new-password-stdin");
    finish(command, stdin.as_bytes())
}

fn names(test_env: &TestEnv) -> Vec<String> {
    let entries = fs::read_dir(test_env.folder()).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn secrets_appear_in_no_output_file_or_log() {
    let test_env = test_env();
    let before = names(&test_env);
    let key = fs::read_to_string(test_env.path("key.pem")).unwrap();
    let mut codes = Vec::new();
    for json in [false, true] {
        for provider in [
            "zoom",
            "zoom-wrong",
            "zoom-bearer",
            "portal",
            "portal-wrong",
            "portal-bearer",
            "table",
            "table-bearer",
            "table-key",
            "table-account",
            "table-login",
        ] {
            let mut runs = vec![run(&test_env, provider, json, false, &format!("{NEW}\n"))];
            if provider.starts_with("portal") {
                runs.push(run(&test_env, provider, json, true, &format!("{WRONG}\n{NEW}\n")));
            }
            for run in runs {
                assert_none_in(&run.stdout, "stdout");
                assert_none_in(&run.stderr, "stderr");
                let is_shown = |line: &&str| run.stdout.contains(*line) || run.stderr.contains(*line);
                assert_eq!(key.lines().find(is_shown), None, "{run:?}");
                assert!(run.stderr.contains("repass"), "logs are on: {run:?}");
                codes.push(run.code);
            }
        }
    }
    // The second reset at Zoom is to the password that is valid already, and the sandbox has no log-in for tables.
    let expected = [
        [0, 4, 4, 0, 3, 4, 4, 4, 4, 3, 4, 4, 4, 2],
        [3, 4, 4, 0, 3, 4, 4, 4, 4, 3, 4, 4, 4, 2],
    ];
    assert_eq!(codes, expected.concat());
    let audit = fs::read_to_string(test_env.path("audit.jsonl")).unwrap();
    assert!(audit.lines().count() >= codes.len(), "{audit}");
    assert_none_in(&audit, "the audit");
    let mode = fs::metadata(test_env.path("audit.jsonl"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut after = names(&test_env);
    after.retain(|name| !before.contains(name));
    assert_eq!(after, ["audit.jsonl"], "no other file was left");
}

#[test]
fn secrets_echoed_by_the_provider_are_not_shown_or_stored() {
    let test_env = test_env();
    let body = "{\"code\":9999,\"message\":\"%PASSWORD%\",\"succeeded\":false,\"errors\":[{\"code\":\"%PASSWORD%\",\"description\":\"<%PASSWORD%>\"}]}";
    for status in [400, 200, 500] {
        let respond = Some(CannedResponse {
            status,
            headers: [("content-type".to_owned(), "application/json".to_owned())].into(),
            body: body.to_owned(),
            pad_to: 0,
        });
        let action = Action {
            respond,
            ..Action::default()
        };
        for (path, times) in [("/password", 4), ("/api/User/", 2)] {
            let matching = RequestMatcher {
                path_contains: Some(path.to_owned()),
                times,
                ..RequestMatcher::default()
            };
            let fault = repass_sandbox::Fault {
                matching,
                action: action.clone(),
            };
            test_env.sandbox.inject(fault).unwrap();
        }
        for provider in ["zoom", "portal", "table"] {
            for json in [false, true] {
                let run = run(&test_env, provider, json, false, &format!("{NEW}\n"));
                assert!([3, 7, 8, 2].contains(&run.code), "{run:?}");
                assert_none_in(&run.stdout, "stdout");
                assert_none_in(&run.stderr, "stderr");
            }
        }
    }
    assert_none_in(
        &fs::read_to_string(test_env.path("audit.jsonl")).unwrap(),
        "the audit",
    );
}

// A program that gives a secret may look around; the password is not there yet.
#[test]
fn secret_command_sees_no_password_and_no_other_secret() {
    let test_env = test_env();
    let script = "tr '\\0' '\\n' < /proc/$$/environ > seen; tr '\\0' ' ' < /proc/$$/cmdline >> seen; \
                  tr '\\0' ' ' < /proc/$PPID/cmdline >> seen; cat >> seen; printf '%s' 'made-up-token'";
    fs::write(test_env.path("look.sh"), script).unwrap();
    let text = format!(
        "[providers.zoom]\nkind = \"zoom\"\nbase_url = \"{}\"\nauth = {{ kind = \"bearer\", token = {{ command = \
         [\"sh\", \"look.sh\"] }} }}\n",
        test_env.sandbox.zoom_base_url()
    );
    fs::write(test_env.path("repass.toml"), text).unwrap();
    let mut command = command(test_env.folder());
    command.env("PATH", std::env::var_os("PATH").unwrap());
    command.args(["reset", ALICE, "--new-password-stdin"]);
    let run = finish(command, format!("{NEW}\n").as_bytes());
    assert_eq!(run.code, 4, "{run:?}");
    let seen = fs::read_to_string(test_env.path("seen")).unwrap();
    assert!(
        seen.contains("look.sh") && seen.contains("--new-password-stdin"),
        "{seen}"
    );
    assert_none_in(&seen, "what a started program sees");
}
