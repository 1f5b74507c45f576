//! What the portal tells of users and settings.

use http::Method;
use repass_sandbox::{IdentityOptions, IdentityRules, Options, Sandbox};
use serde_json::{Value, json};

use crate::client::{ALICE, ALICE_GUID, Answer, put_json, request, send, start};

async fn read(sandbox: &Sandbox, path: &str) -> Answer {
    send(sandbox, request(Method::GET, path, &[], b"")).await
}

#[tokio::test]
async fn portal_user_is_returned_as_on_the_wire() {
    let sandbox = start(Options::default()).await;
    let path = format!("/identity/api/User/{ALICE_GUID}");
    let user = read(&sandbox, &path).await.json();
    assert_eq!(
        [&user["id"], &user["userName"], &user["email"]],
        [&json!(ALICE_GUID), &json!(ALICE), &json!(ALICE)]
    );
    assert_eq!(
        (&user["type"], &user["groupIDs"], &user["lastModificationTime"]),
        (&json!(0), &Value::Null, &Value::Null)
    );
    let update = json!({"name": "Al", "surname": "Ice", "displayName": "A", "isActive": false});
    assert_eq!(put_json(&sandbox, &path, &update).await.status, 200);
    let user = read(&sandbox, &path).await.json();
    for (name, value) in update.as_object().unwrap() {
        assert_eq!(&user[name], value, "{name}");
    }
    assert!(user["lastModificationTime"].is_string());
    assert_eq!(read(&sandbox, "/identity/api/User/har-3107").await.status, 400);
    assert_eq!(
        read(
            &sandbox,
            "/identity/api/User/00000000-0000-4000-8000-000000000001"
        )
        .await
        .status,
        404
    );
    let directory = read(
        &sandbox,
        "/identity/api/User/d17ec704-0000-4000-8000-000000000004",
    )
    .await
    .json();
    assert_eq!(
        (&directory["type"], &directory["category"]),
        (&json!(2), &json!(2))
    );
}

#[tokio::test]
async fn email_search_returns_the_guid() {
    let sandbox = start(Options {
        users: 30,
        ..Options::default()
    })
    .await;
    let base = format!(
        "/identity/api/User/users/{}",
        sandbox.startup_info().identity.partition
    );
    let rows = [
        ("searchTerm=alice%40example.com", 1, vec![ALICE_GUID]),
        ("searchTerm=ALICE", 1, vec![ALICE_GUID]),
        (
            "searchTerm=user000007@example.com",
            1,
            vec!["00000000-0000-4000-8000-000000000007"],
        ),
        ("searchTerm=user000031@example.com", 0, vec![]),
        ("searchTerm=nobody", 0, vec![]),
        (
            "searchTerm=user0000&top=2&skip=20",
            30,
            vec![
                "00000000-0000-4000-8000-000000000021",
                "00000000-0000-4000-8000-000000000022",
            ],
        ),
    ];
    for (query, total, ids) in rows {
        let answer = read(&sandbox, &format!("{base}?{query}")).await.json();
        let seen: Vec<_> = answer["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["id"].as_str().unwrap())
            .collect();
        assert_eq!((&answer["totalCount"], seen), (&json!(total), ids), "{query}");
    }
    let all = read(&sandbox, &base).await.json();
    assert_eq!(
        (&all["totalCount"], all["results"].as_array().unwrap().len()),
        (&json!(34), 10)
    );
    assert_eq!(
        read(&sandbox, &format!("{base}?top=1001")).await.json()["errors"],
        json!({"top": ["The value '1001' is not valid."]})
    );
    let other = read(
        &sandbox,
        "/identity/api/User/users/00000000-0000-4000-8000-000000000001",
    )
    .await;
    assert_eq!(other.result(), (400, false, vec!["InvalidPartition".to_owned()]));
    assert_eq!(read(&sandbox, "/identity/api/User/users/acme").await.status, 400);
}

#[tokio::test]
async fn portal_settings_contain_the_policy_as_strings() {
    let rules = IdentityRules::Aspnet;
    let identity = IdentityOptions {
        rules,
        minimum_length: Some(10),
        previous_use_limit: 3,
        ..IdentityOptions::default()
    };
    let sandbox = start(Options {
        identity,
        ..Options::default()
    })
    .await;
    let query = "key=Auth.Password.PasswordComplexity&key=Auth.Password.PreviousUseLimit&key=None&partitionGlobalId=p";
    let answer = read(&sandbox, &format!("/identity/api/Setting?{query}"))
        .await
        .json();
    let settings = answer.as_array().unwrap();
    assert_eq!(settings.len(), 2);
    assert_eq!(settings[0]["partitionGlobalId"], "p");
    assert_eq!(
        settings[0]["value"],
        r#"{"hasSpecialCharacter":true,"hasLowercase":true,"hasUppercase":true,"hasDigit":true,"Length":"10"}"#
    );
    assert_eq!(settings[1]["value"], "3");
    let all = read(&sandbox, "/identity/api/Setting").await.json();
    let value = |key: &str| {
        all.as_array()
            .unwrap()
            .iter()
            .find(|it| it["key"] == key)
            .unwrap()["value"]
            .clone()
    };
    assert_eq!(value("Auth.UserLockOut.IsEnabled"), "true");
    assert_eq!(value("Auth.UserLockOut.DefaultAccountLockoutSeconds"), "300");
    assert_eq!(
        value("Auth.UserLockOut.MaxFailedAccessAttemptsBeforeLockout"),
        "10"
    );
    assert_eq!(value("Auth.Password.DefaultExpirationDays"), "0");
}
