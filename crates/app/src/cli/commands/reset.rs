//! `repass reset`: by an administrator, without the current password.

use crate::cli::call;
use crate::cli::exit::Exit;
use crate::cli::global::Global;
use crate::cli::output::{self, Output};
use crate::cli::password::ChosenPassword;
use crate::cli::signals::Signals;
use crate::cli::stop::Stop;

/// A reset.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The user, as the provider names them
    user: String,
    #[command(flatten)]
    new: ChosenPassword,
}

pub(in crate::cli) async fn run(
    args: &Args,
    global: &Global,
    output: &Output,
    signals: &Signals,
) -> Result<Exit, Stop> {
    let given = args.new.given(global.yes)?;
    let ready = call::prepare(global, output, &args.user, given, |capabilities| {
        let hint = "this provider takes no administrator's reset; use `repass change`";
        if capabilities.reset { Ok(None) } else { Err(hint) }
    });
    let ready = ready.await?;
    if args.new.print {
        output::generated(ready.change.new_password(), output.json)?;
    }
    call::send(ready, global, output, signals).await
}
