//! The configured providers as the sidecar's directory.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use repass_sandbox::Sandbox;
use repass_sidecar::{Directory, Rules};

use crate::error::CliError;
use crate::global_options::GlobalOptions;
use crate::password_rules;
use crate::session_setup::{self, Setup};
use repass::{
    CallContext, Config, Error, ErrorKind, LayeredPolicy, LocalPolicy, Password, PasswordService, Preset,
    Services, Violation,
};

/// The providers of the current configuration, which can be reloaded.
#[derive(Debug)]
pub(super) struct ConfiguredDirectory {
    services: Services,
    presets: RwLock<BTreeMap<String, Option<Preset>>>,
    file: Option<PathBuf>,
    // With --sandbox, the sandbox behind the services.
    sandbox: Option<Sandbox>,
}

fn presets(config: &Config) -> BTreeMap<String, Option<Preset>> {
    let providers = config.providers();
    providers
        .map(|(name, provider)| (name.to_owned(), provider.kind().preset()))
        .collect()
}

impl ConfiguredDirectory {
    /// Builds the services, reading their secrets.
    pub(super) async fn load(setup: Setup, global: &GlobalOptions) -> Result<Self, CliError> {
        let (config, file, sandbox) = setup.into_parts();
        let presets = RwLock::new(presets(&config));
        let services = match sandbox {
            Some(_) => session_setup::build(config, global).await?,
            None => session_setup::build_from(file.clone(), global).await?,
        };
        Ok(Self {
            services,
            presets,
            file,
            sandbox,
        })
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.services.names()
    }

    /// Reloads the configuration and everything that it refers to.
    ///
    /// # Errors
    /// All problems with it; the former configuration stays in effect.
    pub(super) async fn reload(&self) -> Result<(), CliError> {
        if self.sandbox.is_some() {
            return Ok(());
        }
        let (services, file) = (self.services.clone(), self.file.clone());
        let reloaded = tokio::task::spawn_blocking(move || {
            services.reload()?;
            Config::load(file.as_deref(), std::env::vars_os())
        });
        let config = reloaded
            .await
            .map_err(|error| CliError::internal(error.to_string()))??;
        *self.presets.write().unwrap_or_else(PoisonError::into_inner) = presets(&config);
        Ok(())
    }
}

#[async_trait]
impl Directory for ConfiguredDirectory {
    fn names(&self) -> Vec<String> {
        self.services.names()
    }

    fn default_name(&self) -> Option<String> {
        let service = self.services.default_service().ok()?;
        Some(service.provider().to_owned())
    }

    fn service(&self, name: &str) -> Option<Arc<dyn PasswordService>> {
        self.services.get(name).ok()
    }

    async fn rules(&self, name: &str, cx: &CallContext) -> Result<Arc<dyn Rules>, Error> {
        let gone = || Error::not_applied(ErrorKind::Misconfigured, "the provider is no longer configured");
        let service = self.services.get(name).map_err(|_| gone())?;
        let preset = {
            let presets = self.presets.read().unwrap_or_else(PoisonError::into_inner);
            presets.get(name).copied().ok_or_else(gone)?
        };
        let (policy, preset) = match service.policy(cx).await {
            Ok(policy) => (policy, None),
            Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
                let (policy, name) = password_rules::published(preset);
                (policy, Some(name))
            }
            Err(error) => return Err(error),
        };
        let combined = match self.services.local_policy(name) {
            Some(own) => own.on(policy).map_err(|impossible| {
                let detail = format!("combined with the provider's rules, the configured ones {impossible}");
                Error::not_applied(ErrorKind::Misconfigured, detail)
            })?,
            None => LocalPolicy::new(policy.into()),
        };
        Ok(Arc::new(ProviderRules { combined, preset }))
    }
}

/// Provider names only, for the API description.
#[derive(Debug)]
pub(super) struct StaticDirectory(pub(super) Vec<String>);

#[async_trait]
impl Directory for StaticDirectory {
    fn names(&self) -> Vec<String> {
        self.0.clone()
    }

    fn default_name(&self) -> Option<String> {
        None
    }

    fn service(&self, _: &str) -> Option<Arc<dyn PasswordService>> {
        None
    }

    async fn rules(&self, _: &str, _: &CallContext) -> Result<Arc<dyn Rules>, Error> {
        Err(Error::not_applied(
            ErrorKind::Unsupported,
            "this directory has no services",
        ))
    }
}

/// Password rules with their source.
#[derive(Debug)]
struct ProviderRules {
    combined: LocalPolicy,
    preset: Option<&'static str>,
}

#[async_trait]
impl Rules for ProviderRules {
    fn policies(&self) -> &LayeredPolicy {
        self.combined.policies()
    }

    fn preset(&self) -> Option<&'static str> {
        self.preset
    }

    async fn check(&self, cx: &CallContext, password: &Password) -> Result<Vec<Violation>, Error> {
        self.combined.check(cx, password).await
    }
}
