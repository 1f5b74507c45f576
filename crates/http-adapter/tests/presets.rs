//! Every row of every preset against the response that it is about, and what no row may match.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod cases;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use repass_domain::{
    CallContext, Certainty, Error, ErrorKind, Password, PasswordChange, PasswordService as _, Resolution,
    Rule, UnknownOutcome,
};
use repass_http_provider::{HttpService, HttpSettings, PRESET_NAMES, Table};
use repass_provider::ProviderKind as _;
use repass_transport::{
    AttemptOutcome, HeaderMap, HeaderName, HeaderValue, MockTransport, Request, Response, StatusCode,
};
use serde_json::Value;

use cases::{Case, Cases};

const NEW: &str = "New-Passw0rd-77";
const CURRENT: &str = "Old-Passw0rd-66";

fn response(status: u64, body: &str) -> Response {
    let status = StatusCode::from_u16(u16::try_from(status).unwrap()).unwrap();
    Response::new(status).with_body(body.to_owned())
}

/// A service over these responses, in order, with what was sent.
fn service(table: Table, responses: Vec<Response>) -> (HttpService, Arc<Mutex<Vec<Sent>>>) {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let (seen, responses) = (Arc::clone(&sent), Mutex::new(VecDeque::from(responses)));
    let mut transport = MockTransport::new();
    transport.expect_deliver().returning(move |request| {
        let response = responses.lock().unwrap().pop_front().expect("no further request");
        seen.lock().unwrap().push(Sent::of(request, &response));
        Ok(response)
    });
    (
        HttpService::new("preset", Arc::new(table), Arc::new(transport)),
        sent,
    )
}

struct Sent {
    path: String,
    body: String,
    outcome: AttemptOutcome,
}

impl Sent {
    fn of(request: &Request, response: &Response) -> Self {
        let body = request.secret_body().map(repass_transport::SecretBody::bytes);
        Self {
            path: request.path().to_owned(),
            body: String::from_utf8(body.unwrap_or_default().to_vec()).unwrap(),
            outcome: request.read(response),
        }
    }
}

fn before(cases: &Cases) -> Vec<Response> {
    let found = cases.found.iter().map(|body| response(200, body));
    required(cases).into_iter().chain(found).collect()
}

fn required(cases: &Cases) -> Option<Response> {
    let (status, body) = cases.require.as_ref()?;
    Some(response((*status).into(), body))
}

/// A response that may confirm a change.
fn shown(cases: &Cases, case: &Case) -> Response {
    let found = response(case[0].as_u64().unwrap(), case[1].as_str().unwrap());
    let Some((name, value)) = cases.confirm_header.as_ref().filter(|_| case[2] == "confirmed") else {
        return found;
    };
    let name = HeaderName::try_from(name.as_str()).unwrap();
    let mut headers = HeaderMap::new();
    headers.append(name.clone(), HeaderValue::from_static("another=1"));
    headers.append(name, HeaderValue::try_from(value.as_str()).unwrap());
    found.with_headers(headers)
}

/// What confirms a change, where the preset asks for that.
fn confirmation(cases: &Cases) -> Option<Response> {
    let case = cases.confirm.iter().find(|case| case[2] == "confirmed")?;
    Some(shown(cases, case))
}

fn change(cases: &Cases, is_reset: bool) -> PasswordChange {
    let user = cases.user.parse().unwrap();
    let new = Password::new(NEW).unwrap();
    if is_reset {
        PasswordChange::reset(user, new)
    } else {
        PasswordChange::change(user, Password::new(CURRENT).unwrap(), new)
    }
}

// With the grade of the row and the sentence for people at the end.
fn described(result: Result<impl Sized, Error>) -> Vec<String> {
    let error = result.as_ref().err();
    let text = error.map(ToString::to_string).unwrap_or_default();
    let detail = error.and_then(Error::provider_detail);
    let grade = detail.and_then(|detail| detail.evidence.as_ref()?.grade());
    let mut words = outcome(result);
    words.push(format!("{grade:?}"));
    words.push(text);
    words
}

fn outcome(result: Result<impl Sized, Error>) -> Vec<String> {
    match result {
        Ok(_) => vec!["applied".to_owned()],
        Err(error) => {
            let mut words = vec![error.outcome().to_string()];
            if error.unknown_outcome().is_none() {
                words.push(error.kind().to_string());
                let rules = error.violations().iter().map(|it| it.rule().code().to_owned());
                words.extend(rules);
            }
            words
        }
    }
}

fn expected(case: &Case) -> Vec<String> {
    case[2..]
        .iter()
        .map(|word| word.as_str().unwrap().to_owned())
        .collect()
}

/// What each case comes to, as `name: outcome`.
async fn results(table: &Table, cases: &Cases) -> Vec<(String, Vec<String>, Vec<String>)> {
    let mut results = Vec::new();
    let cx = CallContext::default();
    let listed = [
        ("lookup", &cases.lookup),
        ("reset", &cases.reset),
        ("change", &cases.change),
    ];
    for (name, listed) in listed {
        for case in listed {
            let (status, body) = (case[0].as_u64().unwrap(), case[1].as_str().unwrap());
            let mut responses = match name {
                "lookup" => required(cases).into_iter().collect(),
                _ => before(cases),
            };
            responses.push(response(status, body));
            responses.extend(confirmation(cases));
            let (service, _) = service(table.clone(), responses);
            let result = service
                .change_password(&cx, &change(cases, name != "change"))
                .await;
            results.push((format!("{name} {status} {body}"), outcome(result), expected(case)));
        }
    }
    for (name, listed) in [("probe", &cases.probe), ("repeat", &cases.repeat)] {
        for case in listed {
            let (status, body) = (case[0].as_u64().unwrap(), case[1].as_str().unwrap());
            let mut responses = before(cases);
            responses.extend(cases.control.iter().map(|body| response(200, body)));
            responses.push(response(status, body));
            responses.extend(confirmation(cases));
            let (service, _) = service(table.clone(), responses);
            let handle = UnknownOutcome::new("preset");
            let found = service.resolve(&cx, &handle, &change(cases, true)).await;
            let found = match found {
                Ok(Resolution::InPlace) => "in_place",
                Ok(Resolution::NotInPlace) => "not_in_place",
                Ok(Resolution::StillUnknown) => "still_unknown",
                Err(_) => "error",
            };
            results.push((
                format!("{name} {status} {body}"),
                vec![found.to_owned()],
                expected(case),
            ));
        }
    }
    results
}

/// What each case comes to, and what a page of a gateway does under each status.
async fn everything(table: &Table, cases: &Cases) -> Vec<Vec<String>> {
    let results = results(table, cases).await;
    let mut found: Vec<Vec<String>> = results.into_iter().map(|(_, found, _)| found).collect();
    for (listed, is_reset, is_lookup) in [
        (&cases.lookup, true, true),
        (&cases.reset, true, false),
        (&cases.change, false, false),
    ] {
        for case in listed {
            let mut responses = before(cases);
            if is_lookup {
                responses.truncate(usize::from(cases.require.is_some()));
            }
            responses.push(response(case[0].as_u64().unwrap(), case[1].as_str().unwrap()));
            responses.extend(confirmation(cases));
            let (service, _) = service(table.clone(), responses);
            let change = change(cases, is_reset);
            found.push(described(
                service.change_password(&CallContext::default(), &change).await,
            ));
        }
    }
    for status in [200, 400, 401, 403, 404, 409, 412, 429] {
        for (is_reset, is_lookup) in [(true, false), (false, false), (true, true)] {
            let mut responses = if is_lookup { vec![] } else { before(cases) };
            if is_lookup {
                responses.extend(required(cases));
            }
            responses.push(response(status, "<html>blocked</html>"));
            responses.extend(confirmation(cases));
            let (service, _) = service(table.clone(), responses);
            let result = service
                .change_password(&CallContext::default(), &change(cases, is_reset))
                .await;
            found.push(described(result));
        }
    }
    found
}

#[tokio::test]
async fn every_response_has_its_meaning() {
    for preset in PRESET_NAMES {
        let cases = Cases::of(preset);
        let table = Table::from_value(cases.document(preset)).unwrap();
        let results = results(&table, &cases).await;
        assert!(results.len() > 10, "{preset} has cases");
        for (case, found, expected) in results {
            // A refusal may name no rule that is known.
            let is_same = found == expected || found[..] == [&expected[..], &["other".to_owned()]].concat();
            assert!(is_same, "{preset}: {case}: {found:?}, not {expected:?}");
        }
    }
}

#[tokio::test]
async fn retry_loop_and_outcome_agree() {
    for preset in PRESET_NAMES {
        let cases = Cases::of(preset);
        let table = Table::from_value(cases.document(preset)).unwrap();
        for case in &cases.reset {
            let mut responses = before(&cases);
            let at = responses.len();
            responses.push(response(case[0].as_u64().unwrap(), case[1].as_str().unwrap()));
            responses.extend(confirmation(&cases));
            let (service, sent) = service(table.clone(), responses);
            let result = service
                .change_password(&CallContext::default(), &change(&cases, true))
                .await;
            let words = outcome(result);
            let seen = sent.lock().unwrap()[at].outcome;
            let agree = match seen {
                AttemptOutcome::Done => words[0] == "applied",
                AttemptOutcome::Refused => words[0] == "not_applied",
                AttemptOutcome::TokenRejected => words[1] == "unauthenticated",
                AttemptOutcome::RateLimited => words[1] == "rate_limited",
                _ => words[0] == "unknown",
            };
            assert!(agree, "{preset}: {case:?}: {seen:?} and {words:?}");
        }
    }
}

#[tokio::test]
async fn foreign_response_never_proves_anything() {
    let page = "<!DOCTYPE html><html><title>Service unavailable</title></html>";
    for preset in PRESET_NAMES {
        let cases = Cases::of(preset);
        let table = Table::from_value(cases.document(preset)).unwrap();
        for status in [
            200, 201, 202, 203, 206, 207, 302, 303, 307, 400, 403, 404, 405, 409, 412, 422, 451, 500, 502,
        ] {
            for body in [
                page,
                "",
                "{}",
                r#"{"message":"no Route matched with those values"}"#,
            ] {
                // SCIM and Matrix read the empty object as what it is documented for.
                if *preset == "matrix" && body == "{}" && status == 200 {
                    continue;
                }
                let mut responses = before(&cases);
                responses.push(response(status, body));
                let (service, _) = service(table.clone(), responses);
                let result = service
                    .change_password(&CallContext::default(), &change(&cases, true))
                    .await;
                // HTTP defines these as not processed.
                let is_unprocessed = [307, 404, 405].contains(&status);
                let expected = if is_unprocessed { "not_applied" } else { "unknown" };
                assert_eq!(outcome(result)[0], expected, "{preset}: {status} {body}");
            }
        }
    }
}

/// The documented body under a status that no row describes: accepted, partial or altered is not applied.
#[tokio::test]
async fn documented_success_under_another_status_is_unknown() {
    for preset in PRESET_NAMES {
        let cases = Cases::of(preset);
        let table = Table::from_value(cases.document(preset)).unwrap();
        for (listed, is_reset) in [(&cases.reset, true), (&cases.change, false)] {
            let applied: Vec<&Case> = listed.iter().filter(|case| case[2] == "applied").collect();
            assert!(!is_reset || !applied.is_empty(), "{preset} has a success");
            let is_documented = |status| applied.iter().any(|case| case[0] == status);
            for status in (200..=299).filter(|status| !is_documented(*status)) {
                for body in applied.iter().map(|case| case[1].as_str().unwrap()) {
                    let mut responses = before(&cases);
                    responses.push(response(status, body));
                    let (service, _) = service(table.clone(), responses);
                    let result = service
                        .change_password(&CallContext::default(), &change(&cases, is_reset))
                        .await;
                    assert_eq!(outcome(result), ["unknown"], "{preset}: {status} {body}");
                }
            }
        }
    }
}

#[rustfmt::skip]
#[tokio::test]
async fn rules_are_read_as_the_provider_writes_them() {
    const OKTA: &str = r#"{"settings":{"password":{"complexity":{"minLength":12,"minLowerCase":1,"minNumber":1,"minSymbol":0,
        "excludeUsername":true,"dictionary":{"common":{"exclude":true}}}}}}"#;
    const OTHER: &str = r#"{"settings":{"password":{"complexity":{"minLength":8,"minLowerCase":1,"minNumber":0,"minSymbol":1,
        "excludeUsername":true,"dictionary":{"common":{"exclude":false}}}}}}"#;
    let both = format!("[{OKTA},{OTHER}]");
    let one = format!("[{OKTA}]");
    for (preset, status, body, expected) in [
        ("okta", 200, one.as_str(), "min_length 12, max_length 72, ~digit, ~lowercase, ?not_common, ?not_user_data"),
        ("okta", 200, both.as_str(), "min_length 8, max_length 72, ~lowercase, ?not_user_data"),
        ("okta", 200, "[]", "min_length 4, max_length 72"),
        ("okta", 200, OKTA, "unexpected_answer"),
        ("okta", 200, "<html>", "unexpected_answer"),
        ("okta", 200, r#"[{"settings":{"password":{"complexity":{"minLength":"8"}}}}]"#, "unexpected_answer"),
        ("okta", 200, r#"[{"settings":{"password":{"complexity":{"minLength":99}}}}]"#, "unexpected_answer"),
        ("okta", 403, r#"{"errorCode":"E0000006"}"#, "permission_denied"),
        ("matrix", 200, r#"{"m.minimum_length":10,"m.require_digit":true,"m.require_symbol":false}"#, "min_length 10, max_length 512, ~digit"),
        ("matrix", 200, "{}", "min_length 1, max_length 512"),
        (
            "keystone",
            200,
            r#"{"config":{"security_compliance":{"password_regex":"^.{8,}$","password_regex_description":"8 characters"}}}"#,
            "?8 characters",
        ),
        ("keystone", 200, r#"{"config":{"security_compliance":{"password_regex_description":""}}}"#, ""),
        ("keystone", 200, r#"{"config":{"security_compliance":{"password_regex":null,"password_regex_description":null}}}"#, ""),
        (
            "keycloak",
            200,
            r#"{"realm":"acme","passwordPolicy":"length(8) and digits(1) and passwordHistory(3) and strength(2)"}"#,
            "min_length 8, ~digit, ?not_recent 3, ?strength(2)",
        ),
        ("keycloak", 200, r#"{"realm":"acme"}"#, ""),
        ("keycloak", 200, r#"{"passwordPolicy":["length(8)"]}"#, "unexpected_answer"),
        ("google", 0, "", "min_length 8, max_length 100"),
        ("wordpress", 0, "", "max_length 4096, distinct_characters 3"),
    ] {
        let table = Table::from_value(Cases::of(preset).document(preset)).unwrap();
        let responses = if status == 0 { vec![] } else { vec![response(status, body)] };
        let (service, sent) = service(table, responses);
        let shown = |(rule, certainty): (&Rule, Certainty)| {
            let mark = match certainty {
                Certainty::Exact => "",
                Certainty::Approximate => "~",
                Certainty::ProviderOnly => "?",
            };
            let limit = rule.limit().map(|limit| format!(" {limit}")).unwrap_or_default();
            format!("{mark}{}{limit}", rule.provider_code().unwrap_or(rule.code()))
        };
        let found = match service.policy(&CallContext::default()).await {
            Ok(policy) => policy.rules().map(shown).collect::<Vec<String>>().join(", "),
            Err(error) => error.kind().to_string(),
        };
        assert_eq!(found, expected, "{preset}: {status} {body}");
        assert_eq!(sent.lock().unwrap().len(), usize::from(status != 0));
    }
}

/// Entra's table: a time that has moved since the look-up before the change counts only for the sole writer.
#[tokio::test]
async fn unknown_outcome_is_resolved_by_the_time_that_was_read_before_it() {
    let cases = Cases::of("entra");
    let found = cases.found.clone().unwrap();
    let moved = found.replace("2026-01-05T08:00:00Z", &jiff::Timestamp::now().to_string());
    assert_ne!(found, moved);
    for (sole_writer, lag, after, expected) in [
        (false, None, &moved, Resolution::StillUnknown),
        (true, None, &moved, Resolution::InPlace),
        (true, None, &found, Resolution::StillUnknown),
        (false, Some(0), &found, Resolution::NotInPlace),
    ] {
        let mut document = cases.document("entra");
        document["sole_writer"] = sole_writer.into();
        if let Some(lag) = lag {
            document["probe"]["lag_seconds"] = lag.into();
        }
        let responses = vec![response(200, &found), response(503, ""), response(200, after)];
        let (service, sent) = service(Table::from_value(document).unwrap(), responses);
        let cx = CallContext::default();
        let error = service
            .change_password(&cx, &change(&cases, true))
            .await
            .unwrap_err();
        let unknown = error.unknown_outcome().unwrap();
        let resolution = service.resolve(&cx, unknown, &change(&cases, true)).await;
        assert_eq!(resolution.unwrap(), expected, "{sole_writer} {lag:?} {after}");
        let bodies: Vec<bool> = sent
            .lock()
            .unwrap()
            .iter()
            .map(|sent| sent.body.is_empty())
            .collect();
        assert_eq!(bodies, [true, false, true], "one change, and two reads");
    }
}

#[tokio::test]
async fn request_says_what_the_preset_describes() {
    for preset in PRESET_NAMES {
        let cases = Cases::of(preset);
        let Some(body) = &cases.body else { continue };
        let table = Table::from_value(cases.document(preset)).unwrap();
        let mut responses = before(&cases);
        responses.push(response(500, ""));
        let (service, sent) = service(table, responses);
        let result = service
            .change_password(&CallContext::default(), &change(&cases, true))
            .await;
        assert!(result.is_err());
        let sent = sent.lock().unwrap();
        let last = sent.last().unwrap();
        let (sent, wanted): (Value, Value) = (
            serde_json::from_str(&last.body).unwrap(),
            serde_json::from_str(body).unwrap(),
        );
        assert_eq!(sent, wanted, "{preset}");
        assert!(!last.path.contains("Passw0rd"), "{preset}: {}", last.path);
    }
}

/// WordPress trims blanks, and `0` is empty to PHP: no log-in succeeds with what is left of these.
#[tokio::test]
async fn password_that_is_accepted_and_useless_is_not_sent() {
    let cases = Cases::of("wordpress");
    let table = Table::from_value(cases.document("wordpress")).unwrap();
    for new in [" ", "   ", " 0", "  0 "] {
        let (service, sent) = service(table.clone(), vec![]);
        let change = PasswordChange::reset("alice".parse().unwrap(), Password::new(new).unwrap());
        let result = service.change_password(&CallContext::default(), &change).await;
        assert_eq!(
            outcome(result)[..2],
            ["not_applied", "password_refused"],
            "{new:?}"
        );
        assert!(sent.lock().unwrap().is_empty(), "{new:?}");
    }
}

/// WordPress says 200 with the user if its database refused the update.
#[tokio::test]
async fn success_that_no_log_in_confirms_is_unknown() {
    let cases = Cases::of("wordpress");
    let table = Table::from_value(cases.document("wordpress")).unwrap();
    let (cx, reset) = (CallContext::default(), change(&cases, true));
    let said = || before(&cases).into_iter().chain([response(200, r#"{"id":2}"#)]);
    let (sure, sent) = service(table.clone(), said().chain(confirmation(&cases)).collect());
    assert_eq!(outcome(sure.change_password(&cx, &reset).await), ["applied"]);
    let body = sent.lock().unwrap()[2].body.clone();
    assert_eq!(body, "log=alice&pwd=New-Passw0rd-77");
    for case in cases.confirm.iter().filter(|case| case[2] == "unconfirmed") {
        let unsure = || said().chain([shown(&cases, case)]).collect();
        let (changing, _) = service(table.clone(), unsure());
        let result = changing.change_password(&cx, &reset).await;
        assert_eq!(outcome(result), ["unknown"], "{case:?}");
        let (resolving, _) = service(table.clone(), unsure());
        let handle = UnknownOutcome::new("preset");
        let resolution = resolving.resolve(&cx, &handle, &reset).await;
        assert_eq!(resolution.unwrap(), Resolution::StillUnknown, "{case:?}");
    }
}

/// better-auth before 1.6.17 says `status: true` of a user who does not exist, and of one who then has no password either.
#[tokio::test]
async fn server_that_sets_the_password_of_nobody_is_not_believed() {
    let cases = Cases::of("better-auth");
    let table = Table::from_value(cases.document("better-auth")).unwrap();
    for (status, body, expected) in [
        (200, r#"{"status":true}"#, "unsupported"),
        (404, r#"{"message":"Not Found"}"#, "unsupported"),
        (401, "", "unauthenticated"),
        (403, r#"{"code":"MISSING_OR_NULL_ORIGIN"}"#, "misconfigured"),
        (500, "", "provider_fault"),
    ] {
        let found = cases.found.iter().map(|body| response(200, body));
        let mut responses = vec![response(status, body)];
        responses.extend(found.chain([response(200, r#"{"status":true}"#)]));
        let (service, sent) = service(table.clone(), responses);
        let result = service
            .change_password(&CallContext::default(), &change(&cases, true))
            .await;
        assert_eq!(outcome(result)[..2], ["not_applied", expected], "{status} {body}");
        let sent = sent.lock().unwrap();
        assert!(
            sent.iter().all(|sent| !sent.body.contains(NEW)),
            "{status} {body}"
        );
    }
}

/// Each row dropped, and each row with its conditions dropped: a lint or a case must notice.
#[tokio::test]
async fn mutation_of_any_row_is_noticed() {
    let mut count = 0;
    for preset in PRESET_NAMES {
        let cases = Cases::of(preset);
        let original = cases.document(preset);
        let baseline = Table::from_value(original.clone()).unwrap();
        let baseline = everything(&baseline, &cases).await;
        for (section, rows) in [("reset", "rows"), ("change", "rows"), ("lookup", "not_found")] {
            let listed = original
                .get(section)
                .and_then(|it| it.get(rows))
                .and_then(Value::as_array);
            for index in 0..listed.map_or(0, Vec::len) {
                let mut dropped = original.clone();
                dropped[section][rows].as_array_mut().unwrap().remove(index);
                let mut widened = original.clone();
                let row = widened[section][rows][index].as_object_mut().unwrap();
                let had_condition = row.contains_key("at");
                for key in ["at", "is", "has", "not", "absent", "and"] {
                    row.remove(key);
                }
                for (what, mutant) in [("dropped", dropped), ("widened", widened)] {
                    if what == "widened" && !had_condition {
                        continue;
                    }
                    count += 1;
                    let Ok(table) = Table::from_value(mutant) else {
                        continue;
                    };
                    let noticed = everything(&table, &cases).await != baseline;
                    assert!(
                        noticed,
                        "{preset}: {section}.{rows}[{index}] {what} is not noticed"
                    );
                }
            }
        }
    }
    assert!(count > 200, "{count} mutants");
}

#[test]
fn doctor_claims_the_right_to_reset_only_where_its_probe_reaches_it() {
    let host = [("host".to_owned(), "localhost".to_owned())];
    let without_lookup = HttpSettings::preset("ejabberd").unwrap().with_set(host.into());
    let with_lookup = HttpSettings::preset("rabbitmq").unwrap();
    for (settings, names) in [(without_lookup, ["reset"]), (with_lookup, ["look-up"])] {
        let probes = settings.permission_probes();
        let found: Vec<_> = probes.iter().map(|probe| probe.name).collect();
        assert_eq!(found, names);
    }
}

#[tokio::test]
async fn probe_that_can_only_confirm_leaves_a_refused_log_in_unknown() {
    let table = r#"
        reset = { method = "POST", path = "/users/{user}/password", body = { password = "{new}" } }
        rows = [{ status = 200, at = "/id", is = "{id}", then = "applied" }]
        [probe]
        kind = "request"
        method = "POST"
        path = "/login"
        body = { name = "{user}", password = "{new}" }
        in_place = { status = 200, at = "/id", is = "{id}" }
    "#;
    for (status, body, expected) in [
        (200, r#"{"id":"alice"}"#, Resolution::InPlace),
        // The right password of a user who is disabled, at Keystone.
        (
            401,
            r#"{"error":{"code":401,"title":"Unauthorized"}}"#,
            Resolution::StillUnknown,
        ),
        (403, r#"{"errcode":"M_FORBIDDEN"}"#, Resolution::StillUnknown),
    ] {
        let (service, _) = service(Table::from_toml(table).unwrap(), vec![response(status, body)]);
        let asked = PasswordChange::reset("alice".parse().unwrap(), Password::new(NEW).unwrap());
        let handle = UnknownOutcome::new("preset");
        let resolution = service.resolve(&CallContext::default(), &handle, &asked).await;
        assert_eq!(resolution.unwrap(), expected, "{status}");
    }
}

#[test]
fn no_preset_takes_a_refused_log_in_for_a_wrong_password_by_its_status() {
    // Those that say "not in place" at all: each names the provider's own words for a wrong password.
    for name in PRESET_NAMES {
        let text = HttpSettings::preset(name).unwrap().preset_text().unwrap();
        let document: Value = toml::from_str(text).unwrap();
        let denied = &document["probe"]["not_in_place"];
        let is_exact = denied["status"] == 200 || denied["is"] == "INVALID_EMAIL_OR_PASSWORD";
        assert!(denied.is_null() || is_exact, "{name}: {denied}");
    }
}

#[tokio::test]
async fn requirement_that_cannot_be_read_is_not_taken_for_a_no() {
    let error =
        |body: &str| format!(r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"]{body}}}"#);
    for (status, body, kind) in [
        (
            200,
            r#"{"changePassword":{"supported":false}}"#.to_owned(),
            ErrorKind::Unsupported,
        ),
        (404, String::new(), ErrorKind::Unsupported),
        (401, error(""), ErrorKind::Unauthenticated),
        (403, error(""), ErrorKind::PermissionDenied),
    ] {
        let table = HttpSettings::preset("scim")
            .unwrap()
            .table()
            .unwrap()
            .as_ref()
            .clone();
        let (service, _) = service(table, vec![response(status, &body)]);
        let asked = PasswordChange::reset("alice".parse().unwrap(), Password::new(NEW).unwrap());
        let result = service.change_password(&CallContext::default(), &asked).await;
        assert_eq!(result.unwrap_err().kind(), kind, "{status}");
    }
}
