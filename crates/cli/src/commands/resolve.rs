//! `repass resolve`: did a change with an unknown outcome take effect?

use serde::Serialize;

use crate::change_flow;
use crate::context::Context;
use crate::error::{CliError, Report};
use crate::exit::Exit;
use crate::output;
use crate::prompts::{CurrentPassword, NewPassword};
use repass::{Resolution, UnknownOutcome};

/// A question about a change that was made with these very passwords.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Give the same passwords as for the change. PromptMode says that the change was sent. One probe answers,
and at most one:
  Zoom    the change is sent once more, so the probe itself SETS this password if another one is in
          place by now. Do not resolve an old change after a later one.
  portal  the new password is tried by changing it to itself; a wrong one counts towards lock-out.
Exit code: 0 the new password is in place, 7 it was not in place, 8 still unknown.")]
pub(crate) struct Args {
    /// The user, as the provider names them
    user: String,
    #[command(flatten)]
    current: CurrentPassword,
    #[command(flatten)]
    new: NewPassword,
}

#[derive(Debug, Serialize)]
struct ResolveReport {
    #[serde(flatten)]
    report: Report,
    resolution: Resolution,
}

impl Args {
    /// Runs the command.
    pub(crate) async fn run(&self, context: &Context) -> Result<Exit, CliError> {
        // Whatever keeps the probe from being made says nothing about the change.
        probe(self, context).await.map_err(CliError::without_probe)
    }
}

async fn probe(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let ready = change_flow::prepare(context, &args.user, Some(&args.new), |capabilities| {
        let by_user = args.current.is_given() || !capabilities.reset;
        Ok(by_user.then_some(&args.current))
    });
    let ready = ready.await?;
    let provider = ready.service.provider().to_owned();
    let sets = ready.service.capabilities().resolve_sets_password;
    if sets {
        context.output.note(&format!(
            "{provider}: the probe sends the change once more, so it sets this password if another one is in place"
        ));
    }
    let (cx, attempt) = (context.global.call_context(), UnknownOutcome::undated(&provider));
    let probe = ready.service.resolve(&cx, &attempt, &ready.change);
    let resolved = context
        .signals
        .run_to_completion(&provider, &context.output, probe)
        .await?;
    drop(ready);
    match resolved {
        Ok(resolution) => {
            let (outcome, exit) = match resolution {
                Resolution::InPlace => ("applied", Exit::Ok),
                // True at the probe: the change may be made again, unless the first is still on its way.
                Resolution::NotInPlace => ("not_applied", Exit::Unavailable),
                Resolution::StillUnknown => ("unknown", Exit::Unknown),
            };
            let message = match resolution {
                Resolution::InPlace if sets => {
                    "the new password is in place; if it was not before, the probe has set it".to_owned()
                }
                _ => format!("when probed, the new password was {resolution}"),
            };
            let report = Report {
                provider: Some(provider),
                ..Report::new(outcome, None, message)
            };
            if context.output.json {
                output::object(&ResolveReport { report, resolution });
            } else {
                context.output.report(&report);
            }
            Ok(exit)
        }
        Err(error) => Err(CliError::ProbeFailed { provider, error }),
    }
}
