//! `repass bulk resume`: continues a run.

use std::path::PathBuf;

use repass_bulk::{PasswordSource, RowSource, Run, RunManifest};

use super::progress::Screen;
use super::run::confirmed;
use super::run_options::RunOptions;
use super::secrets_options::KeyOptions;
use super::session::{self, Session};
use super::{blocking, providers as run_providers};
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::global_options::GlobalOptions;
use crate::output::Output;
use crate::session_setup::Setup;

/// The run to continue.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Rows that were not applied for a reason unrelated to the row, such as an unreachable provider, are
sent again too. A row whose outcome is unknown is not.
Exit code: 0 all rows applied, 9 some were not, 8 any is unknown.")]
pub(crate) struct Args {
    /// The run's directory
    run: PathBuf,
    /// The same input as before, if it contains passwords or was not read completely [default: the run's input file]
    input: Option<PathBuf>,
    /// The provider NAME is the system that the run was started with, at another address or under another account
    #[arg(long, value_name = "NAME")]
    provider_moved: Vec<String>,
    #[command(flatten)]
    run_options: RunOptions,
    #[command(flatten)]
    key: KeyOptions,
}

impl Args {
    /// Runs the command.
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let folder = self.run.clone();
        let (mut run, terms) = blocking(move || Run::open(&folder)).await?;
        let setup = Setup::load(&context.global).await?;
        let screen = Screen::default();
        let controls =
            self.run_options
                .controls(terms.passwords, setup.config.on_unknown(), context, &screen)?;
        bind(&mut run, &self.provider_moved, &setup, &context.output)?;
        if !run.is_fully_read()? && terms.passwords == PasswordSource::Generated {
            let input = input(&self, &terms, &setup, &context.global).await?;
            run = blocking(move || {
                run.ingest(input)?;
                Ok(run)
            })
            .await?;
        }
        let sources = sources(&self, &run, &terms, &setup, &context.global).await?;
        let (run, again) = blocking(move || {
            let again = run.requeue()?;
            Ok((run, again))
        })
        .await?;
        if again > 0 {
            tracing::info!(again, "rows to send again");
        }
        let generate = terms.passwords == PasswordSource::Generated;
        let mut names = run.providers()?;
        if !run.is_fully_read()? {
            names = setup
                .config
                .providers()
                .map(|(name, _)| name.to_owned())
                .collect();
        }
        let mut providers = Vec::new();
        for name in names {
            providers.push(run_providers::provider(&name, &setup, terms.passwords, generate, context).await?);
        }
        // The run was not confirmed at its start, so confirm it now.
        let before = run.tally()?;
        let begun = !run.reader()?.summary()?.sessions.is_empty();
        if !begun && !confirmed(&run, before, &providers, context).await? {
            return Err(CliError::Interrupted);
        }
        let session = Session {
            terms,
            before,
            providers,
            sources,
            controls,
            setup,
            context,
            screen,
        };
        session::execute(run, session).await
    }
}

// Before anything is sent to a provider.
fn bind(run: &mut Run, moved: &[String], setup: &Setup, output: &Output) -> Result<(), CliError> {
    let names = run.providers()?;
    if let Some(moved) = moved.iter().find(|moved| !names.contains(moved)) {
        return Err(CliError::usage(format!(
            "--provider-moved: the run has no provider {moved}; it has {}",
            names.join(", ")
        )));
    }
    let systems = run_providers::systems(&names, setup);
    let systems: Vec<_> = systems.iter().map(|(name, system)| (*name, system)).collect();
    let bound = run.bind(&systems, moved)?;
    if !bound.is_empty() {
        output.note(&format!(
            "this run does not record which system {} was when it started; from now on it is the configured one",
            bound.join(" and ")
        ));
    }
    Ok(())
}

async fn sources(
    args: &Args,
    run: &Run,
    terms: &RunManifest,
    setup: &Setup,
    global: &GlobalOptions,
) -> Result<Vec<RowSource>, CliError> {
    let resolve = args.run_options.resolve;
    if terms.passwords == PasswordSource::Input {
        let input = input(args, terms, setup, global).await?;
        return Ok(vec![RowSource::Input {
            input: Box::new(input),
            resolve,
        }]);
    }
    let mut sources = Vec::new();
    if args.run_options.reissue {
        sources.push(RowSource::Reissue);
    }
    if resolve && run.unresolved_count()? > 0 {
        let key = args.key.key(global).await?.ok_or_else(|| {
            CliError::usage(
                "resolving unknown outcomes needs the passwords that were sent; pass --identity KEYFILE or \
                 --passphrase to open the secrets file, or --reissue to send new passwords",
            )
        })?;
        let (place, _) = terms
            .secrets
            .clone()
            .ok_or_else(|| CliError::internal("the run keeps no secrets"))?;
        sources.push(RowSource::Secrets { place, key });
    }
    sources.push(RowSource::Journal);
    Ok(sources)
}

async fn input(
    args: &Args,
    terms: &RunManifest,
    setup: &Setup,
    global: &GlobalOptions,
) -> Result<repass_bulk::Input, CliError> {
    let path = args.input.as_ref().or(terms.input.as_ref()).ok_or_else(|| {
        CliError::usage(format!(
            "the run was read from standard input and needs the same input again: `repass bulk resume {} INPUT`",
            args.run.display()
        ))
    })?;
    let provider = global.provider.as_deref().or(terms.provider.as_deref());
    session::input(path, run_providers::names(setup, provider)?, terms.passwords).await
}
