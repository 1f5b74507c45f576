//! `repass demo`: changes passwords at emulated providers, without any configuration. Both providers are emulated
//! by the sandbox over loopback HTTP. Each step shows the requests and responses; at the end the outcomes that
//! repass reported are compared with the sandbox's ledger. In the last step the response is lost, for repass and
//! for a client that retries.

mod display;
mod recorder;
mod retrying_client;
mod steps;

use std::sync::Arc;

use repass_sandbox::{Action, Cut, CutKind, CutPoint, Fault, Provider, RequestMatcher, Sandbox, Timing};
use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output;
use recorder::{Message, Recorder};
use repass::{
    CallContext, ChangeReceipt, Config, Error, Outcome, Password, PasswordChange, PasswordService,
    Resolution, Services, UserId,
};
use steps::{STEPS, Step};

/// The result of a step: the outcome that repass reported, and the ledger's.
#[derive(Debug, Serialize)]
struct StepResult {
    title: &'static str,
    provider: &'static str,
    /// `applied`, `not_applied` or `unknown`.
    claim: &'static str,
    kind: Option<&'static str>,
    /// The resolution of an unknown outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution: Option<Resolution>,
    /// The number of changes in the ledger.
    applied: usize,
    equal: bool,
    #[serde(skip)]
    result: Result<ChangeReceipt, Error>,
    #[serde(skip)]
    requests: Vec<Message>,
    #[serde(skip)]
    answers: Vec<Message>,
    /// The requests and responses of the probe.
    #[serde(skip)]
    probe: [Vec<Message>; 2],
}

pub(crate) async fn run(context: &Context) -> Result<Exit, CliError> {
    let sandbox = Sandbox::start()
        .await
        .map_err(|error| CliError::internal(error.to_string()))?;
    let recorder = Recorder::start(sandbox.addr())
        .await
        .map_err(|error| CliError::internal(error.to_string()))?;
    let origin = format!("http://{}", recorder.addr());
    let config = Config::for_sandbox_at(&sandbox, &format!("{origin}/v2"), &format!("{origin}/identity"));
    if !context.output.json {
        output::print_text(&display::introduction(sandbox.addr()));
    }
    let mut results = Vec::new();
    for (index, step) in STEPS.iter().enumerate() {
        let result = context
            .signals
            .run_to_completion(
                step.provider,
                &context.output,
                run_step(step, &config, &sandbox, &recorder),
            )
            .await??;
        if !context.output.json {
            output::print_text(&display::step(index + 1, step, &result, &sandbox));
        }
        results.push(result);
    }
    let retried = retrying_client::all(&sandbox).await?;
    let equal = results.iter().all(|result| result.equal);
    if context.output.json {
        output::print_json(
            &serde_json::json!({ "steps": results, "equal": equal, "retrying_client": retried }),
        );
    } else {
        output::print_text(&display::retried(&retried));
        output::print_text(&display::ledger(&results, &retried));
    }
    sandbox.shutdown().await;
    Ok(if equal { Exit::Ok } else { Exit::Internal })
}

// Makes the call as an embedder does; the configuration alone chooses the provider.
async fn run_step(
    step: &Step,
    config: &Config,
    sandbox: &Sandbox,
    recorder: &Recorder,
) -> Result<StepResult, CliError> {
    let services = Services::builder()
        .config(config.clone().with_default_provider(step.provider))
        .build()?;
    let service: Arc<dyn PasswordService> = services.default_service()?;
    let before = sandbox.changes();
    if step.answer_lost {
        lose_next_response(sandbox)?;
    }
    let (cx, change) = (CallContext::default(), change(step)?);
    let result = service.change_password(&cx, &change).await;
    let [requests, answers] = recorder.take();
    let resolution = match result.as_ref().err().and_then(Error::unknown_outcome) {
        // If the probe fails, the outcome stays unknown.
        Some(attempt) => service.resolve(&cx, attempt, &change).await.ok(),
        None => None,
    };
    let probe = recorder.take();
    let changes = sandbox.ledger().changes.split_off(before);
    let (claim, kind) = match &result {
        Ok(_) => ("applied", None),
        Err(error) => (error.outcome().as_str(), Some(error.kind().as_str())),
    };
    let provider = if step.provider == "zoom" {
        Provider::Zoom
    } else {
        Provider::Identity
    };
    let right = |change: &repass_sandbox::Change| {
        change.provider == provider && change.fingerprint == sandbox.fingerprint(step.new)
    };
    let allowed = match (
        result.as_ref().map_or_else(Error::outcome, |_| Outcome::Applied),
        resolution,
    ) {
        (Outcome::Applied, _) | (Outcome::Unknown, Some(Resolution::InPlace)) => 1..=1,
        (Outcome::NotApplied, _) | (Outcome::Unknown, Some(Resolution::NotInPlace)) => 0..=0,
        (Outcome::Unknown, _) => 0..=1,
    };
    let equal = allowed.contains(&changes.len()) && changes.iter().all(right);
    Ok(StepResult {
        title: step.title,
        provider: step.provider,
        claim,
        kind,
        resolution,
        applied: changes.len(),
        equal,
        result,
        requests,
        answers,
        probe,
    })
}

/// Makes the sandbox apply the next change and cut the connection before its response.
fn lose_next_response(sandbox: &Sandbox) -> Result<(), CliError> {
    let cut = Cut {
        at: CutPoint::Answer,
        how: CutKind::Rst,
    };
    let fault = Fault {
        matching: RequestMatcher::default(),
        action: Action {
            when: Timing::AfterApply,
            cut: Some(cut),
            ..Action::default()
        },
    };
    let armed = sandbox.inject(fault);
    armed.map_err(|error| CliError::internal(error.to_string()))
}

fn change(step: &Step) -> Result<PasswordChange, CliError> {
    let made_up = |text| Password::new(text).map_err(|invalid| CliError::internal(invalid.to_string()));
    let user = UserId::new(step.user).map_err(|invalid| CliError::internal(invalid.to_string()))?;
    Ok(match step.current {
        Some(current) => PasswordChange::change(user, made_up(current)?, made_up(step.new)?),
        None => PasswordChange::reset(user, made_up(step.new)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn demo_steps_match_the_ledger_and_show_no_secret() {
        let sandbox = Sandbox::start().await.unwrap();
        let recorder = Recorder::start(sandbox.addr()).await.unwrap();
        let (zoom, portal) = (
            format!("http://{}/v2", recorder.addr()),
            format!("http://{}/identity", recorder.addr()),
        );
        let config = Config::for_sandbox_at(&sandbox, &zoom, &portal);
        let mut ends = Vec::new();
        for step in &STEPS {
            let result = run_step(step, &config, &sandbox, &recorder).await.unwrap();
            assert!(result.equal, "{result:?}");
            let shown = display::step(1, step, &result, &sandbox);
            for secret in [
                step.new,
                step.current.unwrap_or(step.new),
                &sandbox.startup_info().token,
            ] {
                assert!(!shown.contains(secret), "{shown}");
            }
            ends.push((result.claim, result.kind, result.requests.len()));
        }
        let refused = |kind, requests| ("not_applied", Some(kind), requests);
        let expected = [
            ("applied", None, 1),
            ("applied", None, 2),
            ("applied", None, 2),
            refused("password_refused", 2),
            refused("wrong_current_password", 2),
            refused("user_not_found", 1),
            refused("password_refused", 0),
            ("unknown", Some("connection_lost"), 1),
        ];
        assert_eq!(ends, expected);
    }

    #[tokio::test]
    async fn retrying_client_reports_wrong_outcomes() {
        let sandbox = Sandbox::start().await.unwrap();
        let retried = retrying_client::all(&sandbox).await.unwrap();
        let [zoom, portal] = &retried[..] else {
            panic!("{retried:?}")
        };
        assert_eq!((zoom.report, zoom.status, zoom.applied), ("failed", 400, 1));
        assert!(zoom.words.is_some(), "{zoom:?}");
        assert_eq!(
            (portal.report, portal.status, portal.applied),
            ("changed", 200, 2)
        );
        let shown = display::retried(&retried) + &display::ledger(&[], &retried);
        assert!(shown.contains("2 changes") && shown.contains("WRONG"), "{shown}");
    }

    #[tokio::test]
    async fn demo_lost_response_is_resolved_with_one_change() {
        let sandbox = Sandbox::start().await.unwrap();
        let recorder = Recorder::start(sandbox.addr()).await.unwrap();
        let (zoom, portal) = (
            format!("http://{}/v2", recorder.addr()),
            format!("http://{}/identity", recorder.addr()),
        );
        let config = Config::for_sandbox_at(&sandbox, &zoom, &portal);
        let step = STEPS.iter().find(|step| step.answer_lost).unwrap();
        let result = run_step(step, &config, &sandbox, &recorder).await.unwrap();
        assert_eq!(
            (result.claim, result.resolution),
            ("unknown", Some(Resolution::InPlace))
        );
        assert_eq!((result.applied, result.equal, result.answers.len()), (1, true, 0));
        let shown = display::step(8, step, &result, &sandbox);
        for part in [
            "unknown",
            "service.resolve(&cx, attempt, &change)",
            "resolved: in place",
            "no response",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(shown.lines().all(|line| line.trim_end() == line), "{shown}");
    }
}
