//! `repass resolve`: finds out whether a change with an unknown outcome took effect.

use serde::Serialize;

use crate::change_flow;
use crate::context::Context;
use crate::error::{CliError, Report};
use crate::exit::Exit;
use crate::output;
use crate::prompts::{CurrentPassword, NewPassword};
use repass::{Resolution, UnknownOutcome};

/// The change to resolve, with the same passwords.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Pass the same passwords as for a change that was sent. At most one probe is sent:
  Zoom    the change is sent once more, so the probe itself SETS this password if another one is in
          place by now. Do not resolve an old change after a later one.
  portal  the new password is tried by changing it to itself; a wrong one counts towards lockout.
Exit code: 0 the new password is in place, 7 it was not in place, 8 still unknown.")]
pub(crate) struct Args {
    /// The user's id at the provider
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
        // If the probe is not sent, the outcome of the change stays unknown.
        probe(self, context).await.map_err(CliError::without_probe)
    }
}

async fn probe(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let prepared = change_flow::prepare(context, &args.user, Some(&args.new), |capabilities| {
        let by_user = args.current.is_given() || !capabilities.reset;
        Ok(by_user.then_some(&args.current))
    });
    let prepared = prepared.await?;
    let provider = prepared.service.provider().to_owned();
    let sets = prepared.service.capabilities().resolve_sets_password;
    if sets {
        context.output.note(&format!(
            "{provider}: the probe sends the change once more, so it sets this password if another one is in place"
        ));
    }
    let (cx, attempt) = (context.global.call_context(), UnknownOutcome::undated(&provider));
    let probe = prepared.service.resolve(&cx, &attempt, &prepared.change);
    let resolved = context
        .signals
        .run_to_completion(&provider, &context.output, probe)
        .await?;
    drop(prepared);
    match resolved {
        Ok(resolution) => {
            let (outcome, exit) = match resolution {
                Resolution::InPlace => ("applied", Exit::Ok),
                // True at the time of the probe: the change may be repeated, unless the first is still in flight.
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
                output::print_json(&ResolveReport { report, resolution });
            } else {
                context.output.report(&report);
            }
            Ok(exit)
        }
        Err(error) => Err(CliError::ProbeFailed { provider, error }),
    }
}
