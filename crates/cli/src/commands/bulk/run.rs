//! `repass bulk run`: starts a run.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use repass_bulk::{
    BulkError, Input, PasswordSource, Provider, RowEvent, RowSource, Run, RunManifest, SessionOptions, Tally,
};

use super::confirm::{self, Confirmation};
use super::progress::Screen;
use super::run_options::RunOptions;
use super::secrets_options::SecretsOptions;
use super::session::{self, Session};
use super::{blocking, exit, progress, providers as run_providers};
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
Exit code: 0 all rows applied, 9 some were not, 8 any is unknown.
With --json, standard output is one JSON object per line: `begin`, `row`, `progress` and `end`.")]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
pub(crate) struct Args {
    /// The CSV or JSON lines file, or - for standard input
    input: PathBuf,
    /// Generate a password for each user that meets the provider's rules and your own
    #[arg(long)]
    generate: bool,
    /// The run's directory, which must not exist yet [default: repass-bulk-DATE-TIME]
    #[arg(long = "run", value_name = "DIR")]
    folder: Option<PathBuf>,
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
}

impl Args {
    /// Runs the command.
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let passwords = self.passwords();
        let setup = Setup::load(&context.global).await?;
        let names = run_providers::names(&setup, context.global.provider.as_deref())?;
        let mut input = session::input(&self.input, names, passwords).await?;
        if !self.allow_empty {
            input = blocking(move || not_empty(input)).await?;
        }
        let skipped = input.skipped();
        let ended = if self.dry_run {
            dry(&self, input, &setup, context).await
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
    let folder = args.folder.clone();
    let terms = RunManifest {
        passwords,
        input: (!args.is_stdin()).then(|| args.input.clone()),
        provider: context.global.provider.clone(),
        secrets: None,
    };
    let (mut run, terms, input, before) = blocking(move || {
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
    for name in run.providers()? {
        if providers
            .iter()
            .all(|provider: &Provider| provider.name() != name)
        {
            providers.push(run_providers::provider(&name, &setup, passwords, args.generate, context).await?);
        }
    }
    run.bind(
        &providers
            .iter()
            .filter_map(Provider::identity)
            .collect::<Vec<_>>(),
        &[],
    )?;
    if input.is_none() && !confirmed(&run, before, &providers, context).await? {
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

pub(super) async fn confirmed(
    run: &Run,
    tally: Tally,
    providers: &[Provider],
    context: &Context,
) -> Result<bool, CliError> {
    let names: Vec<&str> = providers.iter().map(Provider::name).collect();
    let question = format!(
        "{}: {} to send to {}, {} invalid",
        run.name(),
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
