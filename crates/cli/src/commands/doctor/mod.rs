//! `repass doctor`: checks everything that a change needs, and suggests fixes. It changes nothing. The reset
//! permission is probed with a user who cannot exist.

mod base_url;
mod checks;
mod connection;
mod permissions;
mod shared_state;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output;
use crate::session_setup::Setup;
use repass::UnknownProvider;

/// The checks of one provider.
#[derive(Debug, Serialize)]
struct Diagnosis {
    provider: String,
    kind: &'static str,
    base_url: String,
    checks: Vec<Check>,
}

/// The result of one check.
#[derive(Debug, Serialize)]
struct Check {
    #[serde(rename = "check")]
    name: &'static str,
    ok: bool,
    /// The finding; for a failed check, its cause.
    message: String,
    /// How to fix it.
    fix: Option<String>,
    #[serde(skip)]
    exit: Exit,
}

impl Check {
    fn passed(name: &'static str, message: impl Into<String>) -> Self {
        Self {
            name,
            ok: true,
            message: message.into(),
            fix: None,
            exit: Exit::Ok,
        }
    }

    fn failed(name: &'static str, exit: Exit, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            name,
            ok: false,
            message: message.into(),
            fix: Some(fix.into()),
            exit,
        }
    }
}

pub(crate) async fn run(context: &Context) -> Result<Exit, CliError> {
    let setup = Setup::load(&context.global).await?;
    let selected = context.global.provider.as_deref();
    let mut all = Vec::new();
    for (name, provider) in setup.config.providers() {
        if selected.is_none_or(|selected| selected == name) {
            let diagnosis = Diagnosis {
                provider: name.to_owned(),
                kind: provider.kind().name(),
                base_url: provider.connection.base_url.clone(),
                checks: checks::provider(name, provider, &setup.config, &context.global).await?,
            };
            if !context.output.json {
                print(&diagnosis);
            }
            all.push(diagnosis);
        }
    }
    if all.is_empty() {
        let names = setup.config.providers().map(|(name, _)| name);
        return Err(UnknownProvider::new(selected, names).into());
    }
    let shared = shared_state::checks(&setup.config, &context.global).await;
    if let Some(checks) = shared.as_ref().filter(|_| !context.output.json) {
        output::print_line("shared state");
        print_checks(checks);
    }
    let checks = all.iter().flat_map(|it| &it.checks);
    let mut problems = checks.chain(shared.iter().flatten()).filter(|check| !check.ok);
    let exit = problems.next().map_or(Exit::Ok, |first| first.exit);
    if context.output.json {
        let mut report = serde_json::json!({ "ok": exit == Exit::Ok, "providers": all });
        if let Some(checks) = &shared {
            report["shared"] = serde_json::json!({ "checks": checks });
        }
        output::print_json(&report);
    }
    Ok(exit)
}

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

fn print(diagnosis: &Diagnosis) {
    let Diagnosis {
        provider, base_url, ..
    } = diagnosis;
    output::print_line(&format!("{provider} ({base_url})"));
    print_checks(&diagnosis.checks);
}

fn print_checks(checks: &[Check]) {
    for check in checks {
        let (style, mark) = if check.ok { (GOOD, "ok") } else { (BAD, "problem") };
        output::print_line(&format!(
            "  {style}{mark:<7}{style:#}  {:<10}  {}",
            check.name, check.message
        ));
        if let Some(fix) = &check.fix {
            output::print_line(&format!("  {:<7}  {:<10}  hint: {fix}", "", ""));
        }
    }
}
