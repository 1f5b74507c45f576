//! What the metrics tell of calls, and what they never tell.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use metrics_util::debugging::DebugValue::{Counter, Gauge, Histogram};
use metrics_util::debugging::{DebuggingRecorder, Snapshotter};
use repass::sandbox::{
    Action, CannedResponse, Cut, CutKind, CutPoint, Fault, OAuthClient, Options, RequestMatcher, Sandbox,
    Timing,
};
use repass::{
    CallContext, ErrorKind, InMemoryPasswordService, Outcome, Password, PasswordChange,
    PasswordServiceExt as _, Resolution, Services,
};
use tokio::task::yield_now;

use crate::documented::{self, ALICE, reset};

/// Runs some work with a recorder of its own.
fn recorded<W: Future<Output = ()>>(work: impl FnOnce(Snapshotter) -> W) {
    let recorder = DebuggingRecorder::new();
    let work = work(recorder.snapshotter());
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(work));
}

/// Each metric with its labels, and its number or how many values it has, since the last look.
fn look(snapshotter: &Snapshotter) -> BTreeMap<String, String> {
    let reported = snapshotter.snapshot().into_vec().into_iter();
    let reported = reported.map(|(key, unit, description, value)| {
        let (name, labels) = key.key().clone().into_parts();
        assert!(
            unit.is_some() && description.is_some(),
            "{name:?} is not described"
        );
        let names: Vec<&str> = labels.iter().map(metrics::Label::key).collect();
        assert_eq!(names, documented::labels(name.as_str()), "{name:?}");
        if name.as_str().ends_with("_until_seconds") {
            // An instant, which no test knows beforehand: not yet, or in these years.
            assert!(matches!(value, Gauge(at) if at.into_inner() == 0.0 || at.into_inner() > 1.6e9));
            return (name.as_str().to_owned(), "0".to_owned());
        }
        let labels: Vec<String> = labels
            .iter()
            .map(|it| format!("{}={}", it.key(), it.value()))
            .collect();
        let value = match value {
            Counter(count) => count.to_string(),
            Gauge(level) => level.to_string(),
            Histogram(values) => {
                let plausible = |seconds: f64| (0.0..60.0).contains(&seconds);
                assert!(values.iter().all(|it| plausible(it.into_inner())), "{values:?}");
                values.len().to_string()
            }
        };
        (format!("{}{{{}}}", name.as_str(), labels.join(",")), value)
    });
    reported.filter(|(_, value)| value != "0").collect()
}

fn reported(expected: &[(&str, u32)]) -> BTreeMap<String, String> {
    expected
        .iter()
        .map(|(metric, value)| ((*metric).to_owned(), value.to_string()))
        .collect()
}

fn strike(sandbox: &Sandbox, action: Action) {
    let matching = RequestMatcher {
        path_contains: Some("password".to_owned()),
        ..RequestMatcher::default()
    };
    sandbox.inject(Fault { matching, action }).unwrap();
}

/// All that are there, with their labels.
fn names(snapshotter: &Snapshotter) -> BTreeSet<String> {
    let all = snapshotter.snapshot().into_vec().into_iter();
    all.map(|(key, ..)| key.key().to_string()).collect()
}

#[test]
fn every_count_is_there_before_it_counts() {
    recorded(|snapshotter| async move {
        let sandbox = Sandbox::start().await.unwrap();
        let services = Services::for_sandbox(&sandbox).unwrap();
        let before = names(&snapshotter);
        let zoom = services.get("zoom").unwrap();
        reset(&*zoom, "weak").await.unwrap_err();
        let lost = Action {
            when: Timing::AfterApply,
            cut: Some(Cut {
                at: CutPoint::Answer,
                how: CutKind::Rst,
            }),
            ..Action::default()
        };
        strike(&sandbox, lost);
        reset(&*zoom, "New-Passw0rd-1").await.unwrap_err();
        let limited = CannedResponse {
            status: 429,
            headers: [("retry-after".to_owned(), "3600".to_owned())].into(),
            body: String::new(),
            pad_to: 0,
        };
        let refused = Action {
            respond: Some(limited),
            ..Action::default()
        };
        strike(&sandbox, refused);
        let cx = CallContext::with_budget(std::time::Duration::from_millis(300));
        let new = Password::new("New-Passw0rd-2").unwrap();
        zoom.reset(&cx, ALICE.parse().unwrap(), new).await.unwrap_err();
        let mut others: Vec<String> = names(&snapshotter).difference(&before).cloned().collect();
        // It has no value before the first.
        others.retain(|name| !name.contains("repass_provider_request_duration_seconds"));
        assert_eq!(others, [""; 0]);
        for count in [
            "repass_unknown_outcomes",
            "repass_token_refresh_total",
            "repass_provider_rate_limited_total",
            "repass_policy_violations_total",
        ] {
            assert!(
                before.iter().any(|name| name.contains(count)),
                "{count}: {before:?}"
            );
        }
    });
}

#[test]
fn every_outcome_is_counted_once_and_nobody_is_named() {
    recorded(|snapshotter| async move {
        let sandbox = Sandbox::start().await.unwrap();
        let services = Services::for_sandbox(&sandbox).unwrap();
        let (zoom, portal) = (services.get("zoom").unwrap(), services.get("portal").unwrap());
        reset(&*zoom, "New-Passw0rd-1").await.unwrap();
        // Refused before anything is sent.
        reset(&*zoom, "weak").await.unwrap_err();
        let cx = CallContext::default();
        let wrong = portal.change(
            &cx,
            ALICE.parse().unwrap(),
            Password::new("canary-wrong").unwrap(),
            Password::new("New-Passw0rd-1").unwrap(),
        );
        assert_eq!(wrong.await.unwrap_err().kind(), ErrorKind::WrongCurrentPassword);

        // Dropped while the provider takes its time.
        let slow = Action {
            delay_ms: 60_000,
            ..Action::default()
        };
        strike(&sandbox, slow);
        let before = sandbox.requests();
        let arrived = async {
            while sandbox.requests() == before {
                yield_now().await;
            }
        };
        tokio::select! {
            ended = reset(&*zoom, "New-Passw0rd-2") => panic!("{ended:?}"),
            () = arrived => {}
        }
        sandbox.clear_faults();

        assert_eq!(
            look(&snapshotter),
            reported(&[
                (
                    "repass_password_operations_total{provider=portal,operation=change,outcome=not_applied}",
                    1
                ),
                (
                    "repass_password_operations_total{provider=zoom,operation=reset,outcome=abandoned}",
                    1
                ),
                (
                    "repass_password_operations_total{provider=zoom,operation=reset,outcome=applied}",
                    1
                ),
                (
                    "repass_password_operations_total{provider=zoom,operation=reset,outcome=not_applied}",
                    1
                ),
                ("repass_policy_violations_total{code=digit}", 1),
                ("repass_policy_violations_total{code=min_length}", 1),
                ("repass_policy_violations_total{code=mixed_case}", 1),
                (
                    "repass_provider_request_duration_seconds{provider=portal,operation=identity.change}",
                    1
                ),
                (
                    "repass_provider_request_duration_seconds{provider=portal,operation=identity.lookup}",
                    1
                ),
                (
                    "repass_provider_request_duration_seconds{provider=zoom,operation=zoom.password}",
                    1
                ),
            ])
        );
    });
}

#[test]
fn unknown_outcomes_count_until_they_are_settled() {
    recorded(|snapshotter| async move {
        const UNKNOWN: &str = "repass_unknown_outcomes{provider=ledger}";
        let service = InMemoryPasswordService::new("ledger").with_user(ALICE, "old");
        let service = std::sync::Arc::new(service);
        let services = Services::builder().with("ledger", std::sync::Arc::clone(&service));
        let services = services.build().unwrap();
        let guarded = services.default_service().unwrap();
        let mut attempts = Vec::new();
        for new in ["one", "two"] {
            service.lose_next_response();
            let error = reset(&*guarded, new).await.unwrap_err();
            assert_eq!(error.outcome(), Outcome::Unknown);
            attempts.push(error.unknown_outcome().unwrap().clone());
        }
        assert_eq!(look(&snapshotter)[UNKNOWN], "2");
        // It lasts as long as the process, not as long as a configuration.
        services.reload().unwrap();
        let change = PasswordChange::reset(ALICE.parse().unwrap(), Password::new("two").unwrap());
        for (attempt, left) in attempts.iter().chain(&attempts).zip(["1", "0", "0", "0"]) {
            let settled = guarded.resolve(&CallContext::default(), attempt, &change).await;
            assert_eq!(settled.unwrap(), Resolution::InPlace);
            let reported = look(&snapshotter);
            assert_eq!(reported.get(UNKNOWN).map_or("0", String::as_str), left);
        }
    });
}

#[test]
fn tokens_and_rate_limits_are_counted_and_no_secret_is_told() {
    recorded(|snapshotter| async move {
        let mut options = Options {
            token: Some("canary-token".into()),
            ..Options::default()
        };
        options.zoom.client = OAuthClient {
            id: "canary-client".to_owned(),
            secret: "canary-secret".into(),
        };
        let sandbox = Sandbox::start_with(options).await.unwrap();
        let config = |secret| {
            format!(
                "[providers.zoom]\nkind = \"zoom\"\nbase_url = \"{}\"\n[providers.zoom.auth]\n\
                 kind = \"server-to-server\"\naccount_id = \"{}\"\nclient_id = \"canary-client\"\n\
                 client_secret = {{ command = [\"echo\", \"{secret}\"] }}\ntoken_url = \"{}\"\n",
                sandbox.zoom_base_url(),
                sandbox.startup_info().zoom.account_id,
                sandbox.zoom_token_url(),
            )
        };
        let wrong = Services::builder().toml(config("canary-wrong")).build().unwrap();
        reset(&*wrong.default_service().unwrap(), "New-Passw0rd-1")
            .await
            .unwrap_err();
        let services = Services::builder().toml(config("canary-secret")).build().unwrap();
        let zoom = services.default_service().unwrap();
        let lost = Action {
            when: Timing::AfterApply,
            cut: Some(Cut {
                at: CutPoint::Answer,
                how: CutKind::Rst,
            }),
            ..Action::default()
        };
        strike(&sandbox, lost);
        reset(&*zoom, "New-Passw0rd-1").await.unwrap_err();
        let limited = CannedResponse {
            status: 429,
            headers: [("retry-after".to_owned(), "3600".to_owned())].into(),
            body: "canary %PASSWORD%".to_owned(),
            pad_to: 0,
        };
        let limited = Action {
            respond: Some(limited),
            ..Action::default()
        };
        strike(&sandbox, limited);
        for _ in 0..2 {
            let error = reset(&*zoom, "New-Passw0rd-2").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::RateLimited);
        }
        let mut heard = look(&snapshotter);
        // One for the whole process, where other tests have theirs.
        assert!(heard.remove("repass_unknown_outcomes{provider=zoom}").is_some());
        assert_eq!(
            heard,
            reported(&[
                (
                    "repass_password_operations_total{provider=zoom,operation=reset,outcome=not_applied}",
                    3
                ),
                (
                    "repass_password_operations_total{provider=zoom,operation=reset,outcome=unknown}",
                    1
                ),
                (
                    "repass_provider_rate_limited_total{provider=zoom,kind=no_place}",
                    1
                ),
                (
                    "repass_provider_rate_limited_total{provider=zoom,kind=refused}",
                    1
                ),
                (
                    "repass_provider_request_duration_seconds{provider=zoom,operation=zoom.password}",
                    2
                ),
                (
                    "repass_provider_request_duration_seconds{provider=zoom,operation=zoom.token}",
                    2
                ),
                ("repass_token_refresh_total{provider=zoom,result=granted}", 1),
                ("repass_token_refresh_total{provider=zoom,result=refused}", 1),
            ])
        );
        let text = format!("{heard:?}");
        for secret in ["canary", "alice", "Passw0rd"] {
            assert!(!text.contains(secret), "{text}");
        }
    });
}
