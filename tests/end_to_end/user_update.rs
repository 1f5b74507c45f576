//! `repass user update` against the sandbox's Zoom.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use repass_sandbox::{
    Action, CannedResponse, Cut, CutKind, CutPoint, Fault, Options, RequestMatcher, Timing, ZoomBody,
    ZoomOptions,
};
use serde_json::{Value, json};

use crate::test_env::{ALICE, TOKEN, TestEnv, json};

/// Alice's profile at the sandbox's Zoom.
fn profile(test_env: &TestEnv) -> Value {
    let mut stream = TcpStream::connect(test_env.sandbox.addr()).unwrap();
    let request = format!(
        "GET /v2/users/{ALICE} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[test]
fn profile_update_with_several_problems_reports_all_and_sends_nothing() {
    let test_env = TestEnv::new();
    let arguments = [
        "user",
        "update",
        ALICE,
        "--first-name",
        "Ann",
        "--set",
        "first_name=Anna",
        "--set",
        "pmi=123",
        "--set",
        "fist_name=Ann",
        "--set",
        "nothing",
        "--clear",
        "use_pmi",
    ];
    let run = test_env.run(&arguments, "");
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(
        lines,
        [
            "error: --set takes FIELD=VALUE",
            "error: first_name is given twice",
            "error: zoom: fist_name is no field of a profile at Zoom; did you mean `first_name`?",
            "error: zoom: pmi takes exactly 10 digits",
            "error: zoom: use_pmi cannot be cleared; give it another value",
        ]
    );
    assert_eq!((run.code, test_env.requests()), (2, 0), "{run:?}");
}

#[test]
fn profile_update_problems_with_json_have_field_and_code() {
    let test_env = TestEnv::new();
    let run = test_env.run(
        &[
            "--json", "user", "update", ALICE, "--set", "pmi=123", "--type", "7",
        ],
        "",
    );
    let object = json(&run);
    assert_eq!(
        object["field_problems"],
        json!([
            {"field": "pmi", "code": "range", "message": "takes exactly 10 digits"},
            {
                "field": "type",
                "code": "one_of",
                "message": "takes 1 (Basic), 2 (Licensed), 3 (On-prem), 4 (no meetings licence) or 99 (none)",
            },
        ])
    );
    assert_eq!((run.code, test_env.requests()), (2, 0), "{run:?}");
}

#[test]
fn profile_update_arrives_in_either_encoding() {
    for body in [ZoomBody::Any, ZoomBody::Json, ZoomBody::FormData] {
        let test_env = TestEnv::with(Options {
            zoom: ZoomOptions {
                body,
                ..ZoomOptions::default()
            },
            ..Options::default()
        });
        let numbers = r#"phone_numbers=[{"country":"US","label":"Fax","number":"5550100"}]"#;
        let run = test_env.run(
            &[
                "--json",
                "user",
                "update",
                ALICE,
                "--first-name",
                "Ann",
                "--job-title",
                "Lead",
                "--set",
                "use_pmi=true",
                "--set",
                numbers,
                "--clear",
                "company",
                "--login-type",
                "100",
                "--remove-tsp-credentials",
            ],
            "",
        );
        assert_eq!(
            (run.code, &json(&run)["outcome"]),
            (0, &json!("applied")),
            "{run:?}"
        );
        let profile = profile(&test_env);
        for (field, value) in [
            ("first_name", json!("Ann")),
            ("job_title", json!("Lead")),
            ("use_pmi", json!(true)),
            (
                "phone_numbers",
                json!([{"country": "US", "label": "Fax", "number": "5550100"}]),
            ),
            ("company", json!("")),
        ] {
            assert_eq!(profile[field], value, "{body:?}: {field}");
        }
    }
}

#[test]
fn profile_update_of_an_unknown_user_exits_5_and_without_profiles_2() {
    let test_env = TestEnv::new();
    let run = test_env.run(&["user", "update", "nobody@example.com", "--dept", "R&D"], "");
    assert_eq!(run.code, 5, "{run:?}");
    let run = test_env.run(&["-p", "portal", "user", "update", ALICE, "--dept", "R&D"], "");
    assert_eq!(run.code, 2, "{run:?}");
}

fn lose_the_first_answer(test_env: &TestEnv) {
    let cut = Some(Cut {
        at: CutPoint::Answer,
        how: CutKind::Fin,
    });
    let action = Action {
        when: Timing::AfterApply,
        cut,
        ..Action::default()
    };
    let matching = RequestMatcher::default();
    test_env.sandbox.inject(Fault { matching, action }).unwrap();
}

#[test]
fn profile_update_with_a_lost_response_is_resent() {
    let test_env = TestEnv::new();
    lose_the_first_answer(&test_env);
    let run = test_env.run(&["user", "update", ALICE, "--dept", "R&D"], "");
    assert_eq!((run.code, test_env.requests()), (0, 2), "{run:?}");
}

#[test]
fn profile_update_rejected_after_a_lost_response_is_unknown() {
    let test_env = TestEnv::new();
    lose_the_first_answer(&test_env);
    let respond = Some(CannedResponse {
        status: 404,
        headers: [("content-type".to_owned(), "application/json".to_owned())].into(),
        body: r#"{"code":1001,"message":"User does not exist."}"#.to_owned(),
        pad_to: 0,
    });
    let action = Action {
        respond,
        ..Action::default()
    };
    let matching = RequestMatcher {
        nth: 2,
        ..RequestMatcher::default()
    };
    test_env.sandbox.inject(Fault { matching, action }).unwrap();
    let run = test_env.run(&["user", "update", ALICE, "--dept", "R&D"], "");
    assert_eq!(run.code, 8, "{run:?}");
    assert!(
        run.stderr.contains("the same update can be made again"),
        "{run:?}"
    );
    assert_eq!(profile(&test_env)["dept"], "R&D");
}
