//! From an e-mail address to the GUID by which the portal names a user.

use repass_domain::{ErrorKind, UserId, UserKey};
use repass_provider::Classification;
use repass_transport::{AttemptOutcome, Idempotency, Json, Method, Request, Response, StatusCode};

use crate::errors;

// More matches than this for a whole e-mail address would be no match.
const MOST: &str = "100";
// A user takes about a kilobyte (observed).
const LONGEST_ANSWER: usize = 1024 * 1024;

/// `GET /api/User/users/{organization}?searchTerm={email}`.
pub(crate) fn request(organization: &str, user: &UserId) -> Request {
    Request::new("identity.lookup", Method::GET, Idempotency::Idempotent)
        .segment("api")
        .segment("User")
        .segment("users")
        .segment(organization)
        .query("searchTerm", user.expose())
        .query("top", MOST)
        .counted_as("get")
        .answer_up_to(LONGEST_ANSWER)
        .reading(|response| errors::read(response).outcome)
}

/// The id of the one user who has exactly this e-mail address or user name.
pub(crate) fn read(response: &Response, user: &UserId) -> Result<UserId, Classification> {
    let classification = errors::read(response);
    // A search that finds no user is answered with an empty list, so it is the organization that is missing.
    if classification.kind == ErrorKind::UserNotFound && response.status() == StatusCode::NOT_FOUND {
        return Err(Classification {
            kind: ErrorKind::Misconfigured,
            ..classification
        }
        .with_hint("the portal knows no such organization; check `organization`"));
    }
    if classification.outcome != AttemptOutcome::Done {
        return Err(classification);
    }
    let body = response.json().ok_or_else(Classification::unreadable)?;
    let Some(Json::List(results)) = body.get("results") else {
        return Err(Classification::unreadable());
    };
    let wanted = user.key();
    let is = |found: &Json, name| found.text(name).is_some_and(|text| UserKey::of(text) == wanted);
    // The search also finds parts of names.
    let mut found = results
        .iter()
        .filter(|found| is(found, "email") || is(found, "userName"));
    match (found.next(), found.next()) {
        (Some(one), None) => {
            let id = one.text("id").ok_or_else(Classification::unreadable)?;
            UserId::new(id).map_err(|_| Classification::unreadable())
        }
        (None, _) if more_than_listed(body, results.len()) => {
            Err(Classification::rejected(ErrorKind::InvalidRequest)
                .with_hint("too many users of the organization match this address; name the user by GUID"))
        }
        (None, _) => Err(Classification::rejected(ErrorKind::UserNotFound)),
        (Some(_), Some(_)) => Err(Classification::rejected(ErrorKind::InvalidRequest)
            .with_hint("several users of the organization have this address; name the user by GUID")),
    }
}

fn more_than_listed(body: &Json, listed: usize) -> bool {
    let total = body.get("totalCount").and_then(Json::as_integer);
    total.is_some_and(|total| usize::try_from(total).is_ok_and(|total| total > listed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookup_compares_the_whole_address() {
        let user = UserId::new("Ann@example.com").unwrap();
        let read = |body| read(&Response::new(StatusCode::OK).with_body(body), &user);
        let one = r#"{"totalCount":2,"results":[{"id":"1","email":"joann@example.com"},{"id":"2","email":"ann@example.com"}]}"#;
        assert_eq!(read(one).unwrap().expose(), "2");
        let none = r#"{"totalCount":1,"results":[{"id":"1","email":"joann@example.com"}]}"#;
        assert_eq!(read(none).unwrap_err().kind, ErrorKind::UserNotFound);
        let cut_off = r#"{"totalCount":250,"results":[{"id":"1","email":"joann@example.com"}]}"#;
        assert_eq!(read(cut_off).unwrap_err().kind, ErrorKind::InvalidRequest);
        let two =
            r#"{"results":[{"id":"1","email":"ann@example.com"},{"id":"2","userName":"ann@example.com"}]}"#;
        assert_eq!(read(two).unwrap_err().kind, ErrorKind::InvalidRequest);
        assert_eq!(read("{}").unwrap_err().kind, ErrorKind::UnexpectedAnswer);
    }

    #[test]
    fn lookup_compares_addresses_as_the_portal_folds_them() {
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
            let response = Response::new(StatusCode::OK).with_body(body.to_string());
            let found = read(&response, &UserId::new(asked).unwrap());
            assert_eq!(found.unwrap().expose(), "2", "{asked}");
        }
    }

    #[test]
    fn lookup_missing_organization_is_not_a_missing_user() {
        let user = UserId::new("ann@example.com").unwrap();
        let problem = r#"{"type":"https://tools.ietf.org/html/rfc7231#section-6.5.4","title":"Not Found","status":404}"#;
        let response = Response::new(StatusCode::NOT_FOUND).with_body(problem);
        let classification = read(&response, &user).unwrap_err();
        assert_eq!(classification.kind, ErrorKind::Misconfigured);
        assert!(classification.hint.unwrap().contains("`organization`"));
    }
}
