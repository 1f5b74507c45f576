//! From an e-mail address to the GUID by which the portal names a user.

use repass_adapter_kit::Verdict;
use repass_domain::{ErrorKind, UserId, UserKey};
use repass_transport::{Answer, Method, Observed, Replay, Request};
use serde_json::Value;

use crate::json::{field, text_of};
use crate::verdict;

// More matches than this for a whole e-mail address would be no match.
const MOST: &str = "100";

/// `GET /api/User/users/{organization}?searchTerm={email}`.
pub(crate) fn request(organization: &str, user: &UserId) -> Request {
    Request::new("identity.lookup", Method::GET, Replay::Convergent)
        .segment("api")
        .segment("User")
        .segment("users")
        .segment(organization)
        .query("searchTerm", user.expose())
        .query("top", MOST)
        .counted_as("get")
        .reading(|answer| verdict::read(answer).observed)
}

/// The id of the one user who has exactly this e-mail address or user name.
pub(crate) fn read(answer: &Answer, user: &UserId) -> Result<UserId, Verdict> {
    let verdict = verdict::read(answer);
    if verdict.observed != Observed::Done {
        return Err(verdict);
    }
    let unclear = || Verdict::new(Observed::Faulted, ErrorKind::UnexpectedAnswer);
    let body: Value = answer.json().ok_or_else(unclear)?;
    let results = field(&body, "results")
        .and_then(Value::as_array)
        .ok_or_else(unclear)?;
    let wanted = user.key();
    let is = |found: &Value, name| text_of(found, name).is_some_and(|text| UserKey::of(&text) == wanted);
    // The search also finds parts of names.
    let mut found = results
        .iter()
        .filter(|found| is(found, "email") || is(found, "userName"));
    match (found.next(), found.next()) {
        (Some(one), None) => {
            let id = text_of(one, "id").ok_or_else(unclear)?;
            UserId::new(&id).map_err(|_| unclear())
        }
        (None, _) => Err(Verdict::refused(ErrorKind::UserNotFound)),
        (Some(_), Some(_)) => Err(Verdict::refused(ErrorKind::InvalidRequest)
            .advise("several users of the organisation have this address; name the user by GUID")),
    }
}

#[cfg(test)]
mod tests {
    use repass_transport::StatusCode;

    use super::*;

    #[test]
    fn only_the_whole_address_counts() {
        let user = UserId::new("Ann@example.com").unwrap();
        let read = |body| read(&Answer::new(StatusCode::OK).with_body(body), &user);
        let one = r#"{"totalCount":2,"results":[{"id":"1","email":"joann@example.com"},{"id":"2","email":"ann@example.com"}]}"#;
        assert_eq!(read(one).unwrap().expose(), "2");
        let none = r#"{"totalCount":1,"results":[{"id":"1","email":"joann@example.com"}]}"#;
        assert_eq!(read(none).unwrap_err().kind, ErrorKind::UserNotFound);
        let two =
            r#"{"results":[{"id":"1","email":"ann@example.com"},{"id":"2","userName":"ann@example.com"}]}"#;
        assert_eq!(read(two).unwrap_err().kind, ErrorKind::InvalidRequest);
        assert_eq!(read("{}").unwrap_err().kind, ErrorKind::UnexpectedAnswer);
    }

    #[test]
    fn an_address_is_compared_as_the_portal_folds_it() {
        for (asked, stored) in [
            ("MÜLLER@EXAMPLE.COM", "müller@example.com"),
            ("mu\u{308}ller@example.com", "müller@example.com"),
            ("ann@bücher.example", "Ann@xn--bcher-kva.example"),
            ("ann@xn--bcher-kva.example", "ann@BÜCHER.example"),
        ] {
            let body = serde_json::json!({"results": [
                {"id": "1", "email": "muller@example.com", "userName": "ann@bucher.example"},
                {"id": "2", "userName": stored},
            ]});
            let answer = Answer::new(StatusCode::OK).with_body(body.to_string());
            let found = read(&answer, &UserId::new(asked).unwrap());
            assert_eq!(found.unwrap().expose(), "2", "{asked}");
        }
    }
}
