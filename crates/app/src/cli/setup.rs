//! From the global options to a service.

use std::path::PathBuf;
use std::sync::Arc;

use repass_sandbox::Sandbox;

use super::args::Global;
use super::lookup;
use super::stop::Stop;
use crate::{Config, PasswordService, Services, UnknownProvider};

/// The configuration that a command works with, and the sandbox behind it, which lives as long.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) config: Config,
    /// The file it came from, if it came from one.
    pub(super) file: Option<PathBuf>,
    _sandbox: Option<Sandbox>,
}

impl Setup {
    /// Reads the configuration, or starts the sandbox.
    pub(super) async fn load(global: &Global) -> Result<Self, Stop> {
        if global.sandbox {
            let started = Sandbox::start_default().await;
            let sandbox = started.map_err(|error| Stop::internal(format!("no sandbox: {error}")))?;
            return Ok(Self {
                config: Config::for_sandbox(&sandbox),
                file: None,
                _sandbox: Some(sandbox),
            });
        }
        let file = lookup::find(
            global.config.as_deref(),
            |name| std::env::var_os(name),
            std::path::Path::exists,
        );
        let (file, searched) = match file {
            Ok(file) => (Some(file), Vec::new()),
            Err(searched) => (None, searched),
        };
        let ours = |(name, _): &(std::ffi::OsString, _)| name.as_encoded_bytes().starts_with(b"REPASS__");
        if file.is_none() && !std::env::vars_os().any(|variable| ours(&variable)) {
            let places: Vec<_> = searched.iter().map(|path| path.display().to_string()).collect();
            return Err(Stop::config(format!(
                "there is no configuration (looked for {}); start one with `repass config init repass.toml`, or try \
                 --sandbox",
                places.join(", ")
            )));
        }
        let config = Config::load(file.as_deref(), std::env::vars_os())?;
        tracing::info!(file = ?file, "configuration read");
        Ok(Self {
            config,
            file,
            _sandbox: None,
        })
    }

    /// The service that the user means. Only its own secrets are read.
    pub(super) async fn service(&self, global: &Global) -> Result<Arc<dyn PasswordService>, Stop> {
        let names = || self.config.providers().map(|(name, _)| name);
        let asked = global.provider.as_deref();
        let name = asked.or_else(|| self.config.default_provider());
        let name = name.filter(|name| names().any(|known| known == *name));
        let name = name.ok_or_else(|| UnknownProvider::new(asked, names()))?;
        Ok(build(self.config.clone().only(name)).await?.default_service()?)
    }
}

/// Builds services where the programs that give their secrets may take their time.
pub(super) async fn build(config: Config) -> Result<Services, Stop> {
    let built = tokio::task::spawn_blocking(move || Services::from_config(config)).await;
    Ok(built.map_err(|error| Stop::internal(error.to_string()))??)
}
