//! `repass reset`: by an administrator, without the current password.

use crate::cli::args::Global;
use crate::cli::call;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::password::NewPassword;
use crate::cli::signals::Signals;
use crate::cli::stop::Stop;

/// A reset.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The user, as the provider names them
    user: String,
    #[command(flatten)]
    new: NewPassword,
}

pub(super) async fn run(
    args: &Args,
    global: &Global,
    output: &Output,
    signals: &Signals,
) -> Result<Exit, Stop> {
    let ready = call::prepare(global, &args.user, &args.new, |capabilities| {
        let hint = "this provider takes no administrator's reset; use `repass change`";
        if capabilities.administrator {
            Ok(None)
        } else {
            Err(hint)
        }
    });
    call::send(&ready.await?, global, output, signals).await
}
