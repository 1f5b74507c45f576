//! `repass serve`: the sidecar, until interrupted.

mod certificate;
mod descriptors;
mod directory;
mod listen_address;
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
use token_file::TokenFile;

/// Where to serve, and to whom.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The first line on standard output is a JSON object that says where it listens; by then it is ready.
SIGTERM waits for the changes in flight, SIGHUP reloads the configuration. The API is described at
/docs and /openapi.json, and in docs/sidecar.md.")]
pub(crate) struct Args {
    /// Where to listen: an address of this machine, or unix:/PATH; port 0 takes a free one. Any other address
    /// needs TLS, and a token or a client authority
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8788")]
    listen: ListenAddress,
    /// The bearer token that every client has to show, in a file that only its owner can read; read again when it
    /// changes
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Accept this name in `Host` and `Origin` too, beside localhost and loopback addresses; may be repeated. They are
    /// checked on loopback addresses without a token
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<HostName>,
    /// Speak TLS by this certificate (PEM, with its chain); read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key (PEM), in a file that only its owner can read
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Take only clients that have a certificate by this authority (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,
    /// How many calls to providers may be under way; more are refused with 503 before anything is sent
    #[arg(long, value_name = "N", default_value = "256")]
    max_in_flight: NonZeroUsize,
    /// How many connections may be open; for one more, the one that has been silent longest is closed
    #[arg(long, value_name = "N", default_value = "4096")]
    max_connections: NonZeroUsize,
    /// Print the description of the API (OpenAPI 3.1, JSON) and end
    #[arg(long)]
    print_openapi: bool,
}

/// How often times are put into their buckets.
const UPKEEP: Duration = Duration::from_secs(5);

/// What is told when everything is ready.
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
        let is_known = token.is_some() || certificate.as_ref().is_some_and(Certificate::asks_clients);
        self.listen.check(certificate.is_some(), is_known)?;
        if self.print_openapi {
            let sidecar = Sidecar::new(
                Arc::new(described(&context.global).await?),
                Options {
                    token: token.as_ref().map(TokenFile::token),
                    ..Options::default()
                },
            );
            output::text(&(sidecar.openapi() + "\n"));
            return Ok(Exit::Ok);
        }
        let metrics = recorder()?;
        let setup = Setup::load(&context.global).await?;
        let resolve_unknown = setup.config.on_unknown() == OnUnknown::Resolve;
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
            metrics: Some(Arc::new(move || metrics.render())),
            ..Options::default()
        };
        let sidecar = Sidecar::new(Arc::clone(&directory) as _, options);
        // Before anybody is told that it is ready: until then a hangup would end it.
        let hangups = signal(SignalKind::hangup())
            .map_err(|error| CliError::internal(format!("cannot listen for signals: {error}")))?;
        let BoundListener {
            listener,
            shown,
            socket,
        } = self.listen.bind(certificate.as_ref()).await?;
        if shown.starts_with("http") {
            context
                .output
                .note(&format!("the API is described at {shown}/docs"));
        }
        output::object(&StartupInfo {
            listening: shown,
            providers: directory.names(),
            process: std::process::id(),
        });
        let reloads = reloads(
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
                return Err(CliError::internal("interrupted twice; changes that were under way have unknown outcomes"));
            }
        };
        drop(socket);
        match drained.abandoned {
            0 => Ok(Exit::Ok),
            calls => Err(CliError::internal(format!(
                "{calls} changes were still in flight after the time that a call may take; their outcomes are unknown"
            ))),
        }
    }
}

/// The names of the configured providers, if there is a configuration. The description is the same without.
async fn described(global: &GlobalOptions) -> Result<StaticDirectory, CliError> {
    match Setup::load(global).await {
        Ok(setup) => {
            let names = setup.config.providers().map(|(name, _)| name.to_owned());
            Ok(StaticDirectory(names.collect()))
        }
        Err(stop) if global.config.is_some() => Err(stop),
        Err(_) => Ok(StaticDirectory(Vec::new())),
    }
}

// Before anything is counted.
fn recorder() -> Result<PrometheusHandle, CliError> {
    let seconds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &seconds)
        .map_err(|error| CliError::internal(error.to_string()))?;
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|error| CliError::internal(error.to_string()))?;
    // Times are kept one by one until they are put into their buckets, which nobody may ever ask for.
    let upkept = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            upkept.run_upkeep();
        }
    });
    Ok(handle)
}

/// Reads the configuration again at SIGHUP, and certificate and token when their files change; it never ends.
async fn reloads(
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
            tell(reloaded, "the configuration", output);
        }
    };
    // Beside it: a program that gives a secret may take its time.
    let certificate = async {
        loop {
            tell(Certificate::changed(certificate).await, "the certificate", output);
        }
    };
    let token = async {
        loop {
            tell(TokenFile::changed(token).await, "the token", output);
        }
    };
    tokio::join!(configuration, certificate, token).0
}

fn tell(reloaded: Result<(), CliError>, what: &str, output: &Output) {
    match reloaded {
        Ok(()) => output.note(&format!("{what} was read anew")),
        Err(stop) => {
            for line in stop.lines() {
                output::error(&format!("kept what there was: {line}"));
            }
        }
    }
}
