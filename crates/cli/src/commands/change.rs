//! `repass change`: by the user, who knows the current password.

use crate::change_flow;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output;
use crate::prompts::{ChosenPassword, CurrentPassword};

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

impl Args {
    /// Runs the command.
    pub(crate) async fn run(&self, context: &Context) -> Result<Exit, CliError> {
        let given = self.new.given(context.global.yes)?;
        let ready = change_flow::prepare(context, &self.user, given, |capabilities| {
            let hint = "this provider cannot check a current password; use `repass reset`";
            if capabilities.change {
                Ok(Some(&self.current))
            } else {
                Err(hint)
            }
        });
        let ready = ready.await?;
        if self.new.print {
            output::generated(ready.change.new_password(), context.output.json)?;
        }
        change_flow::send(ready, context).await
    }
}
