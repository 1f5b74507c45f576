//! A provider of kind `http`, described by its operator.

use std::fs;

use repass_sandbox::{Action, CannedResponse, Fault, RequestMatcher};
use repass_testkit::ZOOM_TABLE;
use serde_json::Value;

use crate::test_env::{ALICE, TestEnv, json};

fn test_env() -> TestEnv {
    let test_env = TestEnv::new();
    let base_url = test_env.sandbox.zoom_base_url();
    let text = format!(
        "audit = {{ file = \"audit.jsonl\" }}\n[providers.table]\nbase_url = \"{base_url}\"\n\
         auth = {{ kind = \"bearer\", token = {{ file = \"token\" }} }}\n{ZOOM_TABLE}"
    );
    fs::write(test_env.path("repass.toml"), text).unwrap();
    test_env
}

fn last_record(test_env: &TestEnv) -> Value {
    let audit = fs::read_to_string(test_env.path("audit.jsonl")).unwrap();
    serde_json::from_str(audit.lines().last().unwrap()).unwrap()
}

#[test]
fn audit_names_the_table_and_the_grade_of_the_row() {
    let test_env = test_env();
    let listed = test_env.run(&["providers", "--json"], "");
    let hash = json(&listed)["providers"][0]["table"].clone();
    assert!(hash.as_str().unwrap().starts_with("sha256:"), "{hash}");
    let reset = |user: &str, new: &str| {
        let run = test_env.run(&["--json", "reset", user, "--new-password-stdin"], new);
        (run.code, json(&run)["grade"].clone(), last_record(&test_env))
    };
    let (code, grade, record) = reset(ALICE, "New-Passw0rd-1\n");
    assert_eq!(
        (code, &grade, &record["grade"]),
        (0, &"vouched".into(), &"vouched".into())
    );
    assert_eq!((&record["table"], &record["outcome"]), (&hash, &"applied".into()));
    let (code, grade, record) = reset("stranger@example.com", "New-Passw0rd-1\n");
    assert_eq!(
        (code, &grade, &record["grade"]),
        (5, &"vouched".into(), &"vouched".into())
    );
    assert_eq!(
        (&record["table"], &record["kind"]),
        (&hash, &"user_not_found".into())
    );
    // A response of something else, which no row describes.
    let respond = CannedResponse {
        status: 200,
        headers: [("content-type".to_owned(), "text/html".to_owned())].into(),
        body: "<html>sorry</html>".to_owned(),
        pad_to: 0,
    };
    let action = Action {
        respond: Some(respond),
        ..Action::default()
    };
    let matching = RequestMatcher::default();
    test_env.sandbox.inject(Fault { matching, action }).unwrap();
    let (code, grade, record) = reset(ALICE, "New-Passw0rd-2\n");
    assert_eq!((code, &grade, &record["grade"]), (8, &Value::Null, &Value::Null));
    assert_eq!((&record["table"], &record["outcome"]), (&hash, &"unknown".into()));
}

/// The table knows no rules to read, so nothing was sent before the reset of a user who does not exist.
#[test]
fn doctor_says_of_the_token_only_what_a_response_shows() {
    let test_env = test_env();
    let run = test_env.run(&["doctor"], "");
    assert_eq!(run.code, 0, "{}", run.stdout);
    assert!(!run.stdout.contains("accepted by the provider"), "{}", run.stdout);
    test_env.secret("token", "not-the-token");
    let run = test_env.run(&["doctor"], "");
    assert_ne!(run.code, 0, "{}", run.stdout);
    assert!(
        run.stdout.contains("token") && !run.stdout.contains("accepted by the provider"),
        "{}",
        run.stdout
    );
}

#[test]
fn record_of_a_provider_without_a_table_names_none() {
    let test_env = TestEnv::new();
    let config = fs::read_to_string(test_env.path("repass.toml")).unwrap();
    let text = format!("audit = {{ file = \"audit.jsonl\" }}\n{config}");
    fs::write(test_env.path("repass.toml"), text).unwrap();
    assert_eq!(test_env.reset_alice("New-Passw0rd-1\n").code, 0);
    let record = last_record(&test_env);
    assert_eq!(record["outcome"], "applied");
    assert!(
        record.get("table").is_none() && record.get("grade").is_none(),
        "{record}"
    );
}
