//! `repass change`: by the user, who knows the current password.

use crate::call;
use crate::exit::Exit;
use crate::global::Global;
use crate::output::{self, Output};
use crate::password::{ChosenPassword, CurrentPassword};
use crate::signals::Signals;
use crate::stop::Stop;

/// A change that the current password proves.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The user, as the provider names them
    user: String,
    #[command(flatten)]
    current: CurrentPassword,
    #[command(flatten)]
    new: ChosenPassword,
}

pub(crate) async fn run(
    args: &Args,
    global: &Global,
    output: &Output,
    signals: &Signals,
) -> Result<Exit, Stop> {
    let given = args.new.given(global.yes)?;
    let ready = call::prepare(global, output, &args.user, given, |capabilities| {
        let hint = "this provider cannot check a current password; use `repass reset`";
        if capabilities.change {
            Ok(Some(&args.current))
        } else {
            Err(hint)
        }
    });
    let ready = ready.await?;
    if args.new.print {
        output::generated(ready.change.new_password(), output.json)?;
    }
    call::send(ready, global, output, signals).await
}
