//! What every command that changes or settles a password does: see that everything is good, then call.

use std::sync::Arc;

use crate::context::Context;
use crate::error::{CliError, Report};
use crate::exit::Exit;
use crate::password_rules::PasswordRules;
use crate::prompts::{self, CurrentPassword, NewPassword, PromptMode};
use crate::session_setup::{ResolvedProvider, Setup};
use repass::config::OnUnknown;
use repass::{
    Capabilities, Error, ErrorKind, Password, PasswordChange, PasswordService, PasswordServiceExt as _,
    UserId,
};

/// A change that is ready to be sent.
pub(super) struct PreparedChange {
    pub(super) service: Arc<dyn PasswordService>,
    pub(super) change: PasswordChange,
    on_unknown: OnUnknown,
    // The sandbox behind the service lives in it.
    _setup: Setup,
}

/// Makes a change ready. Without a place where the new password is, one is made. `authority` says from what the provider can do where the current password comes from,
/// `None` standing for an administrator's reset.
///
/// # Errors
/// All that is wrong with the user id, the configuration and the passwords, told together. A person is asked
/// for passwords only when all else is good.
pub(super) async fn prepare<'a>(
    context: &Context,
    user: &str,
    new: Option<&NewPassword>,
    authority: impl FnOnce(Capabilities) -> Result<Option<&'a CurrentPassword>, &'static str>,
) -> Result<PreparedChange, CliError> {
    let mut errors = Vec::new();
    let user = UserId::new(user)
        .map_err(|invalid| errors.push(CliError::usage(invalid.to_string())))
        .ok();
    let setup = keep(&mut errors, Setup::load(&context.global).await);
    let meant = match &setup {
        Some(setup) => keep(&mut errors, setup.provider(&context.global).await),
        None => None,
    };
    let service = meant.as_ref().map(|meant| &meant.service);
    // Without a service the flags still tell which passwords are meant.
    let anything = Capabilities::NONE.with_reset().with_change();
    let capabilities = service.map_or(anything, PasswordService::capabilities);
    let current = authority(capabilities).unwrap_or_else(|hint| {
        let provider = service.map(|service| service.provider().to_owned());
        let provider = provider.unwrap_or_default();
        errors.push(CliError::Call {
            provider,
            error: Error::not_applied(ErrorKind::Unsupported, hint),
        });
        None
    });
    let asking = match (errors.is_empty(), context.global.no_input) {
        (false, _) => PromptMode::Skip,
        (true, true) => PromptMode::Never,
        (true, false) => PromptMode::Prompt,
    };
    let whose = match (&user, &service) {
        (Some(user), Some(service)) => format!(" for {} at {}", user.expose(), service.provider()),
        _ => String::new(),
    };
    let passwords = keep(&mut errors, prompts::gather(new, current, asking, whose).await);
    match (user, setup, meant, passwords) {
        (Some(user), Some(setup), Some(meant), Some(passwords)) if errors.is_empty() => {
            let new = match passwords.new {
                Some(new) => new,
                None => generated(&meant, context).await?,
            };
            let change = match passwords.current {
                Some(current) => PasswordChange::change(user, current, new),
                None => PasswordChange::reset(user, new),
            };
            Ok(PreparedChange {
                service: meant.service,
                change,
                on_unknown: setup.config.on_unknown(),
                _setup: setup,
            })
        }
        _ => Err(CliError::combine(errors)),
    }
}

async fn generated(meant: &ResolvedProvider, context: &Context) -> Result<Password, CliError> {
    PasswordRules::of(meant, context).await?.generate()
}

/// Sends a change and tells what became of it. The passwords are gone before anything is told: that takes
/// as long as its reader likes.
pub(super) async fn send(ready: PreparedChange, context: &Context) -> Result<Exit, CliError> {
    let provider = ready.service.provider().to_owned();
    let cx = context.global.call_context();
    tracing::info!(provider, budget = ?cx.budget(), "changing a password");
    let call = async {
        match ready.on_unknown {
            OnUnknown::Report => ready.service.change_password(&cx, &ready.change).await,
            OnUnknown::Resolve => ready.service.change_and_resolve(&cx, &ready.change).await,
        }
    };
    let made = context
        .signals
        .run_to_completion(&provider, &context.output, call)
        .await?;
    drop(ready);
    let changed = match made {
        Ok(changed) => changed,
        Err(error) => return Err(CliError::Call { provider, error }),
    };
    let tracking_id = changed.tracking_id().map(str::to_owned);
    let message = if changed.is_proved_by_probe() {
        "the answer was lost; a probe found the new password in place"
    } else {
        "the password is changed"
    };
    context.output.report(&Report {
        provider: Some(provider),
        tracking_id,
        ..Report::new("applied", None, message.to_owned())
    });
    Ok(Exit::Ok)
}

pub(super) fn keep<T>(errors: &mut Vec<CliError>, result: Result<T, CliError>) -> Option<T> {
    result.map_err(|stop| errors.push(stop)).ok()
}
