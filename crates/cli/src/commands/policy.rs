//! `repass policy`: shows the password rules and checks a password against them.

use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{self, Output};
use crate::password_rules::{PasswordRules, RulesSource};
use crate::prompts::{self, NewPassword, PromptMode};
use repass::{Certainty, PolicyLayer, PolicyRule, Preset, Rule, Violation};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the rules for new passwords: the provider's and your own
    Show {
        #[command(flatten)]
        rules: RulesArgs,
    },
    /// List the rules that a password violates, without sending it; exit code 3 if there is one
    Check {
        #[command(flatten)]
        rules: RulesArgs,
        #[command(flatten)]
        new: NewPassword,
    },
}

/// The choice of rules.
#[derive(Debug, clap::Args)]
pub(crate) struct RulesArgs {
    /// Use published rules, without a provider
    #[arg(
        long,
        value_name = "NAME",
        conflicts_with_all = ["provider", "config", "sandbox"],
        value_parser = PossibleValuesParser::new(Preset::ALL.map(Preset::name)).try_map(|name| name.parse::<Preset>())
    )]
    pub(crate) preset: Option<Preset>,
}

impl Command {
    /// Runs the command.
    pub(crate) async fn run(&self, context: &Context) -> Result<Exit, CliError> {
        match self {
            Command::Show { rules } => {
                show(
                    &PasswordRules::load(rules.preset, context).await?,
                    &context.output,
                );
                Ok(Exit::Ok)
            }
            Command::Check { rules, new } => check(rules.preset, new, context).await,
        }
    }
}

#[derive(Debug, Serialize)]
struct ShowReport<'a> {
    #[serde(flatten)]
    source: &'a RulesSource,
    rules: Vec<PolicyRule>,
    counted_in: String,
    generated_length: usize,
}

fn show(rules: &PasswordRules, output: &Output) {
    let policies = rules.combined.policies();
    let shown = ShowReport {
        source: &rules.source,
        rules: policies.explain(),
        counted_in: policies.provider().counting().to_string(),
        generated_length: policies.generated_length(),
    };
    if output.json {
        output::print_json(&shown);
        return;
    }
    output::print_line(&title(&rules.source));
    for rule in &shown.rules {
        output::print_line(&format!("  {:<10}  {rule}", rule.layer().to_string()));
    }
    if shown.rules.is_empty() {
        output::print_line("  no rules");
    }
    output::print_line(&format!("counted in {}", shown.counted_in));
    output::print_line(&format!(
        "generated passwords have {} characters",
        shown.generated_length
    ));
}

fn title(source: &RulesSource) -> String {
    match (&source.provider, source.preset) {
        (Some(provider), None) => format!("{provider}, as reported by the provider:"),
        (Some(provider), Some(preset)) => {
            format!(
                "{provider}, by its published rules ({preset}), because the provider does not report any:"
            )
        }
        (None, preset) => format!("{}:", preset.unwrap_or("no rules")),
    }
}

#[derive(Debug, Serialize)]
struct CheckReport<'a> {
    ok: bool,
    #[serde(flatten)]
    source: &'a RulesSource,
    violations: Vec<Violation>,
    not_judged: Vec<PolicyRule>,
}

async fn check(preset: Option<Preset>, new: &NewPassword, context: &Context) -> Result<Exit, CliError> {
    let rules = PasswordRules::load(preset, context).await?;
    let mode = if context.global.no_input {
        PromptMode::Never
    } else {
        PromptMode::Prompt
    };
    let gathered = prompts::gather(Some(new), None, mode, String::new()).await?;
    let password = gathered
        .new
        .ok_or_else(|| CliError::internal("no password was read"))?;
    let violations = rules
        .combined
        .check(&context.global.call_context(), &password)
        .await;
    let violations = violations.map_err(|error| CliError::Call {
        provider: rules.source.provider.clone().unwrap_or_default(),
        error,
    })?;
    let checked = CheckReport {
        ok: violations.is_empty(),
        source: &rules.source,
        violations,
        not_judged: not_judged(&rules),
    };
    if context.output.json {
        output::print_json(&checked);
    } else {
        print(&checked, &context.output);
    }
    Ok(if checked.ok { Exit::Ok } else { Exit::Refused })
}

fn not_judged(rules: &PasswordRules) -> Vec<PolicyRule> {
    let mut explained = rules.combined.policies().explain();
    // The caller's own breach check has been done.
    let is_asked = |it: &PolicyRule| it.layer() == PolicyLayer::Caller && *it.rule() == Rule::NotBreached;
    explained.retain(|it| it.certainty() == Certainty::ProviderOnly && !is_asked(it));
    explained
}

fn print(checked: &CheckReport<'_>, output: &Output) {
    for broken in &checked.violations {
        let rule = broken.rule();
        let limit = rule.limit().map_or_else(String::new, |limit| format!(" {limit}"));
        let code = rule.provider_code().unwrap_or(rule.code());
        let mark = match broken.certainty() {
            Certainty::Approximate => " (approximate)",
            _ => "",
        };
        output::print_line(&format!(
            "{:<22}  {:<10}  {rule}{mark}",
            format!("{code}{limit}"),
            broken.layer().to_string()
        ));
    }
    if checked.ok {
        output::print_line("violates no rule that can be checked here");
    }
    let unknown: Vec<String> = checked
        .not_judged
        .iter()
        .map(|it| it.rule().to_string())
        .collect();
    if !unknown.is_empty() {
        output.note(&format!("not checked here: {}", unknown.join(", ")));
    }
}
