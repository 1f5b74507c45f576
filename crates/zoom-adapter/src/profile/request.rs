//! From a checked update to Zoom's wire format.

use repass_domain::{CallRedactor, UserId};
use repass_transport::{Idempotency, Method, Request, SecretBody};
use serde_json::Value;

use super::checked::Checked;
use super::errors;
use super::fields::Body;
use crate::request::Encoding;

/// `PATCH /users/{userId}`.
pub(super) fn update(user: &UserId, checked: &Checked, encoding: Encoding) -> Request {
    let body = match encoding {
        Encoding::FormData => form_data(&checked.body),
        Encoding::Json => SecretBody::json(&checked.body),
    };
    let mut request = Request::new("zoom.profile", Method::PATCH, Idempotency::Idempotent)
        .segment("users")
        .segment(user.expose());
    if let Some(login) = checked.query.login_type {
        request = request.query("login_type", &login.to_string());
    }
    if let Some(remove) = checked.query.remove_tsp_credentials {
        request = request.query("remove_tsp_credentials", if remove { "true" } else { "false" });
    }
    request
        .body(body)
        .counted_as("light")
        .reading(|response| errors::profile(response, &CallRedactor::for_nothing()).outcome)
}

// One part for each field; lists and objects as JSON text (inferred: the published collection shows
// only how plain values go).
fn form_data(body: &Body) -> SecretBody {
    let Ok(Value::Object(fields)) = serde_json::to_value(body) else {
        unreachable!("a struct of texts, numbers and lists serialises to an object");
    };
    let parts: Vec<(String, String)> = fields
        .into_iter()
        .map(|(name, value)| match value {
            Value::String(text) => (name, text),
            value => (name, value.to_string()),
        })
        .collect();
    let parts: Vec<(&str, &str)> = parts
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    SecretBody::multipart(&parts)
}

#[cfg(test)]
mod tests {
    use repass_domain::ProfileUpdate;
    use serde_json::json;

    use super::*;
    use crate::profile::checked::check;

    fn request(update: &ProfileUpdate, encoding: Encoding) -> Request {
        super::update(update.user(), &check(update).unwrap(), encoding)
    }

    fn text(request: &Request) -> String {
        String::from_utf8(request.secret_body().unwrap().bytes().trim_ascii_end().to_vec()).unwrap()
    }

    fn alice() -> ProfileUpdate {
        ProfileUpdate::new("alice@example.com".parse().unwrap())
    }

    #[test]
    fn profile_request_json_keeps_field_types() {
        let update = alice()
            .set("first_name", "Ann \"A\"")
            .set("pmi", "5550123456")
            .set("use_pmi", "true")
            .set("pronouns_option", 2)
            .set("zoom_one_type", 1_u64 << 59)
            .set("custom_attributes", json!([{"key": "k", "value": "v"}]))
            .set("phone_numbers", r#"[{"label": "Fax", "number": "5550100"}]"#);
        let request = request(&update, Encoding::Json);
        assert_eq!(
            (request.method(), request.path()),
            (&Method::PATCH, "/users/alice@example.com")
        );
        assert_eq!(
            serde_json::from_str::<Value>(&text(&request)).unwrap(),
            json!({
                "first_name": "Ann \"A\"",
                "pmi": 5_550_123_456_u64,
                "use_pmi": true,
                "pronouns_option": 2,
                "zoom_one_type": 576_460_752_303_423_488_u64,
                "custom_attributes": [{"key": "k", "value": "v"}],
                "phone_numbers": [{"label": "Fax", "number": "5550100"}],
            })
        );
    }

    #[test]
    fn profile_request_form_data_has_a_part_for_each_field() {
        let update = alice()
            .set("first_name", "@Ann;\r\n")
            .set("zoom_one_type", 1_u64 << 57)
            .set("feature", json!({"zoom_phone": false}))
            .set("division_ids", json!(["a", "b"]));
        let text = text(&request(&update, Encoding::FormData));
        for part in [
            "name=\"first_name\"\r\n\r\n@Ann;\r\n\r\n--",
            "name=\"zoom_one_type\"\r\n\r\n144115188075855872\r\n--",
            "name=\"feature\"\r\n\r\n{\"zoom_phone\":false}\r\n--",
            "name=\"division_ids\"\r\n\r\n[\"a\",\"b\"]\r\n--",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(text.matches("name=").count(), 4);
    }

    #[test]
    fn profile_request_cleared_field_is_sent_empty() {
        let update = alice().clear("company").clear("phone_numbers").set("dept", "");
        let request = request(&update, Encoding::Json);
        assert_eq!(text(&request), r#"{"dept":"","company":"","phone_numbers":[]}"#);
    }

    #[test]
    fn profile_request_query_field_is_not_in_the_body() {
        let update = alice().set("login_type", 100).set("remove_tsp_credentials", true);
        let request = request(&update, Encoding::Json);
        assert_eq!(
            request.path(),
            "/users/alice@example.com?login_type=100&remove_tsp_credentials=true"
        );
        assert_eq!(text(&request), "{}");
    }

    #[test]
    fn profile_request_is_idempotent_and_light() {
        let request = request(&alice().set("dept", "R&D"), Encoding::FormData);
        assert_eq!(
            (request.idempotency(), request.rate_label()),
            (Idempotency::Idempotent, Some("light"))
        );
    }
}
