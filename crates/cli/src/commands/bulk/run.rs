//! `repass bulk run`: starts a run.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use clap::ArgGroup;
use repass_bulk::{
    BulkError, Input, PasswordSource, Provider, RowEvent, RowSource, Run, RunManifest, RunName,
    SessionOptions, Tally,
};

use super::confirm::{self, Confirmation};
use super::progress::Screen;
use super::run_options::RunOptions;
use super::secrets_options::SecretsOptions;
use super::session::{self, Session};
use super::{blocking, exit, progress, providers as run_providers, shared_runs};
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::global_options::GlobalOptions;
use crate::session_setup::Setup;

/// A new run.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Input: CSV with a header, or JSON lines with the same keys:
  user              required: the user's id at the provider
  new_password      required unless --generate is given
  current_password  makes the row a change by the user; without it the row is a reset
  provider          default: -p, then `default_provider`
CSV is separated by commas, semicolons, tabs or the character in a first line `sep=…`. A record is
one line, quoted as in RFC 4180. A password that begins or ends with a blank must be quoted;
otherwise the row is rejected.
Exit code: 0 all rows applied, 9 some were not, 8 any is unknown. With --shared: 0 all rows loaded,
9 some are invalid.
With --json, standard output is one JSON object per line: `begin`, `row`, `progress` and `end`.")]
#[command(group = ArgGroup::new("SecretsPlace").multiple(true))]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
pub(crate) struct Args {
    /// The CSV or JSON lines file, or - for standard input
    input: PathBuf,
    /// Generate a password for each user that meets the provider's rules and your own
    #[arg(long)]
    generate: bool,
    /// The run's directory, which must not exist yet [default: repass-bulk-DATE-TIME]; its name with --shared
    #[arg(long, value_name = "RUN")]
    run: Option<PathBuf>,
    /// Load the rows into the database that `[shared]` of the configuration names, and send nothing: `repass bulk work`
    /// sends them, on as many machines as you like. Needs --run and --recipient; passwords of the input are stored
    /// encrypted, and each worker needs the key
    #[arg(long, group = "SecretsPlace")]
    shared: bool,
    /// Validate every row and send nothing
    #[arg(long)]
    dry_run: bool,
    /// In a dry run, also look up at the provider whether each user exists and is eligible
    #[arg(long, requires = "dry_run")]
    preflight: bool,
    /// Accept an input without rows, which is otherwise an error
    #[arg(long)]
    allow_empty: bool,
    #[command(flatten)]
    secrets: SecretsOptions,
    #[command(flatten)]
    run_options: RunOptions,
}

impl Args {
    fn passwords(&self) -> PasswordSource {
        if self.generate {
            PasswordSource::Generated
        } else {
            PasswordSource::Input
        }
    }

    fn is_stdin(&self) -> bool {
        self.input.as_os_str() == "-"
    }

    fn manifest(&self, context: &Context) -> RunManifest {
        RunManifest {
            passwords: self.passwords(),
            input: (!self.is_stdin()).then(|| self.input.clone()),
            provider: context.global.provider.clone(),
            secrets: None,
        }
    }

    /// The name of the shared run to create; `None` without `--shared`.
    fn shared_name(&self) -> Result<Option<String>, CliError> {
        if !self.shared {
            return Ok(None);
        }
        let run = self.run.as_deref().ok_or_else(|| {
            CliError::usage("--shared needs a name that the workers call the run by; pass --run NAME")
        })?;
        if self.run_options.is_given() && !self.dry_run {
            return Err(CliError::usage(
                "with --shared this command sends nothing; pass options of how rows are sent, such as --concurrency, \
                 to `repass bulk work`",
            ));
        }
        shared_runs::new_name(run).map(Some)
    }
}

impl Args {
    /// Runs the command.
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let passwords = self.passwords();
        let shared = self.shared_name()?;
        let setup = Setup::load(&context.global).await?;
        let names = run_providers::names(&setup, context.global.provider.as_deref())?;
        let mut input = session::input(&self.input, names, passwords).await?;
        if !self.allow_empty {
            input = blocking(move || not_empty(input)).await?;
        }
        let skipped = input.skipped();
        let ended = if self.dry_run {
            dry(&self, input, &setup, context).await
        } else if let Some(name) = shared {
            load(&self, name, input, &setup, context).await
        } else {
            change(&self, input, setup, context).await
        };
        if let lines @ 1.. = skipped.load(Ordering::Relaxed) {
            let shown = if lines == 1 { "line" } else { "lines" };
            context.output.note(&format!(
                "skipped {lines} {shown} of the input with separators and blanks only"
            ));
        }
        ended
    }
}

fn not_empty(mut input: Input) -> Result<Input, BulkError> {
    match input.emptiness()? {
        None => Ok(input),
        Some(why) => Err(BulkError::Usage(format!(
            "{} {why}; did the program that writes it fail? Pass --allow-empty if the input may be empty",
            input.shown()
        ))),
    }
}

async fn change(args: &Args, input: Input, setup: Setup, context: &Context) -> Result<Exit, CliError> {
    let passwords = args.passwords();
    let screen = Screen::default();
    let controls = args
        .run_options
        .controls(passwords, setup.config.on_unknown(), context, &screen)?;
    if args.generate && args.secrets.secrets_out.is_none() {
        return Err(CliError::usage(
            "the generated passwords would be lost; pass --secrets-out FILE and --recipient age1…",
        ));
    }
    let target = args.secrets.target(&context.global).await?;
    // Report problems with the default provider before anything is created.
    let mut providers = Vec::new();
    let streamed = args.is_stdin() && passwords == PasswordSource::Input;
    let all = streamed && input.may_name_providers();
    for name in at_first(&setup, all, &context.global) {
        providers.push(run_providers::provider(&name, &setup, passwords, args.generate, context).await?);
    }
    let folder = args.run.clone();
    let terms = args.manifest(context);
    let (run, terms, input, before) = blocking(move || {
        let (mut run, terms) = match folder {
            Some(folder) => Run::create(&folder, terms, target)?,
            None => Run::create_numbered(&fresh_name(), terms, target)?,
        };
        if streamed {
            return Ok((run, terms, Some(input), Tally::default()));
        }
        let taken = run.ingest(input)?;
        Ok((run, terms, None, taken))
    })
    .await?;
    let run = bind(run, &mut providers, args, &setup, context).await?;
    if input.is_none() && !confirmed(run.name(), before, &providers, context).await? {
        return Err(CliError::Interrupted);
    }
    let source = match (input, passwords) {
        (Some(input), _) => RowSource::Input {
            input: Box::new(input),
            resolve: false,
        },
        (None, PasswordSource::Generated) => RowSource::Journal,
        (None, PasswordSource::Input) => RowSource::Input {
            input: Box::new(
                session::input(
                    &args.input,
                    run_providers::names(&setup, context.global.provider.as_deref())?,
                    passwords,
                )
                .await?,
            ),
            resolve: false,
        },
    };
    let session = Session {
        terms,
        before,
        providers,
        sources: vec![source],
        controls,
        setup,
        context,
        screen,
    };
    session::execute(run, session).await
}

/// Loads the rows into the database. The workers send them.
async fn load(
    args: &Args,
    name: String,
    input: Input,
    setup: &Setup,
    context: &Context,
) -> Result<Exit, CliError> {
    let recipients = args.secrets.shared_recipients()?;
    let runs = shared_runs::open(setup, &context.global).await?;
    // Report problems with the default provider before anything is created.
    let mut providers = Vec::new();
    for name in at_first(setup, false, &context.global) {
        providers
            .push(run_providers::provider(&name, setup, args.passwords(), args.generate, context).await?);
    }
    let terms = args.manifest(context);
    let (run, taken) = blocking(move || {
        let journal = runs.create(&name)?;
        let (mut run, _) = Run::create_in(name, journal, terms, Some(recipients))?;
        let taken = run.ingest(input)?;
        Ok((run, taken))
    })
    .await?;
    let run = bind(run, &mut providers, args, setup, context).await?;
    let name = run.name().clone();
    if !confirmed(&name, taken, &providers, context).await? {
        context.output.note(&format!(
            "the run {name} stays in the database; `{}` asks for the confirmation again",
            name.continue_command(args.passwords())
        ));
        return Err(CliError::Interrupted);
    }
    blocking(move || {
        let mut run = run;
        run.confirm()
    })
    .await?;
    session::print_loaded(&name, args.passwords(), taken, &context.output);
    Ok(if taken.not_applied == 0 {
        Exit::Ok
    } else {
        Exit::Partly
    })
}

/// Adds the providers that the rows name, and binds the run to the systems of all.
async fn bind(
    run: Run,
    providers: &mut Vec<Provider>,
    args: &Args,
    setup: &Setup,
    context: &Context,
) -> Result<Run, CliError> {
    let (mut run, names) = blocking(move || {
        let names = run.providers()?;
        Ok((run, names))
    })
    .await?;
    for name in names {
        if providers.iter().all(|provider| provider.name() != name) {
            let passwords = args.passwords();
            providers.push(run_providers::provider(&name, setup, passwords, args.generate, context).await?);
        }
    }
    let bound = providers.clone();
    blocking(move || {
        let systems = bound.iter().filter_map(Provider::identity);
        run.bind(&systems.collect::<Vec<_>>(), &[])?;
        Ok(run)
    })
    .await
}

fn at_first(setup: &Setup, all: bool, global: &GlobalOptions) -> Vec<String> {
    if all {
        return setup
            .config
            .providers()
            .map(|(name, _)| name.to_owned())
            .collect();
    }
    let default = global
        .provider
        .as_deref()
        .or_else(|| setup.config.default_provider());
    default.map(str::to_owned).into_iter().collect()
}

/// Asks for the confirmation of a run that no one has confirmed.
pub(super) async fn confirm_once(
    run: Run,
    before: Tally,
    providers: &[Provider],
    context: &Context,
) -> Result<Run, CliError> {
    let (mut run, is_confirmed) = blocking(move || {
        let is_confirmed = run.is_confirmed()?;
        Ok((run, is_confirmed))
    })
    .await?;
    if is_confirmed {
        return Ok(run);
    }
    // Someone may have declined it on another machine.
    if run.name().is_shared() && confirm::confirmation(&context.global) == Confirmation::No {
        return Err(CliError::usage(format!(
            "the run {} was not confirmed when it was loaded; confirm it at a terminal, or pass --yes",
            run.name()
        )));
    }
    if !confirmed(run.name(), before, providers, context).await? {
        return Err(CliError::Interrupted);
    }
    blocking(move || {
        run.confirm()?;
        Ok(run)
    })
    .await
}

async fn confirmed(
    run: &RunName,
    tally: Tally,
    providers: &[Provider],
    context: &Context,
) -> Result<bool, CliError> {
    let names: Vec<&str> = providers.iter().map(Provider::name).collect();
    let question = format!(
        "{run}: {} to send to {}, {} invalid",
        session::row_count(tally.pending),
        names.join(" and "),
        session::row_count(tally.not_applied)
    );
    if !context.output.json {
        context.output.note(&question);
    }
    match confirm::confirmation(&context.global) {
        Confirmation::Prompt if tally.pending > 0 => Ok(confirm::confirm("Change these passwords?").await),
        _ => Ok(true),
    }
}

async fn dry(args: &Args, input: Input, setup: &Setup, context: &Context) -> Result<Exit, CliError> {
    let passwords = args.passwords();
    let all = input.may_name_providers();
    let mut providers = Vec::new();
    for name in at_first(setup, all, &context.global) {
        providers.push(run_providers::provider(&name, setup, passwords, true, context).await?);
    }
    let json = context.output.json;
    let mut observe = move |event: &RowEvent<'_>| progress::print_invalid_row(event, json);
    let tally = if args.preflight {
        let SessionOptions {
            concurrency, budget, ..
        } = args
            .run_options
            .controls(passwords, setup.config.on_unknown(), context, &Screen::default())?;
        repass_bulk::preflight(input, passwords, providers, concurrency, budget, &mut observe).await?
    } else {
        blocking(move || repass_bulk::dry_run(input, passwords, &providers, &mut observe)).await?
    };
    progress::print_dry_run(tally, &context.output);
    Ok(if tally.not_applied == 0 {
        Exit::Ok
    } else {
        exit(tally)
    })
}

fn fresh_name() -> PathBuf {
    let now = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S").to_string();
    Path::new(&format!("repass-bulk-{now}")).to_owned()
}
