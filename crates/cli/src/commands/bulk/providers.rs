//! The configured providers, as a run needs them.

use repass_bulk::{PasswordSource, Provider, ProviderIdentity, ProviderNames};
use repass_provider::ProviderKind;

use crate::context::Context;
use crate::error::CliError;
use crate::password_rules::PasswordRules;
use crate::session_setup::Setup;
use repass::config::ProviderConfig;
use repass::{LayeredPolicy, PasswordPolicy, PasswordService as _};

/// What rows may name, and where those go that name nothing: -p, else what the run was begun with, else the
/// default.
pub(super) fn names(setup: &Setup, provider: Option<&str>) -> Result<ProviderNames, CliError> {
    let known: Vec<&str> = setup.config.providers().map(|(name, _)| name).collect();
    if let Some(asked) = provider.filter(|asked| !known.contains(asked)) {
        return Err(repass::UnknownProvider::new(Some(asked), known.into_iter()).into());
    }
    Ok(ProviderNames::new(
        known,
        provider.or_else(|| setup.config.default_provider()),
    ))
}

/// The provider of this name. Its rules are asked for where passwords are made or judged by them.
pub(super) async fn provider(
    name: &str,
    setup: &Setup,
    passwords: PasswordSource,
    rules: bool,
    context: &Context,
) -> Result<Provider, CliError> {
    let meant = setup.provider_called(name, &context.global).await?;
    let policies = if rules {
        PasswordRules::of(&meant, context).await?.both.policies().clone()
    } else {
        LayeredPolicy::from(PasswordPolicy::default())
    };
    tracing::info!(provider = meant.service.provider(), "provider ready");
    let mut provider = Provider::new(meant.service, policies);
    if let Some((_, config)) = setup.config.providers().find(|(known, _)| *known == name) {
        provider = provider
            .with_allowed_rate(allowed(config.kind(), passwords))
            .with_attempt_timeout(config.connection.attempt_timeout)
            .with_identity(system(config));
    }
    Ok(match meant.preflight {
        Some(preflight) => provider.with_preflight(preflight),
        None => provider,
    })
}

/// Which systems these names stand for in the configuration.
pub(super) fn systems<'a>(names: &'a [String], setup: &Setup) -> Vec<(&'a str, ProviderIdentity)> {
    let configured = |name: &'a String| {
        let (_, config) = setup.config.providers().find(|(known, _)| known == name)?;
        Some((name.as_str(), system(config)))
    };
    names.iter().filter_map(configured).collect()
}

fn system(config: &ProviderConfig) -> ProviderIdentity {
    ProviderIdentity {
        kind: config.kind().name().to_owned(),
        base_url: config.connection.base_url.clone(),
        account: config.connection.auth.account().map(str::to_owned),
    }
}

// Of changes a second.
fn allowed(kind: &dyn ProviderKind, passwords: PasswordSource) -> Option<f64> {
    // Rows with passwords may be resets or changes.
    let label = match passwords {
        PasswordSource::Generated => kind.reset_limit(),
        PasswordSource::Input => kind.change_limit(),
    };
    let limits = kind.limits();
    let (_, limit) = limits.into_iter().find(|(known, _)| *known == label)?;
    Some(f64::from(limit.requests) / limit.window.as_secs_f64())
}
