//! Loads the configuration and builds the services that a command works with.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use repass_sandbox::Sandbox;

use crate::config_path;
use crate::error::CliError;
use crate::global_options::GlobalOptions;
use repass::{
    Config, Error, ErrorKind, LocalPolicy, PasswordService, PreflightService, Preset, Services,
    ServicesBuilder, UnknownProvider, UserProfileService,
};

/// The configuration that a command works with, and the sandbox behind it.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) config: Config,
    /// The file it was read from, if any.
    pub(super) file: Option<PathBuf>,
    sandbox: Option<Sandbox>,
}

/// The provider that a command works with.
pub(super) struct ResolvedProvider {
    pub(super) service: Arc<dyn PasswordService>,
    pub(super) local_policy: Option<LocalPolicy>,
    /// The published rules of this provider type.
    pub(super) preset: Option<Preset>,
    pub(super) preflight: Option<Arc<dyn PreflightService>>,
}

impl Setup {
    /// Reads the configuration, or starts the sandbox.
    pub(super) async fn load(global: &GlobalOptions) -> Result<Self, CliError> {
        if global.sandbox {
            let started = Sandbox::start().await;
            let sandbox = started.map_err(|error| CliError::internal(format!("no sandbox: {error}")))?;
            return Ok(Self {
                config: Config::for_sandbox(&sandbox),
                file: None,
                sandbox: Some(sandbox),
            });
        }
        let file = file(global)?;
        let config = Config::load(file.as_deref(), std::env::vars_os())?;
        tracing::info!(file = ?file, "configuration read");
        Ok(Self {
            config,
            file,
            sandbox: None,
        })
    }

    /// The configuration, its file and the sandbox.
    pub(super) fn into_parts(self) -> (Config, Option<PathBuf>, Option<Sandbox>) {
        (self.config, self.file, self.sandbox)
    }

    /// The provider that a command works with. Only its own secrets are read.
    pub(super) async fn provider(&self, global: &GlobalOptions) -> Result<ResolvedProvider, CliError> {
        self.resolve_provider(global.provider.as_deref(), global).await
    }

    /// The provider of this name. Only its own secrets are read.
    pub(super) async fn provider_called(
        &self,
        name: &str,
        global: &GlobalOptions,
    ) -> Result<ResolvedProvider, CliError> {
        self.resolve_provider(Some(name), global).await
    }

    async fn resolve_provider(
        &self,
        selected: Option<&str>,
        global: &GlobalOptions,
    ) -> Result<ResolvedProvider, CliError> {
        let (name, preset, services) = self.build_services(selected, global).await?;
        Ok(ResolvedProvider {
            service: services.get(name)?,
            local_policy: services.local_policy(name),
            preset,
            preflight: services.preflight(name)?,
        })
    }

    /// The profile service of the selected provider.
    pub(super) async fn profiles(
        &self,
        global: &GlobalOptions,
    ) -> Result<Arc<dyn UserProfileService>, CliError> {
        let (name, _, services) = self.build_services(global.provider.as_deref(), global).await?;
        services.profile(name)?.ok_or_else(|| CliError::Call {
            provider: name.to_owned(),
            error: Error::not_applied(
                ErrorKind::Unsupported,
                "this type of provider does not support profile updates",
            ),
        })
    }

    async fn build_services<'a>(
        &'a self,
        selected: Option<&'a str>,
        global: &GlobalOptions,
    ) -> Result<(&'a str, Option<Preset>, Services), CliError> {
        let name = selected.or_else(|| self.config.default_provider());
        let mut known = self.config.providers();
        let found = known.find(|(known, _)| Some(*known) == name);
        let (name, provider) = found
            .ok_or_else(|| UnknownProvider::new(selected, self.config.providers().map(|(name, _)| name)))?;
        let services = build(self.config.clone().only(name), global).await?;
        Ok((name, provider.kind().preset(), services))
    }
}

/// Validates the configuration, including its secret references and placeholders left from an example.
pub(super) async fn check(global: &GlobalOptions) -> Result<(), CliError> {
    if global.sandbox {
        return Ok(());
    }
    let file = file(global)?;
    let placeholders = Config::placeholders_of(file.as_deref(), std::env::vars_os());
    let checked = build_from(file, global).await;
    let left: Vec<CliError> = placeholders
        .iter()
        .map(|problem| CliError::config(problem.to_string()))
        .collect();
    match checked {
        Ok(_) if left.is_empty() => Ok(()),
        Ok(_) => Err(CliError::combine(left)),
        Err(error) => Err(CliError::combine(std::iter::once(error).chain(left).collect())),
    }
}

/// The file that the configuration is read from, if any.
pub(super) fn file_of(global: &GlobalOptions) -> Option<PathBuf> {
    if global.sandbox {
        None
    } else {
        file(global).ok().flatten()
    }
}

/// Builds services off the async threads; the time spent on their secrets is deducted from the call's limit.
pub(super) async fn build(config: Config, global: &GlobalOptions) -> Result<Services, CliError> {
    build_blocking(Services::builder().config(config), global).await
}

/// Builds services from a file, if any, and the environment; both are read again on reload.
pub(super) async fn build_from(file: Option<PathBuf>, global: &GlobalOptions) -> Result<Services, CliError> {
    let builder = Services::builder().variables(std::env::vars_os());
    let builder = match file {
        Some(file) => builder.file(file),
        None => builder,
    };
    build_blocking(builder, global).await
}

async fn build_blocking(builder: ServicesBuilder, global: &GlobalOptions) -> Result<Services, CliError> {
    let builder = builder.secret_timeout(global.secret_timeout());
    let start = Instant::now();
    let services = tokio::task::spawn_blocking(move || builder.build()).await;
    global.record_secret_wait(start.elapsed());
    Ok(services.map_err(|error| CliError::internal(error.to_string()))??)
}

// The file to read; `None` if the configuration is given by environment variables alone.
fn file(global: &GlobalOptions) -> Result<Option<PathBuf>, CliError> {
    let variable = |name: &str| std::env::var_os(name);
    let searched = match config_path::find(global.config.as_deref(), variable, Path::exists) {
        Ok(file) => return Ok(Some(file)),
        Err(searched) => searched,
    };
    let ours = |name: OsString| name.as_encoded_bytes().starts_with(b"REPASS__");
    if std::env::vars_os().any(|(name, _)| ours(name)) {
        return Ok(None);
    }
    let places: Vec<_> = searched.iter().map(|path| path.display().to_string()).collect();
    Err(CliError::config(format!(
        "no configuration found (tried {}); create one with `repass config init repass.toml`, or try --sandbox",
        places.join(", ")
    )))
}
