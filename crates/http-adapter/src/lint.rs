//! What a table must not say: each lint comes from a response that real servers gave.

use crate::condition::{Condition, Test};
use crate::login::Login;
use crate::row::{Meaning, Row};
use crate::table::{
    Authentication, Call, Exchange, Lookup, Probe, ProbeRequest, Require, StatusCondition, Table,
    TableProblem,
};
use crate::template::{Name, Template};

/// Adds a problem for everything in the table that could report a wrong outcome or let a secret out.
pub(crate) fn check(table: &Table, problems: &mut Vec<TableProblem>) {
    let mut note = |key: &str, message: &str| problems.push(TableProblem::new(key, message));
    if table.reset.is_none() && table.change.is_none() {
        note("", "describes no change; add [reset], [change] or both");
    }
    for (name, value) in &table.headers {
        outside_body(&format!("headers.{name}"), value, &mut note);
    }
    if let Some(require) = &table.require {
        required(require, &mut note);
    }
    for (key, call) in [("reset", &table.reset), ("change", &table.change)] {
        if let Some(call) = call {
            exchange(key, &call.exchange, table.lookup.as_ref(), &mut note);
            change(key, call, table.lookup.is_some(), &mut note);
            rows(&call.rows_key, &call.rows, &mut note);
        }
    }
    for (key, exchange) in [
        ("reset", table.reset.as_ref().map(|call| &call.exchange)),
        ("confirm", table.confirm.as_ref().map(|confirm| &confirm.exchange)),
        ("probe", table.probe_exchange()),
    ] {
        let shows_current = |exchange: &Exchange| {
            exchange.names().contains(&&Name::Current)
                || exchange.authentication == Authentication::CurrentPassword
        };
        if exchange.is_some_and(shows_current) {
            note(
                key,
                "uses the current password, which is known to a [change] only; it would be sent as an empty text",
            );
        }
    }
    for (key, call) in [("reset", &table.reset), ("change", &table.change)] {
        if call
            .as_ref()
            .is_some_and(|call| call.exchange.authentication == Authentication::NewPassword)
        {
            note(
                key,
                "presents the new password before it is set: the provider would count a failed log-in; auth = \"new_password\" is \
                 for [probe]",
            );
        }
    }
    if let Some(call) = &table.change {
        self_service(call, &mut note);
    }
    if let Some(discovery) = &table.discovery
        && discovery.path.names().next().is_some()
    {
        note(
            "discovery.path",
            "names a user, but the rules are read for no one in particular; use values of `set` only",
        );
    }
    if let Some(login) = &table.login {
        log_in(login, &mut note);
    }
    if let Some(lookup) = &table.lookup {
        look_up(lookup, &mut note);
    }
    if let Some(confirm) = &table.confirm {
        question("confirm", confirm, table.lookup.as_ref(), &mut note);
    }
    probe(table, &mut note);
}

fn probe(table: &Table, note: &mut impl FnMut(&str, &str)) {
    match &table.probe {
        Some(Probe::Repeat) if table.change.is_some() && table.reset.is_none() => note(
            "probe",
            "repeats the change, but a change with the current password cannot be repeated: once it was made, the current \
             password is another one and the provider says \"wrong password\"; describe a [probe] by request",
        ),
        Some(Probe::Timestamp(_)) if table.lookup.is_none() => note(
            "probe",
            "takes the time from the look-up, before the change and after it; add a [lookup]",
        ),
        Some(Probe::Request(probe)) => {
            question("probe", probe, table.lookup.as_ref(), note);
            if let Some(control) = &probe.control {
                outside_body("probe.control.path", &control.path, note);
            }
            if let Some(not_in_place) = &probe.not_in_place {
                denial(not_in_place, note);
            }
            let may_both_hold = |other| may_both_hold(&probe.in_place, other);
            if probe.not_in_place.as_ref().is_some_and(may_both_hold) {
                note(
                    "probe",
                    "has conditions that one response can meet together, so it would prove nothing; give them different statuses, \
                     or different values at the same place",
                );
            }
        }
        _ => {}
    }
}

// A request that presents the new password, and what says that it is in place.
fn question(key: &str, probe: &ProbeRequest, lookup: Option<&Lookup>, note: &mut impl FnMut(&str, &str)) {
    exchange(key, &probe.exchange, lookup, note);
    if probe.in_place.conditions.is_empty() && probe.in_place.header.is_none() {
        note(
            &format!("{key}.in_place"),
            "needs a condition on the body or a header: a log-in page of a gateway has the same status",
        );
    }
    let proves_new = probe.exchange.names().contains(&&Name::New)
        || probe.exchange.authentication == Authentication::NewPassword;
    if !proves_new {
        note(
            key,
            "does not present the new password, so it cannot tell whether that is in place; use {new} in its body or \
             auth = \"new_password\"",
        );
    }
}

// What says that the new password is not in place.
fn denial(not_in_place: &StatusCondition, note: &mut impl FnMut(&str, &str)) {
    let key = "probe.not_in_place";
    if not_in_place.conditions.is_empty() {
        note(
            key,
            "needs a condition on the body: a gateway's refusal has the same status",
        );
        return;
    }
    let names_words = |condition: &Condition| matches!(condition.test, Test::IsText(_) | Test::Has(_));
    if matches!(not_in_place.status, 401 | 403) && !not_in_place.conditions.iter().any(names_words) {
        note(
            key,
            "takes any refused log-in for a wrong password: a user who is locked, disabled or expired may get the same with \
             the right one; compare with the words for a wrong password, or leave `not_in_place` out",
        );
    }
}

fn rows(key: &str, rows: &[Row], note: &mut impl FnMut(&str, &str)) {
    for (index, row) in rows.iter().enumerate() {
        let key = format!("{key}[{index}]");
        let is_bare = row.conditions.is_empty();
        let texts = row
            .conditions
            .iter()
            .filter_map(|condition| match &condition.test {
                Test::IsText(text) => Some(text),
                _ => None,
            });
        if texts.flat_map(Template::names).any(Name::is_secret) {
            note(
                &key,
                "compares with a password, which no response may echo; use {id} or {user}",
            );
        }
        if matches!(row.status, 204 | 205) && !is_bare {
            note(
                &key,
                "has a condition on the body of a status that never has a body, so it can never match",
            );
        }
        match &row.meaning {
            Meaning::Applied if matches!(row.status, 201 | 202 | 206 | 207) => note(
                &key,
                match row.status {
                    201 => {
                        "says applied for 201: a server that creates what it does not find answers so for a user who never existed"
                    }
                    202 => "says applied for 202: the request was accepted, and may still be refused",
                    _ => "says applied for a partial response: what the rest says is not known",
                },
            ),
            Meaning::Applied if !matches!(row.status, 200..=299) => {
                note(&key, "says applied for a status that is no success");
            }
            Meaning::Applied if is_bare && !matches!(row.status, 204 | 205) => note(
                &key,
                "says applied without a condition on the body: a gateway's sorry page or a log-in page has the same status",
            ),
            Meaning::Refused { .. } if row.status == 408 || row.status >= 500 => note(
                &key,
                "says refused for a status by which the server failed: it may have made the change before; leave the row out",
            ),
            Meaning::Refused { .. } if matches!(row.status, 200..=299) && is_bare => note(
                &key,
                "says refused for a success without a condition on the body: a 204 would be called a refusal",
            ),
            Meaning::Refused { .. } if is_bare => note(
                &key,
                "says refused without a condition on the body: a firewall or gateway writes the same status for its own reasons, also \
                 after the provider has acted; name something that only the provider writes",
            ),
            Meaning::Token if is_bare => note(
                &key,
                "says token without a condition on the body: a proxy's log-in page has the same status; a 401 with a challenge is \
                 understood without a row",
            ),
            Meaning::Token if matches!(row.status, 200..=299) || row.status >= 500 => {
                note(
                    &key,
                    "says token for a status after which a request must not be sent again",
                );
            }
            Meaning::Limited if matches!(row.status, 200..=299) || row.status >= 500 => note(
                &key,
                "says limited for a status after which a request must not be sent again: the change may have been made",
            ),
            Meaning::Limited if row.status != 429 && is_bare => note(
                &key,
                "says limited without a condition on the body; only a 429 says it by itself",
            ),
            _ => {}
        }
    }
    if !rows.iter().any(|row| row.meaning == Meaning::Applied) {
        note(
            key,
            "has no row that says applied, so every change would end unknown",
        );
    }
}

fn change(key: &str, call: &Call, has_lookup: bool, note: &mut impl FnMut(&str, &str)) {
    if !call.exchange.names().contains(&&Name::New) {
        note(key, "does not send {new}, the new password");
    }
    if call.exchange.method == repass_transport::Method::GET {
        note(
            &format!("{key}.method"),
            "is GET, which sends no body; use POST, PUT or PATCH",
        );
    }
    let names_user = call
        .exchange
        .names()
        .into_iter()
        .any(|name| matches!(name, Name::User | Name::Id));
    if !names_user && call.exchange.authentication != Authentication::CurrentPassword {
        note(key, "does not say whose password; use {id} or {user}");
    }
    // RabbitMQ and Synapse create the user that a PUT names.
    if call.exchange.method == repass_transport::Method::PUT
        && call.exchange.path.ends_with_user()
        && !has_lookup
    {
        note(
            key,
            "is a PUT of the user without a [lookup]: servers create the user that it names when there is none; look the user up \
             first",
        );
    }
}

fn self_service(call: &Call, note: &mut impl FnMut(&str, &str)) {
    let names = call.exchange.names();
    let proves =
        names.contains(&&Name::Current) || call.exchange.authentication == Authentication::CurrentPassword;
    if !proves {
        note("change", "does not present {current}, the current password");
    }
}

fn log_in(login: &Login, note: &mut impl FnMut(&str, &str)) {
    exchange("login", &login.exchange, None, note);
    if !login.exchange.names().contains(&&Name::Password) {
        note("login.body", "does not present {password}, that of the account");
    }
    if login.exchange.method == repass_transport::Method::GET {
        note("login.method", "is GET, which sends no body; use POST");
    }
    if !matches!(login.status, 200 | 201) {
        note(
            "login.status",
            "is the status of a login that succeeded: 200 or 201",
        );
    }
}

fn required(require: &Require, note: &mut impl FnMut(&str, &str)) {
    outside_body("require.path", &require.exchange.path, note);
    if require.exchange.names().iter().any(|name| **name != Name::User) {
        note(
            "require",
            "is asked before the look-up and without passwords; use {user} and values of `set` only",
        );
    }
}

fn look_up(lookup: &Lookup, note: &mut impl FnMut(&str, &str)) {
    outside_body("lookup.path", &lookup.path, note);
    if !lookup.path.names().any(|name| matches!(name, Name::User)) {
        note("lookup.path", "does not name the {user} that is looked for");
    }
    if lookup
        .path
        .names()
        .any(|name| matches!(name, Name::Id | Name::Keep(_)))
    {
        note(
            "lookup.path",
            "uses {id} or {keep.…}, which are known only after the look-up",
        );
    }
}

fn outside_body(key: &str, text: &Template, note: &mut impl FnMut(&str, &str)) {
    if text.names().any(Name::is_secret) {
        note(
            key,
            "holds a password: paths, queries and headers stand in the logs of every server and proxy on the way; passwords go into \
             the body only",
        );
    }
}

fn exchange(key: &str, exchange: &Exchange, lookup: Option<&Lookup>, note: &mut impl FnMut(&str, &str)) {
    outside_body(&format!("{key}.path"), &exchange.path, note);
    for name in exchange.names() {
        if let Name::Keep(kept) = name
            && !lookup.is_some_and(|lookup| lookup.keep.iter().any(|(known, _)| known == kept))
        {
            note(key, &format!("uses {{keep.{kept}}}, which no [lookup] keeps"));
        }
    }
    let mut texts = exchange.body.iter().flat_map(|body| body.templates());
    let keep_in_text =
        |text: &&Template| text.as_name().is_none() && text.names().any(|name| matches!(name, Name::Keep(_)));
    if texts.any(|text| keep_in_text(&text)) {
        note(
            &format!("{key}.body"),
            "puts a kept value into a longer text, which would write a list as one text and lose it; give it a member alone",
        );
    }
    let secret_in_text = |text: &Template| text.names().any(Name::is_secret) && text.as_name().is_none();
    if exchange.is_form
        && exchange
            .body
            .iter()
            .flat_map(|body| body.templates())
            .any(secret_in_text)
    {
        note(
            &format!("{key}.body"),
            "puts a password into a longer text of a form; give it a field alone",
        );
    }
}

fn may_both_hold(one: &StatusCondition, other: &StatusCondition) -> bool {
    if one.status != other.status {
        return false;
    }
    let differ = |test: &Test, than: &Test| match (test, than) {
        (Test::Is(one), Test::Is(other)) => one != other,
        (Test::IsText(one), Test::IsText(other)) => {
            one != other && one.names().next().is_none() && other.names().next().is_none()
        }
        (Test::Is(_), Test::IsText(text)) | (Test::IsText(text), Test::Is(_)) => {
            text.names().next().is_none()
        }
        (Test::Present | Test::Is(_) | Test::IsText(_) | Test::Has(_), Test::Absent)
        | (Test::Absent, Test::Present | Test::Is(_) | Test::IsText(_) | Test::Has(_)) => true,
        _ => false,
    };
    !one.conditions.iter().any(|one| {
        other
            .conditions
            .iter()
            .any(|other| one.at == other.at && differ(&one.test, &other.test))
    })
}

impl Exchange {
    /// Every name that its path and body use.
    pub(crate) fn names(&self) -> Vec<&Name> {
        let body = self.body.iter().flat_map(|body| body.templates());
        self.path.names().chain(body.flat_map(Template::names)).collect()
    }
}
