//! `repass change`: a user changes their own password.

use crate::change_flow;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output;
use crate::prompts::{ChosenPassword, CurrentPassword};

/// A change authorized by the current password.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The user's id at the provider
    user: String,
    #[command(flatten)]
    current: CurrentPassword,
    #[command(flatten)]
    new: ChosenPassword,
}

impl Args {
    /// Runs the command.
    pub(crate) async fn run(&self, context: &Context) -> Result<Exit, CliError> {
        let given = self.new.given(context.global.yes)?;
        let prepared = change_flow::prepare(context, &self.user, given, |capabilities| {
            let hint = "this provider cannot verify a current password; use `repass reset`";
            if capabilities.change {
                Ok(Some(&self.current))
            } else {
                Err(hint)
            }
        });
        let prepared = prepared.await?;
        if self.new.print {
            output::print_generated_password(prepared.change.new_password(), context.output.json)?;
        }
        change_flow::send(prepared, context).await
    }
}
