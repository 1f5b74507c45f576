//! `repass providers`: lists the configured providers and their capabilities, and what is known of each kind.

use clap::Subcommand;
use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::global_options::GlobalOptions;
use crate::output;
use crate::session_setup::{self, Setup};
use repass::config::KindSummary;
use repass::{Capabilities, Config};

#[derive(Debug, Serialize)]
pub(super) struct ProviderSummary {
    name: String,
    kind: &'static str,
    base_url: String,
    /// The hash of the table that describes it, as audit records name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<String>,
    default: bool,
    can: Capabilities,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List every kind of provider that can be configured
    List,
    /// Show what is known of a kind: its requests, what each response means, and how surely that is known
    Show {
        /// The kind, as in a configuration
        kind: String,
    },
}

impl Args {
    /// Runs the command.
    pub(crate) async fn run(&self, context: &Context) -> Result<Exit, CliError> {
        match &self.command {
            None => return list_configured(context).await,
            Some(Command::List) => list_kinds(context),
            Some(Command::Show { kind }) => show_kind(context, kind)?,
        }
        Ok(Exit::Ok)
    }
}

async fn list_configured(context: &Context) -> Result<Exit, CliError> {
    let setup = Setup::load(&context.global).await?;
    let listed = list(setup.config, &context.global).await?;
    if context.output.json {
        output::print_json(&serde_json::json!({ "providers": listed }));
    } else {
        print(&listed);
    }
    Ok(Exit::Ok)
}

fn list_kinds(context: &Context) {
    let kinds = Config::kinds();
    if context.output.json {
        output::print_json(&serde_json::json!({ "kinds": kinds }));
        return;
    }
    let width = kinds.iter().map(|kind| kind.name.len()).max().unwrap_or_default();
    for kind in &kinds {
        output::print_line(&format!("{:width$}  {}", kind.name, kind.title));
    }
}

/// The kind of this name.
pub(super) fn kind(name: &str) -> Result<KindSummary, CliError> {
    let kinds = Config::kinds();
    let known: Vec<&str> = kinds.iter().map(|kind| kind.name).collect();
    let unknown = || {
        CliError::usage(format!(
            "there is no kind of provider called `{name}`; there are {}",
            known.join(", ")
        ))
    };
    let found = kinds.iter().find(|kind| kind.name == name);
    found.cloned().ok_or_else(unknown)
}

fn show_kind(context: &Context, name: &str) -> Result<(), CliError> {
    let kind = kind(name)?;
    if context.output.json {
        output::print_json(&kind);
    } else if let Some(table) = kind.table {
        output::print_text(table);
    } else {
        output::print_line(kind.title);
    }
    Ok(())
}

/// Every provider of a configuration, without reading its secrets.
pub(super) async fn list(config: Config, global: &GlobalOptions) -> Result<Vec<ProviderSummary>, CliError> {
    let default = config.default_provider().map(str::to_owned);
    let mut listed = Vec::new();
    for (name, provider) in config.providers() {
        listed.push(ProviderSummary {
            name: name.to_owned(),
            kind: provider.kind().name(),
            base_url: provider.connection.base_url.clone(),
            table: provider.kind().table_hash(),
            default: default.as_deref() == Some(name),
            can: Capabilities::NONE,
        });
    }
    let services = session_setup::build(config.without_secrets(), global).await?;
    for listed in &mut listed {
        listed.can = services.get(&listed.name)?.capabilities();
    }
    Ok(listed)
}

/// Prints one line per provider.
pub(super) fn print(listed: &[ProviderSummary]) {
    let width =
        |text: fn(&ProviderSummary) -> &str| listed.iter().map(|it| text(it).len()).max().unwrap_or(0);
    let (names, kinds) = (width(|it| &it.name), width(|it| it.kind));
    for ProviderSummary {
        name,
        kind,
        base_url,
        default,
        can,
        ..
    } in listed
    {
        let can = [
            (can.reset, "reset"),
            (can.change, "change"),
            (can.resolve, "resolve"),
            (can.policy, "policy"),
        ];
        let can: Vec<&str> = can
            .into_iter()
            .filter_map(|(can, what)| can.then_some(what))
            .collect();
        let default = if *default { " (default)" } else { "" };
        output::print_line(&format!(
            "{name:names$}  {kind:kinds$}  {base_url}  {}{default}",
            can.join(", ")
        ));
    }
}
