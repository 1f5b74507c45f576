//! `repass reset`: by an administrator, without the current password.

use crate::call;
use crate::exit::Exit;
use crate::global::Global;
use crate::output::{self, Output};
use crate::password::ChosenPassword;
use crate::signals::Signals;
use crate::stop::Stop;

/// A reset.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The user, as the provider names them
    user: String,
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
        let hint = "this provider takes no administrator's reset; use `repass change`";
        if capabilities.reset { Ok(None) } else { Err(hint) }
    });
    let ready = ready.await?;
    if args.new.print {
        output::generated(ready.change.new_password(), output.json)?;
    }
    call::send(ready, global, output, signals).await
}
