//! The rules for new passwords that a command goes by, and where they come from.

use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::session_setup::{ResolvedProvider, Setup};
use repass::{ErrorKind, LayeredPolicy, LocalPolicy, Password, PasswordPolicy, PasswordService as _, Preset};

/// PasswordRules, and where the provider's come from.
#[derive(Debug)]
pub(super) struct PasswordRules {
    pub(super) both: LocalPolicy,
    pub(super) source: RulesSource,
    // The sandbox behind the provider lives in it.
    _setup: Option<Setup>,
}

/// Where the provider's rules come from: the provider, or else a preset, or `none` where none are published.
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
    /// Those of a preset, or of the provider that the user means.
    pub(super) async fn load(preset: Option<Preset>, context: &Context) -> Result<Self, CliError> {
        if let Some(preset) = preset {
            return Ok(Self {
                both: LocalPolicy::new(LayeredPolicy::from(PasswordPolicy::from(preset))),
                source: RulesSource {
                    provider: None,
                    preset: Some(preset.name()),
                },
                _setup: None,
            });
        }
        let setup = Setup::load(&context.global).await?;
        let rules = Self::of(&setup.provider(&context.global).await?, context).await?;
        Ok(Self {
            _setup: Some(setup),
            ..rules
        })
    }

    /// What the provider tells, with the caller's own rules on top. Where it does not tell, what is published.
    pub(super) async fn of(meant: &ResolvedProvider, context: &Context) -> Result<Self, CliError> {
        let provider = meant.service.provider();
        let (policy, preset) = match meant.service.policy(&context.global.call_context()).await {
            Ok(policy) => (policy, None),
            Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
                let (policy, name) = published(meant.preset);
                context.output.note(&format!(
                    "{provider}: does not tell its password rules, so the published ones are taken ({name}): {error}"
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
        let both = match &meant.local_policy {
            Some(own) => own.on(policy),
            None => Ok(LocalPolicy::new(policy.into())),
        };
        Ok(Self {
            both: both.map_err(|impossible| {
                CliError::config(format!(
                    "providers.{provider}.policy: on top of the provider's rules {impossible}"
                ))
            })?,
            source: RulesSource {
                provider: Some(provider.to_owned()),
                preset,
            },
            _setup: None,
        })
    }

    /// A password that meets them.
    pub(super) fn generate(&self) -> Result<Password, CliError> {
        let generated = self.both.policies().generate();
        generated.map_err(|error| CliError::internal(error.to_string()))
    }
}
