//! `repass bulk resume`: continues a run.

use std::path::PathBuf;

use repass_bulk::{PasswordSource, RowSource, Run, RunManifest};

use super::progress::Screen;
use super::run::confirm_once;
use super::run_options::RunOptions;
use super::secrets_options::KeyOptions;
use super::session::{self, Session};
use super::{blocking, live_state, providers as run_providers, shared_runs};
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
    /// The run's directory, or its name with --shared
    run: PathBuf,
    /// The same input as before, if it contains passwords or was not read completely [default: the run's input file]
    input: Option<PathBuf>,
    /// The run is in the database that `[shared]` of the configuration names
    #[arg(long)]
    shared: bool,
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
        let (run, terms, setup) = self.open(context).await?;
        let screen = Screen::default();
        let controls =
            self.run_options
                .controls(terms.passwords, setup.config.on_unknown(), context, &screen)?;
        let (mut run, mut is_fully_read) = bind(run, &self.provider_moved, &setup, &context.output).await?;
        if !is_fully_read && (self.shared || terms.passwords == PasswordSource::Generated) {
            let input = input(&self, &run, &terms, &setup, &context.global).await?;
            run = blocking(move || {
                run.ingest(input)?;
                Ok(run)
            })
            .await?;
            is_fully_read = true;
            // Loading the rest needs no key.
            if self.shared && terms.passwords == PasswordSource::Input && !self.key.identity.is_given() {
                let (name, tally) = blocking(move || Ok((run.name().clone(), run.tally()?))).await?;
                session::print_loaded(&name, terms.passwords, tally, &context.output);
                return Ok(Exit::Ok);
            }
        }
        let (run, unresolved_count) = blocking(move || {
            let unresolved_count = run.unresolved_count()?;
            Ok((run, unresolved_count))
        })
        .await?;
        let sources = sources(&self, &run, unresolved_count, &terms, &setup, &context.global).await?;
        let (run, again, mut names, before) = blocking(move || {
            let mut run = run;
            let again = run.requeue()?;
            let (names, before) = (run.providers()?, live_state::tally(&run)?);
            Ok((run, again, names, before))
        })
        .await?;
        if again > 0 {
            tracing::info!(again, "rows to send again");
        }
        let generate = terms.passwords == PasswordSource::Generated;
        if !is_fully_read {
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
        // The run may not have been confirmed at its start.
        let run = confirm_once(run, before, &providers, context).await?;
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

impl Args {
    async fn open(&self, context: &Context) -> Result<(Run, RunManifest, Setup), CliError> {
        if self.shared {
            let setup = Setup::load(&context.global).await?;
            let (run, terms) = shared_runs::run(&shared_runs::name(&self.run)?, &setup, context).await?;
            return Ok((run, terms, setup));
        }
        let folder = self.run.clone();
        let (run, terms) = blocking(move || Run::open(&folder)).await?;
        Ok((run, terms, Setup::load(&context.global).await?))
    }
}

// Before anything is sent to a provider. Whether the run was read completely is returned too.
async fn bind(run: Run, moved: &[String], setup: &Setup, output: &Output) -> Result<(Run, bool), CliError> {
    let (mut run, names, is_fully_read) = blocking(move || {
        let (names, is_fully_read) = (run.providers()?, run.is_fully_read()?);
        Ok((run, names, is_fully_read))
    })
    .await?;
    if let Some(moved) = moved.iter().find(|moved| !names.contains(moved)) {
        return Err(CliError::usage(format!(
            "--provider-moved: the run has no provider {moved}; it has {}",
            names.join(", ")
        )));
    }
    let systems: Vec<_> = run_providers::systems(&names, setup)
        .into_iter()
        .map(|(name, system)| (name.to_owned(), system))
        .collect();
    let moved = moved.to_vec();
    let (run, bound) = blocking(move || {
        let systems: Vec<_> = systems
            .iter()
            .map(|(name, system)| (name.as_str(), system))
            .collect();
        let bound = run.bind(&systems, &moved)?;
        Ok((run, bound))
    })
    .await?;
    if !bound.is_empty() {
        output.note(&format!(
            "this run does not record which system {} was when it started; from now on it is the configured one",
            bound.join(" and ")
        ));
    }
    Ok((run, is_fully_read))
}

async fn sources(
    args: &Args,
    run: &Run,
    unresolved_count: u64,
    terms: &RunManifest,
    setup: &Setup,
    global: &GlobalOptions,
) -> Result<Vec<RowSource>, CliError> {
    let resolve = args.run_options.resolve;
    if terms.passwords == PasswordSource::Input && args.shared {
        args.key.check_shared()?;
        let rows = args.key.identity.shared_rows(terms.passwords, resolve).await?;
        return Ok(vec![rows]);
    }
    if terms.passwords == PasswordSource::Input {
        let input = input(args, run, terms, setup, global).await?;
        return Ok(vec![RowSource::Input {
            input: Box::new(input),
            resolve,
        }]);
    }
    let mut sources = Vec::new();
    if args.run_options.reissue {
        sources.push(RowSource::Reissue);
    }
    if resolve && unresolved_count > 0 {
        let (key, options) = if args.shared {
            (args.key.shared_key(global).await?, "--identity KEYFILE")
        } else {
            let options = "--identity KEYFILE or --passphrase to open the secrets file";
            (args.key.key(global).await?, options)
        };
        let key = key.ok_or_else(|| {
            CliError::usage(format!(
                "resolving unknown outcomes needs the passwords that were sent; pass {options}, or --reissue to send \
                 new passwords"
            ))
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
    run: &Run,
    terms: &RunManifest,
    setup: &Setup,
    global: &GlobalOptions,
) -> Result<repass_bulk::Input, CliError> {
    let path = args.input.as_ref().or(terms.input.as_ref()).ok_or_else(|| {
        CliError::usage(format!(
            "the run was read from standard input and needs the same input again: `repass bulk resume {} INPUT`",
            run.name().arguments()
        ))
    })?;
    let provider = global.provider.as_deref().or(terms.provider.as_deref());
    session::input(path, run_providers::names(setup, provider)?, terms.passwords).await
}
