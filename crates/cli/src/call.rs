//! What every command that changes or settles a password does: see that everything is good, then call.

use std::sync::Arc;

use super::exit::Exit;
use super::global::Global;
use super::output::Output;
use super::password::{self, Asking, CurrentPassword, NewPassword};
use super::rules::Rules;
use super::setup::{Meant, Setup};
use super::signals::Signals;
use super::stop::{Report, Stop};
use repass::config::OnUnknown;
use repass::{
    Capabilities, Error, ErrorKind, Password, PasswordChange, PasswordService, PasswordServiceExt as _,
    UserId,
};

/// A change that is ready to be sent.
pub(super) struct Ready {
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
    global: &Global,
    output: &Output,
    user: &str,
    new: Option<&NewPassword>,
    authority: impl FnOnce(Capabilities) -> Result<Option<&'a CurrentPassword>, &'static str>,
) -> Result<Ready, Stop> {
    let mut stops = Vec::new();
    let user = UserId::new(user)
        .map_err(|invalid| stops.push(Stop::usage(invalid.to_string())))
        .ok();
    let setup = keep(&mut stops, Setup::load(global).await);
    let meant = match &setup {
        Some(setup) => keep(&mut stops, setup.provider(global).await),
        None => None,
    };
    let service = meant.as_ref().map(|meant| &meant.service);
    // Without a service the flags still tell which passwords are meant.
    let anything = Capabilities::NONE.with_reset().with_change();
    let capabilities = service.map_or(anything, PasswordService::capabilities);
    let current = authority(capabilities).unwrap_or_else(|hint| {
        let provider = service.map(|service| service.provider().to_owned());
        let provider = provider.unwrap_or_default();
        stops.push(Stop::Call {
            provider,
            error: Error::not_applied(ErrorKind::Unsupported, hint),
        });
        None
    });
    let asking = match (stops.is_empty(), global.no_input) {
        (false, _) => Asking::NotNow,
        (true, true) => Asking::NonexistentUser,
        (true, false) => Asking::Person,
    };
    let whose = match (&user, &service) {
        (Some(user), Some(service)) => format!(" for {} at {}", user.expose(), service.provider()),
        _ => String::new(),
    };
    let passwords = keep(&mut stops, password::gather(new, current, asking, whose).await);
    match (user, setup, meant, passwords) {
        (Some(user), Some(setup), Some(meant), Some(passwords)) if stops.is_empty() => {
            let new = match passwords.new {
                Some(new) => new,
                None => generated(&meant, global, output).await?,
            };
            let change = match passwords.current {
                Some(current) => PasswordChange::change(user, current, new),
                None => PasswordChange::reset(user, new),
            };
            Ok(Ready {
                service: meant.service,
                change,
                on_unknown: setup.config.on_unknown(),
                _setup: setup,
            })
        }
        _ => Err(Stop::all(stops)),
    }
}

async fn generated(meant: &Meant, global: &Global, output: &Output) -> Result<Password, Stop> {
    Rules::of(meant, global, output).await?.generate()
}

/// Sends a change and tells what became of it. The passwords are gone before anything is told: that takes
/// as long as its reader likes.
pub(super) async fn send(
    ready: Ready,
    global: &Global,
    output: &Output,
    signals: &Signals,
) -> Result<Exit, Stop> {
    let provider = ready.service.provider().to_owned();
    let cx = global.call_context();
    tracing::info!(provider, budget = ?cx.budget(), "changing a password");
    let call = async {
        match ready.on_unknown {
            OnUnknown::Report => ready.service.change_password(&cx, &ready.change).await,
            OnUnknown::Resolve => ready.service.change_and_resolve(&cx, &ready.change).await,
        }
    };
    let made = signals.see_through(&provider, output, call).await?;
    drop(ready);
    let changed = match made {
        Ok(changed) => changed,
        Err(error) => return Err(Stop::Call { provider, error }),
    };
    let tracking_id = changed.tracking_id().map(str::to_owned);
    let message = if changed.is_proved_by_probe() {
        "the answer was lost; a probe found the new password in place"
    } else {
        "the password is changed"
    };
    output.report(&Report {
        provider: Some(provider),
        tracking_id,
        ..Report::new("applied", None, message.to_owned())
    });
    Ok(Exit::Ok)
}

pub(super) fn keep<T>(stops: &mut Vec<Stop>, result: Result<T, Stop>) -> Option<T> {
    result.map_err(|stop| stops.push(stop)).ok()
}
