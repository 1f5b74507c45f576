//! The rules for new passwords that a command goes by, and where they come from.

use serde::Serialize;

use super::global::Global;
use super::output::Output;
use super::setup::{Meant, Setup};
use super::stop::Stop;
use repass::rules;
use repass::{ErrorKind, LayeredPolicy, LocalPolicy, Password, PasswordPolicy, PasswordService as _, Preset};

/// Rules, and where the provider's come from.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) both: LocalPolicy,
    pub(super) source: Source,
    // The sandbox behind the provider lives in it.
    _setup: Option<Setup>,
}

/// Where the provider's rules come from: the provider, or else a preset, or `none` where none are published.
#[derive(Debug, Serialize)]
pub(super) struct Source {
    pub(super) provider: Option<String>,
    pub(super) preset: Option<&'static str>,
}

impl Rules {
    /// Those of a preset, or of the provider that the user means.
    pub(super) async fn asked(
        preset: Option<Preset>,
        global: &Global,
        output: &Output,
    ) -> Result<Self, Stop> {
        if let Some(preset) = preset {
            return Ok(Self {
                both: LocalPolicy::new(LayeredPolicy::from(PasswordPolicy::from(preset))),
                source: Source {
                    provider: None,
                    preset: Some(preset.name()),
                },
                _setup: None,
            });
        }
        let setup = Setup::load(global).await?;
        let rules = Self::of(&setup.provider(global).await?, global, output).await?;
        Ok(Self {
            _setup: Some(setup),
            ..rules
        })
    }

    /// What the provider tells, with the caller's own rules on top. Where it does not tell, what is published.
    pub(super) async fn of(meant: &Meant, global: &Global, output: &Output) -> Result<Self, Stop> {
        let provider = meant.service.provider();
        let (policy, preset) = match meant.service.policy(&global.call_context()).await {
            Ok(policy) => (policy, None),
            Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
                let (policy, name) = rules::published(meant.preset);
                output.note(&format!(
                    "{provider}: does not tell its password rules, so the published ones are taken ({name}): {error}"
                ));
                (policy, Some(name))
            }
            Err(error) => {
                return Err(Stop::Call {
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
                Stop::config(format!(
                    "providers.{provider}.policy: on top of the provider's rules {impossible}"
                ))
            })?,
            source: Source {
                provider: Some(provider.to_owned()),
                preset,
            },
            _setup: None,
        })
    }

    /// A password that meets them.
    pub(super) fn generate(&self) -> Result<Password, Stop> {
        let generated = self.both.policies().generate();
        generated.map_err(|error| Stop::internal(error.to_string()))
    }
}
