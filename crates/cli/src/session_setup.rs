//! From the global options to a service.

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

/// The configuration that a command works with, and the sandbox behind it, which lives as long.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) config: Config,
    /// The file it came from, if it came from one.
    pub(super) file: Option<PathBuf>,
    sandbox: Option<Sandbox>,
}

/// The provider that the user means.
pub(super) struct ResolvedProvider {
    pub(super) service: Arc<dyn PasswordService>,
    pub(super) local_policy: Option<LocalPolicy>,
    /// The published rules of its kind.
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

    /// The configuration, its file and the sandbox, each if there is one.
    pub(super) fn into_parts(self) -> (Config, Option<PathBuf>, Option<Sandbox>) {
        (self.config, self.file, self.sandbox)
    }

    /// The provider that the user means. Only its own secrets are read.
    pub(super) async fn provider(&self, global: &GlobalOptions) -> Result<ResolvedProvider, CliError> {
        self.meant_by(global.provider.as_deref(), global).await
    }

    /// The provider of this name. Only its own secrets are read.
    pub(super) async fn provider_called(
        &self,
        name: &str,
        global: &GlobalOptions,
    ) -> Result<ResolvedProvider, CliError> {
        self.meant_by(Some(name), global).await
    }

    async fn meant_by(
        &self,
        asked: Option<&str>,
        global: &GlobalOptions,
    ) -> Result<ResolvedProvider, CliError> {
        let (name, preset, services) = self.built(asked, global).await?;
        Ok(ResolvedProvider {
            service: services.get(name)?,
            local_policy: services.local_policy(name),
            preset,
            preflight: services.preflight(name)?,
        })
    }

    /// The same for profiles.
    pub(super) async fn profiles(
        &self,
        global: &GlobalOptions,
    ) -> Result<Arc<dyn UserProfileService>, CliError> {
        let (name, _, services) = self.built(global.provider.as_deref(), global).await?;
        services.profile(name)?.ok_or_else(|| CliError::Call {
            provider: name.to_owned(),
            error: Error::not_applied(
                ErrorKind::Unsupported,
                "repass updates no profiles at this kind of provider",
            ),
        })
    }

    async fn built<'a>(
        &'a self,
        asked: Option<&'a str>,
        global: &GlobalOptions,
    ) -> Result<(&'a str, Option<Preset>, Services), CliError> {
        let name = asked.or_else(|| self.config.default_provider());
        let mut known = self.config.providers();
        let found = known.find(|(known, _)| Some(*known) == name);
        let (name, provider) = found
            .ok_or_else(|| UnknownProvider::new(asked, self.config.providers().map(|(name, _)| name)))?;
        let services = build(self.config.clone().only(name), global).await?;
        Ok((name, provider.kind().preset(), services))
    }
}

/// Everything that is wrong with the configuration, its references and what was left of an example included.
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
        Err(stop) => Err(CliError::combine(std::iter::once(stop).chain(left).collect())),
    }
}

/// The file that the configuration is read from, if it is read from one.
pub(super) fn file_of(global: &GlobalOptions) -> Option<PathBuf> {
    if global.sandbox {
        None
    } else {
        file(global).ok().flatten()
    }
}

/// Builds services where the programs that give their secrets may take their time, out of that of the call.
pub(super) async fn build(config: Config, global: &GlobalOptions) -> Result<Services, CliError> {
    building(Services::builder().config(config), global).await
}

/// The same from a file, if there is one, and the environment, both of which can be read anew.
pub(super) async fn build_from(file: Option<PathBuf>, global: &GlobalOptions) -> Result<Services, CliError> {
    let builder = Services::builder().variables(std::env::vars_os());
    let builder = match file {
        Some(file) => builder.file(file),
        None => builder,
    };
    building(builder, global).await
}

async fn building(builder: ServicesBuilder, global: &GlobalOptions) -> Result<Services, CliError> {
    let builder = builder.secret_timeout(global.secret_timeout());
    let start = Instant::now();
    let services = tokio::task::spawn_blocking(move || builder.build()).await;
    global.record_secret_wait(start.elapsed());
    Ok(services.map_err(|error| CliError::internal(error.to_string()))??)
}

// The file to read; `None` when there is none but variables say it all.
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
        "there is no configuration (looked for {}); start one with `repass config init repass.toml`, or try --sandbox",
        places.join(", ")
    )))
}
