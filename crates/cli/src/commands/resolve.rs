//! `repass resolve`: did a change with an unknown outcome take effect?

use serde::Serialize;

use crate::call;
use crate::exit::Exit;
use crate::global::Global;
use crate::output::{self, Output};
use crate::password::{CurrentPassword, NewPassword};
use crate::signals::Signals;
use crate::stop::{Report, Stop};
use repass::{Resolution, UnknownOutcome};

/// A question about a change that was made with these very passwords.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Give the same passwords as for the change. Asking says that the change was sent. One probe answers,
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
struct Settled {
    #[serde(flatten)]
    report: Report,
    resolution: Resolution,
}

pub(crate) async fn run(
    args: &Args,
    global: &Global,
    output: &Output,
    signals: &Signals,
) -> Result<Exit, Stop> {
    // Whatever keeps the probe from being made says nothing about the change.
    probe(args, global, output, signals).await.map_err(Stop::unprobed)
}

async fn probe(args: &Args, global: &Global, output: &Output, signals: &Signals) -> Result<Exit, Stop> {
    let ready = call::prepare(global, output, &args.user, Some(&args.new), |capabilities| {
        let by_user = args.current.is_given() || !capabilities.reset;
        Ok(by_user.then_some(&args.current))
    });
    let ready = ready.await?;
    let provider = ready.service.provider().to_owned();
    let sets = ready.service.capabilities().resolve_sets_password;
    if sets {
        output.note(&format!(
            "{provider}: the probe sends the change once more, so it sets this password if another one is in place"
        ));
    }
    let (cx, attempt) = (global.call_context(), UnknownOutcome::undated(&provider));
    let probe = ready.service.resolve(&cx, &attempt, &ready.change);
    let resolved = signals.see_through(&provider, output, probe).await?;
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
            if output.json {
                output::object(&Settled { report, resolution });
            } else {
                output.report(&report);
            }
            Ok(exit)
        }
        Err(error) => Err(Stop::Unsettled { provider, error }),
    }
}
