//! The configured providers, prepared for a bulk run.

use repass_bulk::{PasswordSource, Provider, ProviderIdentity, ProviderNames};
use repass_provider::ProviderKind;

use crate::context::Context;
use crate::error::CliError;
use crate::password_rules::PasswordRules;
use crate::session_setup::Setup;
use repass::config::ProviderConfig;
use repass::{LayeredPolicy, PasswordPolicy, PasswordService as _};

/// The provider names that rows may use, and the provider of rows without one: -p, else that of the run, else the
/// default.
pub(super) fn names(setup: &Setup, provider: Option<&str>) -> Result<ProviderNames, CliError> {
    let known: Vec<&str> = setup.config.providers().map(|(name, _)| name).collect();
    if let Some(selected) = provider.filter(|selected| !known.contains(selected)) {
        return Err(repass::UnknownProvider::new(Some(selected), known.into_iter()).into());
    }
    Ok(ProviderNames::new(
        known,
        provider.or_else(|| setup.config.default_provider()),
    ))
}

/// The provider of this name. Its rules are read only if `rules` is set: to generate or check passwords.
pub(super) async fn provider(
    name: &str,
    setup: &Setup,
    passwords: PasswordSource,
    rules: bool,
    context: &Context,
) -> Result<Provider, CliError> {
    let resolved = setup.provider_called(name, &context.global).await?;
    let policies = if rules {
        PasswordRules::of_provider(&resolved, context)
            .await?
            .combined
            .policies()
            .clone()
    } else {
        LayeredPolicy::from(PasswordPolicy::default())
    };
    tracing::info!(provider = resolved.service.provider(), "provider ready");
    let mut provider = Provider::new(resolved.service, policies);
    if let Some((_, config)) = setup.config.providers().find(|(known, _)| *known == name) {
        provider = provider
            .with_allowed_rate(allowed(config.kind(), passwords))
            .with_attempt_timeout(config.connection.attempt_timeout)
            .with_identity(system(config));
    }
    Ok(match resolved.preflight {
        Some(preflight) => provider.with_preflight(preflight),
        None => provider,
    })
}

/// The systems behind these names in the configuration.
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

// Changes per second.
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
