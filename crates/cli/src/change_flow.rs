//! The flow shared by the commands that change or resolve a password: validate everything, then call the provider.

use std::sync::Arc;

use crate::context::Context;
use crate::error::{CliError, Report};
use crate::exit::Exit;
use crate::password_rules::PasswordRules;
use crate::prompts::{self, CurrentPassword, NewPassword, PromptMode};
use crate::session_setup::{ResolvedProvider, Setup};
use repass::config::OnUnknown;
use repass::{
    Capabilities, Error, ErrorKind, Evidence, Password, PasswordChange, PasswordService,
    PasswordServiceExt as _, UserId,
};

/// A validated change with the service to send it to.
pub(super) struct PreparedChange {
    pub(super) service: Arc<dyn PasswordService>,
    pub(super) change: PasswordChange,
    on_unknown: OnUnknown,
    // Keeps the sandbox behind the service alive.
    _setup: Setup,
}

/// Validates a change. Without `new` a password is generated. `authority` chooses from the provider's capabilities
/// the source of the current password; `None` makes it an administrator's reset.
///
/// # Errors
/// All problems with the user id, the configuration and the passwords together. Passwords are prompted for only
/// when everything else is valid.
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
    let setup = ok_or_push(&mut errors, Setup::load(&context.global).await);
    let resolved = match &setup {
        Some(setup) => ok_or_push(&mut errors, setup.provider(&context.global).await),
        None => None,
    };
    let service = resolved.as_ref().map(|resolved| &resolved.service);
    // Without a service the options still determine which passwords are needed.
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
    let mode = match (errors.is_empty(), context.global.no_input) {
        (false, _) => PromptMode::Skip,
        (true, true) => PromptMode::Never,
        (true, false) => PromptMode::Prompt,
    };
    let whose = match (&user, &service) {
        (Some(user), Some(service)) => format!(" for {} at {}", user.expose(), service.provider()),
        _ => String::new(),
    };
    let passwords = ok_or_push(&mut errors, prompts::gather(new, current, mode, whose).await);
    match (user, setup, resolved, passwords) {
        (Some(user), Some(setup), Some(resolved), Some(passwords)) if errors.is_empty() => {
            let new = match passwords.new {
                Some(new) => new,
                None => generated(&resolved, context).await?,
            };
            let change = match passwords.current {
                Some(current) => PasswordChange::change(user, current, new),
                None => PasswordChange::reset(user, new),
            };
            Ok(PreparedChange {
                service: resolved.service,
                change,
                on_unknown: setup.config.on_unknown(),
                _setup: setup,
            })
        }
        _ => Err(CliError::combine(errors)),
    }
}

async fn generated(resolved: &ResolvedProvider, context: &Context) -> Result<Password, CliError> {
    PasswordRules::of_provider(resolved, context).await?.generate()
}

/// Sends a change and reports its outcome. The passwords are dropped before the report is printed, which can block
/// on its reader.
pub(super) async fn send(prepared: PreparedChange, context: &Context) -> Result<Exit, CliError> {
    let provider = prepared.service.provider().to_owned();
    let cx = context.global.call_context();
    tracing::info!(provider, budget = ?cx.budget(), "changing a password");
    let call = async {
        match prepared.on_unknown {
            OnUnknown::Report => prepared.service.change_password(&cx, &prepared.change).await,
            OnUnknown::Resolve => prepared.service.change_and_resolve(&cx, &prepared.change).await,
        }
    };
    let made = context
        .signals
        .run_to_completion(&provider, &context.output, call)
        .await?;
    drop(prepared);
    let changed = match made {
        Ok(changed) => changed,
        Err(error) => return Err(CliError::Call { provider, error }),
    };
    let tracking_id = changed.tracking_id().map(str::to_owned);
    let grade = changed.evidence().and_then(Evidence::grade);
    let message = if changed.is_proved_by_probe() {
        "the response was lost; a probe found the new password in place"
    } else {
        "the password was changed"
    };
    context.output.report(&Report {
        provider: Some(provider),
        tracking_id,
        grade,
        ..Report::new("applied", None, message.to_owned())
    });
    Ok(Exit::Ok)
}

pub(super) fn ok_or_push<T>(errors: &mut Vec<CliError>, result: Result<T, CliError>) -> Option<T> {
    result.map_err(|error| errors.push(error)).ok()
}
