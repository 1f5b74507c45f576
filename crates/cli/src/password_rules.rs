//! The rules for new passwords that a command applies, and their source.

use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::session_setup::{ResolvedProvider, Setup};
use repass::{ErrorKind, LayeredPolicy, LocalPolicy, Password, PasswordPolicy, PasswordService as _, Preset};

/// PasswordRules, and where the provider's come from.
#[derive(Debug)]
pub(super) struct PasswordRules {
    pub(super) combined: LocalPolicy,
    pub(super) source: RulesSource,
    // The sandbox behind the provider lives in it.
    _setup: Option<Setup>,
}

/// The source of the provider's rules: the provider itself, a preset, or `none` if none are published.
#[derive(Debug, Serialize)]
pub(super) struct RulesSource {
    pub(super) provider: Option<String>,
    pub(super) preset: Option<&'static str>,
}

/// The published rules of a preset, with its name, for a provider that does not report its own.
pub(super) fn published(preset: Option<Preset>) -> (PasswordPolicy, &'static str) {
    match preset {
        Some(preset) => (preset.into(), preset.name()),
        None => (PasswordPolicy::default(), "none"),
    }
}

impl PasswordRules {
    /// The rules of a preset, or of the selected provider.
    pub(super) async fn load(preset: Option<Preset>, context: &Context) -> Result<Self, CliError> {
        if let Some(preset) = preset {
            return Ok(Self {
                combined: LocalPolicy::new(LayeredPolicy::from(PasswordPolicy::from(preset))),
                source: RulesSource {
                    provider: None,
                    preset: Some(preset.name()),
                },
                _setup: None,
            });
        }
        let setup = Setup::load(&context.global).await?;
        let rules = Self::of_provider(&setup.provider(&context.global).await?, context).await?;
        Ok(Self {
            _setup: Some(setup),
            ..rules
        })
    }

    /// The rules that the provider reports, or its published rules if it does not report any, combined with the
    /// caller's own.
    pub(super) async fn of_provider(
        resolved: &ResolvedProvider,
        context: &Context,
    ) -> Result<Self, CliError> {
        let provider = resolved.service.provider();
        let (policy, preset) = match resolved.service.policy(&context.global.call_context()).await {
            Ok(policy) => (policy, None),
            Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
                let (policy, name) = published(resolved.preset);
                context.output.note(&format!(
                    "{provider}: cannot read the password rules, using the published ones ({name}): {error}"
                ));
                (policy, Some(name))
            }
            Err(error) => {
                return Err(CliError::Call {
                    provider: provider.to_owned(),
                    error,
                });
            }
        };
        let combined = match &resolved.local_policy {
            Some(own) => own.on(policy),
            None => Ok(LocalPolicy::new(policy.into())),
        };
        Ok(Self {
            combined: combined.map_err(|impossible| {
                CliError::config(format!(
                    "providers.{provider}.policy: combined with the provider's rules, {impossible}"
                ))
            })?,
            source: RulesSource {
                provider: Some(provider.to_owned()),
                preset,
            },
            _setup: None,
        })
    }

    /// A generated password that meets the rules.
    pub(super) fn generate(&self) -> Result<Password, CliError> {
        let generated = self.combined.policies().generate();
        generated.map_err(|error| CliError::internal(error.to_string()))
    }
}
