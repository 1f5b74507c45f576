//! `repass doctor`: whether everything that a change needs is there, and how to fix what is not.
//!
//! It changes nothing. Whether a reset would be permitted is found out by one for a user who cannot exist.

mod base_url;
mod checks;
mod connection;
mod permissions;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output;
use crate::session_setup::Setup;
use repass::UnknownProvider;

/// One provider, looked at.
#[derive(Debug, Serialize)]
struct Diagnosis {
    provider: String,
    kind: &'static str,
    base_url: String,
    checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    #[serde(rename = "check")]
    name: &'static str,
    ok: bool,
    /// What was found: when something is wrong, its cause.
    message: String,
    /// What to do about it.
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
    let asked = context.global.provider.as_deref();
    let mut all = Vec::new();
    for (name, provider) in setup.config.providers() {
        if asked.is_none_or(|asked| asked == name) {
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
        return Err(UnknownProvider::new(asked, names).into());
    }
    let mut problems = all.iter().flat_map(|it| &it.checks).filter(|check| !check.ok);
    let exit = problems.next().map_or(Exit::Ok, |first| first.exit);
    if context.output.json {
        output::object(&serde_json::json!({ "ok": exit == Exit::Ok, "providers": all }));
    }
    Ok(exit)
}

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

fn print(diagnosis: &Diagnosis) {
    let Diagnosis {
        provider, base_url, ..
    } = diagnosis;
    output::line(&format!("{provider} ({base_url})"));
    for check in &diagnosis.checks {
        let (style, mark) = if check.ok { (GOOD, "ok") } else { (BAD, "problem") };
        output::line(&format!(
            "  {style}{mark:<7}{style:#}  {:<10}  {}",
            check.name, check.message
        ));
        if let Some(fix) = &check.fix {
            output::line(&format!("  {:<7}  {:<10}  to fix it: {fix}", "", ""));
        }
    }
}
