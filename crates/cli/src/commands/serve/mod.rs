//! `repass serve`: runs the sidecar until interrupted.

mod certificate;
mod descriptors;
mod directory;
mod listen_address;
mod shared_keys;
mod token_file;
mod watched_files;

use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use repass_sidecar::{HostName, Options, Sidecar};
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::global_options::GlobalOptions;
use crate::output::{self, Output};
use crate::session_setup::Setup;
use certificate::Certificate;
use directory::{ConfiguredDirectory, StaticDirectory};
use listen_address::{BoundListener, ListenAddress};
use repass::config::OnUnknown;
use shared_keys::SharedKeys;
use token_file::TokenFile;

/// The listener, its TLS and its clients.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The first line on standard output is a JSON object with the address; it is ready by then.
SIGTERM waits for the changes in flight, SIGHUP reloads the configuration. The API is described at
/docs and /openapi.json, and in docs/sidecar.md.")]
pub(crate) struct Args {
    /// The address to listen on: a loopback address, or unix:/PATH; port 0 picks a free port. Other addresses need
    /// TLS, and a token or a client CA
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8788")]
    listen: ListenAddress,
    /// The bearer token that clients must send, in a file that only its owner can read; reloaded when it changes
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Also accept this name in `Host` and `Origin`, besides localhost and loopback addresses; may be repeated.
    /// Both headers are checked on loopback addresses without a token
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<HostName>,
    /// Use TLS with this certificate (PEM, with its chain); reloaded when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key (PEM), in a file that only its owner can read
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Require client certificates by this authority (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,
    /// Maximum number of provider calls in flight; more are rejected with 503 before anything is sent
    #[arg(long, value_name = "N", default_value = "256")]
    max_in_flight: NonZeroUsize,
    /// Maximum number of open connections; one more closes the one that has been idle longest
    #[arg(long, value_name = "N", default_value = "4096")]
    max_connections: NonZeroUsize,
    /// Print the description of the API (OpenAPI 3.1, JSON) and exit
    #[arg(long)]
    print_openapi: bool,
}

/// How often histogram samples are aggregated.
const UPKEEP: Duration = Duration::from_secs(5);

/// Printed when the sidecar is ready.
#[derive(Debug, Serialize)]
struct StartupInfo {
    listening: String,
    providers: Vec<String>,
    process: u32,
}

impl Args {
    /// Runs the command.
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let token = self.token_file.map(TokenFile::load).transpose()?;
        let certificate = match (self.tls_cert, self.tls_key) {
            (Some(chain), Some(key)) => Some(Certificate::load(chain, key, self.tls_client_ca)?),
            _ => None,
        };
        let is_known = token.is_some()
            || certificate
                .as_ref()
                .is_some_and(Certificate::requires_client_certificates);
        self.listen.check(certificate.is_some(), is_known)?;
        if self.print_openapi {
            let sidecar = Sidecar::new(
                Arc::new(static_directory(&context.global).await?),
                Options {
                    token: token.as_ref().map(TokenFile::token),
                    ..Options::default()
                },
            );
            output::print_text(&(sidecar.openapi() + "\n"));
            return Ok(Exit::Ok);
        }
        let metrics = install_recorder()?;
        let setup = Setup::load(&context.global).await?;
        let resolve_unknown = setup.config.on_unknown() == OnUnknown::Resolve;
        let shared_keys = shared_keys::open(&setup.config, context).await?;
        let directory = Arc::new(ConfiguredDirectory::load(setup, &context.global).await?);
        let options = Options {
            token: token.as_ref().map(TokenFile::token),
            allowed_hosts: self.allow_host,
            budget: context.global.budget(),
            max_in_flight: self.max_in_flight.get(),
            max_connections: descriptors::connections(
                self.max_connections.get(),
                self.max_in_flight.get(),
                directory.names().len(),
            ),
            resolve_unknown,
            idempotency: shared_keys.as_ref().map(SharedKeys::options),
            metrics: Some(Arc::new(move || metrics.render())),
            ..Options::default()
        };
        let sidecar = Sidecar::new(Arc::clone(&directory) as _, options);
        // Before the sidecar reports that it is ready: until then SIGHUP would end it.
        let hangups = signal(SignalKind::hangup())
            .map_err(|error| CliError::internal(format!("cannot listen for signals: {error}")))?;
        let BoundListener {
            listener,
            shown,
            socket,
        } = self.listen.bind(certificate.as_ref()).await?;
        if shown.starts_with("http") {
            context.output.note(&format!("API documentation: {shown}/docs"));
        }
        output::print_json(&StartupInfo {
            listening: shown,
            providers: directory.names(),
            process: std::process::id(),
        });
        let reloads = reload_on_change(
            hangups,
            &directory,
            certificate.as_ref(),
            token.as_ref(),
            &context.output,
        );
        let drained = tokio::select! {
            drained = sidecar.run(listener, context.signals.first()) => drained,
            never = reloads => match never {},
            () = context.signals.second() => {
                drop(socket);
                return Err(CliError::internal("interrupted twice; the outcomes of the changes in flight are unknown"));
            }
        };
        drop(socket);
        if let Some(keys) = &shared_keys {
            keys.flush(&context.output).await;
        }
        match drained.abandoned {
            0 => Ok(Exit::Ok),
            calls => Err(CliError::internal(format!(
                "{calls} changes were still in flight at the time limit of a call; their outcomes are unknown"
            ))),
        }
    }
}

/// The names of the configured providers, if there is a configuration; the API description needs none.
async fn static_directory(global: &GlobalOptions) -> Result<StaticDirectory, CliError> {
    match Setup::load(global).await {
        Ok(setup) => {
            let names = setup.config.providers().map(|(name, _)| name.to_owned());
            Ok(StaticDirectory(names.collect()))
        }
        Err(error) if global.config.is_some() => Err(error),
        Err(_) => Ok(StaticDirectory(Vec::new())),
    }
}

// Installed before anything is counted.
fn install_recorder() -> Result<PrometheusHandle, CliError> {
    let seconds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &seconds)
        .map_err(|error| CliError::internal(error.to_string()))?;
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|error| CliError::internal(error.to_string()))?;
    // Samples accumulate until they are aggregated, so aggregate them even if /metrics is never read.
    let upkept = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            upkept.run_upkeep();
        }
    });
    Ok(handle)
}

/// Reloads the configuration on SIGHUP, and certificate and token when their files change; never completes.
async fn reload_on_change(
    mut hangups: Signal,
    directory: &ConfiguredDirectory,
    certificate: Option<&Certificate>,
    token: Option<&TokenFile>,
    output: &Output,
) -> Infallible {
    let configuration = async {
        loop {
            hangups.recv().await;
            let reloaded = directory.reload().await;
            report_reload(reloaded, "the configuration", output);
        }
    };
    // Concurrently: a program that provides a secret may be slow.
    let certificate = async {
        loop {
            report_reload(Certificate::changed(certificate).await, "the certificate", output);
        }
    };
    let token = async {
        loop {
            report_reload(TokenFile::changed(token).await, "the token", output);
        }
    };
    tokio::join!(configuration, certificate, token).0
}

fn report_reload(reloaded: Result<(), CliError>, what: &str, output: &Output) {
    match reloaded {
        Ok(()) => output.note(&format!("reloaded {what}")),
        Err(error) => {
            for line in error.lines() {
                output::print_error(&format!("reload failed, keeping the former state: {line}"));
            }
        }
    }
}
