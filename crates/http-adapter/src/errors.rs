//! What a response means, by the rows of the table. What no row describes is unknown, unless HTTP itself defines the
//! status as not processed.

use std::time::Duration;

use repass_domain::{CallRedactor, ErrorKind};
use repass_provider::{Classification, only_number};
use repass_transport::{AttemptOutcome, Json, Response};

use crate::row::{Meaning, Row};
use crate::table::StatusCondition;
use crate::template::Values;

/// What the rows make of a response.
pub(crate) fn classify(
    rows: &[Row],
    response: &Response,
    redactor: &CallRedactor<'_>,
    values: &Values<'_>,
) -> Classification {
    let body = response.json_value();
    match matching(rows, response, body.as_ref(), values) {
        Some(row) => of_row(row, body.as_ref(), redactor).with_grade(row.from),
        None => unmatched(response, values.current.is_some()),
    }
}

/// What the retry loop has to know of it. Reads no texts, so no redactor is needed.
pub(crate) fn outcome(
    rows: &[Row],
    response: &Response,
    values: &Values<'_>,
    is_self_service: bool,
) -> AttemptOutcome {
    let body = response.json_value();
    match matching(rows, response, body.as_ref(), values) {
        Some(row) => attempt_outcome(&row.meaning),
        None => unmatched(response, is_self_service).outcome,
    }
}

/// How long a rate limit lasts, where its row says where that stands.
pub(crate) fn delay(rows: &[Row], response: &Response, values: &Values<'_>) -> Option<Duration> {
    /// No server is believed for longer: a month.
    const LONGEST: u32 = 31 * 86_400;
    let body = response.json_value();
    let row = matching(rows, response, body.as_ref(), values)?;
    let (pointer, unit) = row.delay.as_ref()?;
    let count: u32 = pointer.find(body.as_ref()?).ok()??.plain().parse().ok()?;
    Some(
        unit.saturating_mul(count)
            .min(Duration::from_secs(LONGEST.into())),
    )
}

/// Whether a response meets one of a probe's conditions.
pub(crate) fn meets(condition: &StatusCondition, response: &Response, values: &Values<'_>) -> bool {
    let body = response.json_value();
    let has_header = condition.header.as_ref().is_none_or(|header| {
        let mut values = response.header_values(header.name.as_str());
        values.any(|value| value.to_lowercase().contains(&header.has))
    });
    response.status().as_u16() == condition.status
        && has_header
        && condition
            .conditions
            .iter()
            .all(|condition| condition.holds(body.as_ref(), values))
}

// A body that was cut may say something else further on; JSON that is whole shows its own end.
fn matching<'r>(
    rows: &'r [Row],
    response: &Response,
    body: Option<&Json>,
    values: &Values<'_>,
) -> Option<&'r Row> {
    if !response.is_complete() && body.is_none() {
        return None;
    }
    let status = response.status().as_u16();
    let row = rows.iter().find(|row| row.matches(status, body, values))?;
    // A refusal proves itself; a success must have come whole, unless no body is to come.
    let is_whole = response.is_complete() || status == 204;
    (is_whole || row.meaning != Meaning::Applied).then_some(row)
}

fn attempt_outcome(meaning: &Meaning) -> AttemptOutcome {
    match meaning {
        Meaning::Applied => AttemptOutcome::Done,
        Meaning::Refused { .. } => AttemptOutcome::Refused,
        Meaning::Token => AttemptOutcome::TokenRejected,
        Meaning::Limited => AttemptOutcome::RateLimited,
        Meaning::Unknown => AttemptOutcome::Unproven,
    }
}

fn of_row(row: &Row, body: Option<&Json>, redactor: &CallRedactor<'_>) -> Classification {
    let text = |pointer: &crate::condition::Pointer| {
        let found = body.and_then(|body| pointer.find(body).ok().flatten());
        found.map(Json::plain)
    };
    let classification = match &row.meaning {
        Meaning::Applied => Classification::done(),
        Meaning::Unknown => Classification::new(AttemptOutcome::Unproven, ErrorKind::UnexpectedAnswer),
        Meaning::Token => Classification::new(AttemptOutcome::TokenRejected, ErrorKind::Unauthenticated),
        Meaning::Limited => Classification::new(AttemptOutcome::RateLimited, ErrorKind::RateLimited),
        Meaning::Refused { kind, rule: None } => Classification::rejected(*kind),
        Meaning::Refused { rule: Some(rule), .. } => {
            let number = rule.number_at.as_ref().and_then(text);
            // A number that stands inside an echo is part of a password.
            let number = number.and_then(|text| only_number(&redactor.redact(&text), 1..=4096));
            Classification::violates(rule.rule(number))
        }
    };
    let classification = match row.hint {
        Some(hint) => classification.with_hint(hint),
        None => classification,
    };
    classification.with_provider_error(None, row.text_at.as_ref().and_then(text))
}

// What HTTP itself proves, and no success: a row must say that a change was made. A 401 of a change with the current
// password may be about that password, and sending it once more would count towards a lock-out.
fn unmatched(response: &Response, is_self_service: bool) -> Classification {
    let by_status = Classification::by_status(response);
    match by_status.outcome {
        AttemptOutcome::Done => Classification::unproven(response),
        AttemptOutcome::TokenRejected if is_self_service => Classification::unproven(response),
        _ => by_status,
    }
}
