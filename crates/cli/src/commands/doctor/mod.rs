//! `repass doctor`: whether everything that a change needs is there, and how to fix what is not.
//!
//! It changes nothing. Whether a reset would be permitted is found out by one for a user who cannot exist.

mod address;
mod examine;
mod reach;
mod rights;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::exit::Exit;
use crate::global::Global;
use crate::output::{self, Output};
use crate::setup::Setup;
use crate::stop::Stop;
use repass::UnknownProvider;

/// One provider, looked at.
#[derive(Debug, Serialize)]
struct Examined {
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
    fn good(name: &'static str, message: impl Into<String>) -> Self {
        Self {
            name,
            ok: true,
            message: message.into(),
            fix: None,
            exit: Exit::Ok,
        }
    }

    fn bad(name: &'static str, exit: Exit, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            name,
            ok: false,
            message: message.into(),
            fix: Some(fix.into()),
            exit,
        }
    }
}

pub(crate) async fn run(global: &Global, output: &Output) -> Result<Exit, Stop> {
    let setup = Setup::load(global).await?;
    let asked = global.provider.as_deref();
    let mut all = Vec::new();
    for (name, provider) in setup.config.providers() {
        if asked.is_none_or(|asked| asked == name) {
            let examined = Examined {
                provider: name.to_owned(),
                kind: provider.kind().name(),
                base_url: provider.connection.base_url.clone(),
                checks: examine::provider(name, provider, &setup.config, global).await?,
            };
            if !output.json {
                print(&examined);
            }
            all.push(examined);
        }
    }
    if all.is_empty() {
        let names = setup.config.providers().map(|(name, _)| name);
        return Err(UnknownProvider::new(asked, names).into());
    }
    let mut problems = all.iter().flat_map(|it| &it.checks).filter(|check| !check.ok);
    let exit = problems.next().map_or(Exit::Ok, |first| first.exit);
    if output.json {
        output::object(&serde_json::json!({ "ok": exit == Exit::Ok, "providers": all }));
    }
    Ok(exit)
}

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

fn print(examined: &Examined) {
    let Examined {
        provider, base_url, ..
    } = examined;
    output::line(&format!("{provider} ({base_url})"));
    for check in &examined.checks {
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
