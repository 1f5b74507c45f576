//! What a profile update may hold: the limits of each field, and how what is wrong is reported. Nothing
//! that is wrong is sent.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::Arc;

use repass_domain::{CallContext, Error, ErrorKind, Outcome, ProfileUpdate, UserProfileService as _};
use repass_transport::{MockTransport, Response, StatusCode};
use repass_zoom::{ZoomService, ZoomSettings};
use serde_json::{Value, json};

fn update() -> ProfileUpdate {
    ProfileUpdate::new("alice@example.com".parse().unwrap())
}

fn zoom(transport: MockTransport) -> ZoomService {
    ZoomService::new("zoom", ZoomSettings::default(), Arc::new(transport))
}

/// Why an update is not sent. A transport that is called fails the test.
async fn refused(update: &ProfileUpdate) -> Error {
    let service = zoom(MockTransport::new());
    let error = service.update_profile(&CallContext::default(), update).await;
    let error = error.unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome()),
        (ErrorKind::InvalidRequest, Outcome::NotApplied)
    );
    error
}

/// The problems of an update as `field code`.
async fn problems(update: &ProfileUpdate) -> Vec<String> {
    let error = refused(update).await;
    let reported = error.field_problems().iter();
    reported
        .map(|problem| format!("{} {}", problem.field(), problem.code()))
        .collect()
}

async fn is_sent(update: &ProfileUpdate) {
    let mut transport = MockTransport::new();
    transport
        .expect_deliver()
        .times(1)
        .returning(|_| Ok(Response::new(StatusCode::NO_CONTENT)));
    let sent = zoom(transport)
        .update_profile(&CallContext::default(), update)
        .await;
    assert!(sent.is_ok(), "{update:?}: {sent:?}");
}

fn letters(count: usize) -> Value {
    "é".repeat(count).into()
}

#[tokio::test]
async fn profile_field_limits_match_the_emulator() {
    // Field, what it still takes, what it takes no more, with the code of the problem.
    let table = [
        ("first_name", letters(64), letters(65), "length"),
        ("last_name", letters(64), letters(65), "length"),
        (
            "first_name",
            json!("汉字汉字汉 Ann"),
            json!("汉字汉字汉字"),
            "chinese_characters",
        ),
        (
            "last_name",
            json!("𠀀𠀀𠀀𠀀𠀀"),
            json!("𠀀𠀀𠀀𠀀𠀀𠀀"),
            "chinese_characters",
        ),
        ("display_name", letters(300), json!(1), "type"),
        ("type", json!(1), json!(0), "one_of"),
        ("type", json!(99), json!(5), "one_of"),
        ("pmi", json!(1_000_000_000), json!(999_999_999), "range"),
        (
            "pmi",
            json!(9_999_999_999_u64),
            json!(10_000_000_000_u64),
            "range",
        ),
        ("pmi", json!("5550123456"), json!(-25_518_892), "type"),
        ("use_pmi", json!(false), json!(1), "type"),
        ("timezone", json!("Asia/Shanghai"), json!(8), "type"),
        ("language", json!("en-US"), json!(["en-US"]), "type"),
        ("dept", letters(128), letters(129), "length"),
        ("vanity_name", json!("ann"), json!({}), "type"),
        ("host_key", json!("012345"), json!("01234"), "format"),
        ("host_key", json!("0123456789"), json!("01234567890"), "format"),
        ("host_key", json!("123456"), json!("enim p"), "format"),
        ("cms_user_id", json!("x"), json!(true), "type"),
        ("job_title", letters(128), letters(129), "length"),
        ("company", letters(255), letters(256), "length"),
        ("location", letters(256), letters(257), "length"),
        ("cost_center", json!("c-1"), json!(1.5), "type"),
        ("manager", json!("bob@example.com"), json!("bob"), "email"),
        (
            "custom_attributes",
            json!([{"key": "a", "name": "b", "value": "c"}]),
            json!({"key": "a"}),
            "type",
        ),
        (
            "phone_numbers",
            json!([{"code": "+1", "country": "US", "label": "Fax", "number": "5"}]),
            json!("5"),
            "type",
        ),
        ("phone_country", json!("US"), json!(1), "type"),
        ("group_id", json!("g"), json!(1), "type"),
        ("division_ids", json!(["a", "b"]), json!("a"), "type"),
        ("pronouns", json!("she"), json!(1), "type"),
        ("pronouns_option", json!(1), json!(0), "range"),
        ("pronouns_option", json!(3), json!(4), "range"),
        ("plan_united_type", json!("none"), json!("3"), "one_of"),
        ("plan_united_type", json!("131072"), json!("262144"), "one_of"),
        ("plan_united_type", json!("1"), json!("01"), "one_of"),
        ("plan_united_type", json!("2"), json!(2), "type"),
        ("zoom_one_type", json!(0), json!(8), "one_of"),
        ("zoom_one_type", json!(16), json!(17), "one_of"),
        ("zoom_one_type", json!(1_u64 << 59), json!(1_u64 << 60), "one_of"),
        // A float has lost the exact number already.
        (
            "zoom_one_type",
            json!(1_u64 << 57),
            json!(144_115_188_075_855_870.0),
            "type",
        ),
        ("feature", json!({"zoom_phone": true}), json!(true), "type"),
        ("about_me", json!("a\nb"), json!(1), "type"),
        ("linkedin_url", json!("https://example.com/ann"), json!(1), "type"),
        (
            "license_info_list",
            json!([{"license_type": "MEETING", "license_option": 1, "subscription_id": "s"}]),
            json!("MEETING"),
            "type",
        ),
        ("login_type", json!(101), json!(102), "one_of"),
        ("login_type", json!("0"), json!(2), "one_of"),
        ("remove_tsp_credentials", json!("true"), json!("yes"), "type"),
    ];
    for (field, good, bad, code) in table {
        is_sent(&update().set("remove_tsp_credentials", false).set(field, good)).await;
        assert_eq!(
            problems(&update().set(field, bad.clone())).await,
            [format!("{field} {code}")],
            "{field}: {bad}"
        );
    }
}

#[tokio::test]
async fn profile_field_problem_in_a_list_names_its_index() {
    let update = update()
        .set(
            "phone_numbers",
            json!([{"label": "Fax"}, {"label": "Pager", "nummber": "5", "verified": true}, 7]),
        )
        .set("custom_attributes", json!([{"key": 1}]))
        .set("division_ids", json!(["a", 2]))
        .set("feature", json!({"zoom_phone": "maybe"}))
        .set(
            "license_info_list",
            json!([{"license_type": "FREE", "license_option": -1}]),
        );
    assert_eq!(
        problems(&update).await,
        [
            "custom_attributes[0].key type",
            "division_ids[1] type",
            "feature.zoom_phone type",
            "license_info_list[0].license_option type",
            "license_info_list[0].license_type one_of",
            "phone_numbers[1].label one_of",
            "phone_numbers[1].nummber unknown_field",
            "phone_numbers[1].verified read_only",
            "phone_numbers[2] type",
        ]
    );
}

#[tokio::test]
async fn profile_field_problems_are_reported_together_without_values() {
    let update = update()
        .set("pmi", 123)
        .set("fist_name", "canary-1")
        .set("host_key", "canary-2")
        .set("emial", "canary-3")
        .set("email", "canary-4@example.com")
        .set("password", "canary-5");
    let error = refused(&update).await;
    assert_eq!(
        error.to_string(),
        "the update is refused: \
         email is not changed here, where Zoom would ignore it in silence; change it in Zoom's admin portal; \
         emial is no field of a profile at Zoom, which would ignore it in silence; \
         fist_name is no field of a profile at Zoom; did you mean `first_name`?; \
         host_key takes 6 to 10 digits; \
         password is not changed here; make a password change (`repass reset`); \
         pmi takes exactly 10 digits"
    );
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
}

#[tokio::test]
async fn profile_field_dependencies_are_checked() {
    let number = update().set("phone_number", "5550100");
    assert_eq!(problems(&number).await, ["phone_country required"]);
    is_sent(&number.set("phone_country", "US")).await;
    let plans = update()
        .set("type", 2)
        .set("plan_united_type", "1")
        .set("zoom_one_type", 16);
    assert_eq!(
        problems(&plans).await,
        ["plan_united_type exclusive", "zoom_one_type exclusive"]
    );
    // A partner that is wrong in itself is not missing too.
    let wrong = update().set("phone_number", "5550100").set("phone_country", 1);
    assert_eq!(problems(&wrong).await, ["phone_country type"]);
}

#[tokio::test]
async fn profile_field_without_empty_value_cannot_be_cleared() {
    for field in ["pmi", "use_pmi", "type", "feature", "zoom_one_type", "login_type"] {
        assert_eq!(
            problems(&update().clear(field)).await,
            [format!("{field} not_clearable")]
        );
    }
    assert_eq!(problems(&update().clear("host_key")).await, ["host_key format"]);
    assert_eq!(
        problems(&update().clear("plan_united_type")).await,
        ["plan_united_type one_of"]
    );
    is_sent(&update().clear("manager").clear("custom_attributes").clear("dept")).await;
}

#[tokio::test]
async fn profile_update_without_fields_is_rejected() {
    for update in [update(), update().set("login_type", 100)] {
        let error = refused(&update).await;
        assert!(error.to_string().contains("changes nothing"), "{error}");
    }
}

#[tokio::test]
async fn profile_unknown_field_is_shown_in_one_line() {
    let name = format!("x\n\u{1b}[31m{}", "y".repeat(500));
    let error = refused(&update().set(name, 1)).await;
    let field = error.field_problems()[0].field();
    assert!(
        field.starts_with("x\\n\\u{1b}[31my") && field.len() <= 64,
        "{field}"
    );
}
