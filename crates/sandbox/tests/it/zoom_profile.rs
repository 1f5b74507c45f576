//! Updates of Zoom users.

use http::Method;
use repass_sandbox::{LicenseRefusal, Options, Sandbox, ZoomOptions};
use serde_json::{Value, json};

use crate::client::{ALICE, Answer, request, send, start};

async fn patch(sandbox: &Sandbox, user: &str, body: &Value) -> Answer {
    let headers = [("content-type", "application/json")];
    let path = format!("/v2/users/{user}");
    send(
        sandbox,
        request(Method::PATCH, &path, &headers, body.to_string().as_bytes()),
    )
    .await
}

async fn read(sandbox: &Sandbox, user: &str) -> Value {
    send(
        sandbox,
        request(Method::GET, &format!("/v2/users/{user}"), &[], b""),
    )
    .await
    .json()
}

#[tokio::test]
async fn zoom_profile_field_survives_a_round_trip() {
    let sandbox = start(Options::default()).await;
    let body = json!({
        "first_name": "Ann", "last_name": "李小龙王五", "display_name": "Ann", "pmi": 1_234_567_890, "use_pmi": true,
        "timezone": "Europe/Berlin", "language": "de-DE", "dept": "IT", "vanity_name": "ann", "host_key": "123456",
        "cms_user_id": "k", "job_title": "Engineer", "company": "Acme", "location": "Here", "cost_center": "c",
        "manager": "bob@example.com", "custom_attributes": [{"key": "k", "name": "n", "value": "v"}],
        "phone_numbers": [{"code": "+49", "country": "DE", "label": "Mobile", "number": "1"}],
        "phone_number": "1", "phone_country": "DE", "group_id": "g", "division_ids": ["d"], "pronouns": "she",
        "pronouns_option": 3, "zoom_one_type": 576_460_752_303_423_488_u64, "feature": {"zoom_phone": true},
        "about_me": "", "linkedin_url": "https://example.com", "license_info_list": [{"license_type": "MEETING"}],
    });
    assert_eq!(patch(&sandbox, ALICE, &body).await.status, 204);
    let seen = read(&sandbox, ALICE).await;
    for (name, value) in body.as_object().unwrap() {
        assert_eq!(&seen[name], value, "{name}");
    }
    assert_eq!(
        patch(&sandbox, ALICE, &json!({"plan_united_type": "131072"}))
            .await
            .status,
        204
    );
    assert_eq!(patch(&sandbox, ALICE, &json!({"type": 1})).await.status, 204);
    assert_eq!(sandbox.changes(), 0);
}

#[tokio::test]
async fn zoom_accepts_form_data() {
    let sandbox = start(Options::default()).await;
    let field = |name: &str, value: &str| {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let form = [
        field("first_name", "42"),
        field("pmi", "1234567890"),
        field("use_pmi", "true"),
    ]
    .concat();
    let headers = [("content-type", "multipart/form-data; boundary=x")];
    let path = format!("/v2/users/{ALICE}?login_type=100&remove_tsp_credentials=true");
    let answer = send(
        &sandbox,
        request(Method::PATCH, &path, &headers, format!("{form}--x--").as_bytes()),
    )
    .await;
    assert_eq!(answer.status, 204, "{answer:?}");
    let seen = read(&sandbox, ALICE).await;
    assert_eq!(
        [&seen["first_name"], &seen["pmi"], &seen["use_pmi"]],
        [&json!("42"), &json!(1_234_567_890), &json!(true)]
    );
}

#[tokio::test]
async fn zoom_ignores_unknown_fields() {
    let sandbox = start(Options::default()).await;
    let answer = patch(
        &sandbox,
        ALICE,
        &json!({"email": "new@example.com", "nothing": 1, "dept": null}),
    )
    .await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
    let seen = read(&sandbox, ALICE).await;
    assert_eq!((&seen["email"], &seen["nothing"]), (&json!(ALICE), &Value::Null));
}

#[tokio::test]
async fn zoom_reports_all_invalid_fields_at_once() {
    let sandbox = start(Options::default()).await;
    let body = json!({
        "first_name": "x".repeat(65), "last_name": "李小龙王五六", "type": 5, "pmi": 123, "use_pmi": "yes",
        "dept": "x".repeat(129), "host_key": "12345", "job_title": 1, "company": "x".repeat(256),
        "location": "x".repeat(257), "manager": "nobody", "custom_attributes": {"key": "k"},
        "phone_numbers": [{"verified": "x"}], "division_ids": [1], "pronouns_option": 4,
        "zoom_one_type": 1_u64 << 60, "feature": [], "license_info_list": ["x"],
    });
    let answer = patch(&sandbox, ALICE, &body).await;
    assert_eq!(answer.zoom_error(), (400, 300, "Validation Failed.".to_owned()));
    let answer = answer.json();
    let mut named: Vec<_> = answer["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["field"].as_str().unwrap())
        .collect();
    named.sort_unstable();
    assert_eq!(named, body.as_object().unwrap().keys().collect::<Vec<_>>());
    assert_eq!(read(&sandbox, ALICE).await["first_name"], "alice");
}

#[tokio::test]
async fn zoom_profile_update_gives_each_documented_rejection() {
    let sandbox = start(Options::default()).await;
    assert_eq!(
        patch(&sandbox, "bob@example.com", &json!({"vanity_name": "taken"}))
            .await
            .status,
        204
    );
    let rows = [
        ("nobody", json!({}), 404, 1001, "User does not exist: nobody."),
        ("pending@example.com", json!({}), 400, 1120, "A valid invitation"),
        (
            ALICE,
            json!({"password": "x"}),
            400,
            300,
            "Invalid parameter: password",
        ),
        (
            ALICE,
            json!({"first_name": "Forbidden"}),
            400,
            300,
            "Your request could not be completed because the name contains an invalid word: Forbidden",
        ),
        (
            ALICE,
            json!({"plan_united_type": "3"}),
            400,
            300,
            "The value provided for \"plan_united_type\" parameter is invalid.",
        ),
        (
            ALICE,
            json!({"type": 1, "zoom_one_type": 16}),
            400,
            300,
            "You can't change the \"type\" or",
        ),
        (
            ALICE,
            json!({"vanity_name": "taken"}),
            400,
            4100,
            "User is already taken",
        ),
        (
            ALICE,
            json!({"phone_number": "1"}),
            400,
            300,
            "Validation Failed.",
        ),
    ];
    for (user, body, status, code, text) in rows {
        let seen = patch(&sandbox, user, &body).await.zoom_error();
        assert_eq!((seen.0, seen.1), (status, code), "{body} {seen:?}");
        assert!(seen.2.starts_with(text), "{seen:?}");
    }
}

#[tokio::test]
async fn zoom_user_kind_limits_profile_updates() {
    let sandbox = start(Options::default()).await;
    assert_eq!(
        patch(&sandbox, "carol@example.com", &json!({"type": 4}))
            .await
            .status,
        204
    );
    let rows = [
        (
            "basic@example.com",
            json!({"pmi": 1_234_567_890}),
            400,
            1109,
            "Host is not a paid user.",
        ),
        (
            "basic@example.com",
            json!({"host_key": "123456"}),
            400,
            1108,
            "Only paid user can own host key.",
        ),
        (
            "carol@example.com",
            json!({"pmi": 1_234_567_890}),
            400,
            200,
            "You cannot update PMI information",
        ),
        (
            "room@example.com",
            json!({"type": 1}),
            400,
            200,
            "A Zoom Room user cannot be updated to a free user type: room@example.com",
        ),
        (
            "room@example.com",
            json!({"type": 4}),
            400,
            200,
            "A Zoom Room user cannot be updated to a no-meeting",
        ),
        (
            "host@example.com",
            json!({"type": 1}),
            400,
            300,
            "You cannot change the user type to \"Basic\"",
        ),
    ];
    for (user, body, status, code, text) in rows {
        let seen = patch(&sandbox, user, &body).await.zoom_error();
        assert_eq!((seen.0, seen.1), (status, code), "{body} {seen:?}");
        assert!(seen.2.starts_with(text), "{seen:?}");
    }
}

#[tokio::test]
async fn account_options_give_their_rejections() {
    for name in LicenseRefusal::NAMES.iter().filter(|name| **name != "none") {
        let license_refusal: LicenseRefusal = name.parse().unwrap();
        let zoom = ZoomOptions {
            license_refusal,
            ..ZoomOptions::default()
        };
        let sandbox = start(Options {
            zoom,
            ..Options::default()
        })
        .await;
        let answer = patch(&sandbox, ALICE, &json!({"type": 1})).await;
        assert_eq!(answer.zoom_error().1.to_string(), *name);
        assert_eq!(patch(&sandbox, ALICE, &json!({"dept": "IT"})).await.status, 204);
    }
    let zoom = ZoomOptions {
        caller_is_admin: false,
        ..ZoomOptions::default()
    };
    let sandbox = start(Options {
        zoom,
        ..Options::default()
    })
    .await;
    let rows = [
        (
            json!({"first_name": "x"}),
            "Only an account administrator can change a user's name.",
        ),
        (
            json!({"host_key": "123456"}),
            "Only an account administrator can change the host key.",
        ),
        (
            json!({"pmi": 1_234_567_890}),
            "Only an account administrator can change a Personal Meeting ID (PMI).",
        ),
        (
            json!({"vanity_name": "x"}),
            "Only an account administrator can change a vanity name.",
        ),
    ];
    for (body, text) in rows {
        assert_eq!(
            patch(&sandbox, ALICE, &body).await.zoom_error(),
            (400, 200, text.to_owned())
        );
    }
}

#[tokio::test]
async fn zoom_update_checks_the_query_before_the_body() {
    let sandbox = start(Options::default()).await;
    for query in ["login_type=2", "login_type=", "remove_tsp_credentials=yes"] {
        let answer = send(
            &sandbox,
            request(Method::PATCH, &format!("/v2/users/{ALICE}?{query}"), &[], b""),
        )
        .await;
        let field = query.split('=').next().unwrap();
        assert_eq!(
            answer.json()["errors"],
            json!([{"field": field, "message": "Invalid field."}])
        );
    }
    let answer = send(
        &sandbox,
        request(
            Method::PATCH,
            &format!("/v2/users/{ALICE}?login_type=101"),
            &[],
            b"",
        ),
    )
    .await;
    assert_eq!(answer.status, 415);
}
