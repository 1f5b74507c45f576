//! What Zoom's responses to a profile update mean: its own rows, before those that all calls share.

use repass_domain::{CallRedactor, ErrorKind, FieldProblem};
use repass_provider::Classification;
use repass_transport::Response;

use crate::errors::{ZoomError, changing};

/// Reads the response to a profile update.
pub(super) fn profile(response: &Response, redactor: &CallRedactor<'_>) -> Classification {
    changing(response, redactor, row)
}

// Each arm: *documented* unless it says otherwise. Licences and user types are refusals of the
// user, not of a value: the same value is good for another user, or tomorrow.
fn row(code: i64, error: &ZoomError, _: &CallRedactor<'_>) -> Option<Classification> {
    let not_eligible = |hint| Classification::rejected(ErrorKind::NotEligible).with_hint(hint);
    Some(match code {
        104 | 4700 | 4711 => missing_scope(),
        _ if error.says("does not contain scopes") => missing_scope(),
        200 if error.says("a zoom room user cannot be updated") => {
            not_eligible("a Zoom Room cannot be given this user type")
        }
        200 if error.says("no meetings license") => not_eligible(
            "a user without a meetings licence has no personal meeting ID; change the user type first",
        ),
        200 if error.says("only an account administrator can change") => {
            Classification::rejected(ErrorKind::PermissionDenied)
                .with_hint("Zoom lets only an administrator of the account change this field")
        }
        300 if error.says("contains an invalid word") => Classification::rejected(ErrorKind::InvalidRequest)
            .with_hint("Zoom does not allow a word of the name; choose another name"),
        300 if error.says("upcoming zoom events") => not_eligible(
            "this user hosts an upcoming Zoom Event, which Basic users cannot; hand it over first",
        ),
        300 if error.says("invalid parameter: password") => invalid(
            "password",
            "elsewhere",
            "is not changed here; make a password change",
        ),
        300 if error.says("\"plan_united_type\" parameter is invalid") => invalid(
            "plan_united_type",
            "refused",
            "is not a plan that this account has",
        ),
        300 if error.says("\"zoom_one_type\" at the same time") => {
            Classification::rejected(ErrorKind::InvalidRequest)
                .with_hint("type, plan_united_type and zoom_one_type cannot change together")
        }
        300 if error.says("having zoom one as your basic plan") => {
            not_eligible("the account's basic plan is Zoom One, so its licence cannot be turned off")
        }
        // A draft of Zoom's, of 2018.
        300 if error.says("there is a started meeting") => {
            not_eligible("the host key cannot change while a meeting of the user is on; wait for its end")
        }
        // A draft of Zoom's, of 2018.
        300 if error.says("host key cannot be same as") => invalid(
            "host_key",
            "refused",
            "is the same as the personal audio conference password",
        ),
        // A draft of Zoom's, of 2018.
        1108 if error.says("paid user") => not_eligible("only a licensed user can have a host key"),
        1108 => Classification::rejected(ErrorKind::PermissionDenied)
            .with_hint("the token's owner may not change the type of this user"),
        1109 => not_eligible("this takes a licensed user, and this one is not"),
        1120 => not_eligible(
            "the user has not joined the account: the invitation has expired, or the id is wrong; invite again",
        ),
        2033 => not_eligible("the account has as many Basic users as it may have; ask Zoom for more"),
        2034 | 2038 => not_eligible("the account has no such licence left; buy or free one"),
        2039 => not_eligible("the account has too few Basic licences to turn this licence off"),
        3412 => not_eligible("the account has as many users of this type as it may have; free or buy one"),
        4100 => invalid("vanity_name", "taken", "is taken by another user of the account"),
        300 if error.fields().next().is_some() => Classification::invalid(refused_fields(error)),
        _ => return None,
    })
}

fn missing_scope() -> Classification {
    Classification::rejected(ErrorKind::PermissionDenied)
        .with_hint("the app lacks the scope; grant user:update:user:admin (or the classic user:write:admin)")
}

fn invalid(field: &str, code: &'static str, message: &str) -> Classification {
    Classification::invalid(vec![FieldProblem::new(field, code, message)])
}

// "Validation Failed.", with a list of fields.
fn refused_fields(error: &ZoomError) -> Vec<FieldProblem> {
    let problem = |(field, message): (&str, &str)| {
        FieldProblem::new(field, "refused", format!("is refused by Zoom: {message}"))
    };
    error.fields().map(problem).collect()
}
