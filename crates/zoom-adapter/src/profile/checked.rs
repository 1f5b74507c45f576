//! From an update to what can be sent, or to everything that is wrong with it.

use std::borrow::Cow;

use repass_domain::{Error, ErrorKind, FieldProblem, ProfileUpdate};
use validator::{Validate as _, ValidationError, ValidationErrors, ValidationErrorsKind};

use super::fields::{Body, Query};
use super::given::Given;

/// An update whose every field is good.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) query: Query,
    pub(super) body: Body,
}

/// Checks an update.
///
/// # Errors
/// All problems of all fields, in the fields' alphabetical order.
pub(super) fn check(update: &ProfileUpdate) -> Result<Checked, Error> {
    let mut problems = Vec::new();
    let mut given = Given::new(update.fields().clone(), &mut problems);
    let (query, body) = (Query::take(&mut given), Body::take(&mut given));
    given.finish();
    for checked in [query.validate(), body.validate()] {
        checked
            .err()
            .into_iter()
            .for_each(|errors| collect("", &errors, &mut problems));
    }
    together(update, &mut problems);
    if !problems.is_empty() {
        problems.sort_by(|a, b| a.field().cmp(b.field()));
        return Err(Error::invalid_fields(problems));
    }
    // The login type only says which of the user's logins is meant.
    if update.fields().keys().all(|field| field == "login_type") {
        let message = "the update changes nothing; name a field to set or to clear";
        return Err(Error::not_applied(ErrorKind::InvalidRequest, message));
    }
    Ok(Checked { query, body })
}

/// What the fields ask of each other. Goes by what was named, so that a field which is wrong in
/// itself is not reported as missing too.
fn together(update: &ProfileUpdate, problems: &mut Vec<FieldProblem>) {
    let has = |field: &str| update.fields().contains_key(field);
    if has("phone_number") && !has("phone_country") {
        let message = "is needed with phone_number";
        problems.push(FieldProblem::new("phone_country", "required", message));
    }
    let plans = ["type", "plan_united_type", "zoom_one_type"];
    let mut named = plans.into_iter().filter(|plan| has(plan));
    if let Some(first) = named.next() {
        for plan in named {
            let message = format!("cannot change together with {first}");
            problems.push(FieldProblem::new(plan, "exclusive", message));
        }
    }
}

fn collect(place: &str, errors: &ValidationErrors, problems: &mut Vec<FieldProblem>) {
    for (name, kind) in errors.errors() {
        let place = format!("{place}{}", name.trim_start_matches("r#"));
        match kind {
            ValidationErrorsKind::Field(errors) => {
                let found = errors.iter().map(|error| problem(&place, error));
                problems.extend(found);
            }
            ValidationErrorsKind::Struct(errors) => collect(&format!("{place}."), errors, problems),
            ValidationErrorsKind::List(items) => {
                for (index, errors) in items {
                    collect(&format!("{place}[{index}]."), errors, problems);
                }
            }
        }
    }
}

// The error carries the value too, and is left behind here.
fn problem(place: &str, error: &ValidationError) -> FieldProblem {
    let message = match (&error.message, error.params.get("max")) {
        (Some(message), _) => message.to_string(),
        (None, Some(max)) => format!("takes at most {max} characters"),
        (None, None) => "is not valid".to_owned(),
    };
    let code = match &error.code {
        Cow::Borrowed(code) => code,
        Cow::Owned(_) => "invalid",
    };
    FieldProblem::new(place, code, message)
}
