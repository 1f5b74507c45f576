//! `repass config`: creates, checks and shows a configuration.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;

use super::providers;
use crate::context::Context;
use crate::error::{CliError, Report};
use crate::exit::Exit;
use crate::output::private_file;
use crate::output::{self, Output};
use crate::session_setup::{self, Setup};
use repass::Config;

const HEADER: &str = include_str!("starter.toml");
/// The kinds of the starter without `--kind`.
const COMMON_KINDS: [&str; 2] = ["zoom", "identity"];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print a commented starter configuration, or write it to a new file
    Init {
        /// The kind of provider to configure, as `repass providers list` names it
        #[arg(long, value_name = "KIND")]
        kind: Option<String>,
        /// The file to write; an existing file is not overwritten
        file: Option<PathBuf>,
    },
    /// List all problems with the configuration: its keys, its secret references, and placeholders left in it
    Check,
    /// Print the effective configuration, with references in place of secrets
    Show,
    /// Print the JSON schema of the configuration file, for editors and checkers
    Schema,
}

impl Command {
    /// Runs the command.
    pub(crate) async fn run(&self, context: &Context) -> Result<Exit, CliError> {
        match self {
            Command::Init { kind, file } => init(kind.as_deref(), file.as_deref(), &context.output)?,
            Command::Check => return check(context).await,
            Command::Show => show(&Setup::load(&context.global).await?, &context.output)?,
            Command::Schema if context.output.json => output::print_json(&Config::json_schema()),
            Command::Schema => output::print_text(&format!("{:#}\n", Config::json_schema())),
        }
        Ok(Exit::Ok)
    }
}

// A configuration of this kind, or of the most common ones.
fn starter(kind: Option<&str>) -> Result<String, CliError> {
    if let Some(kind) = kind {
        let kind = providers::kind(kind)?;
        return Ok(format!("{}\n{}", secrets_header(), kind.section));
    }
    let sections = COMMON_KINDS
        .iter()
        .map(|kind| Ok(providers::kind(kind)?.section))
        .collect::<Result<Vec<_>, CliError>>()?;
    Ok(format!("{HEADER}{}", sections.join("\n")))
}

// The part of the header that holds for any kind.
fn secrets_header() -> &'static str {
    HEADER
        .split_inclusive("\n\n")
        .next()
        .map_or("", |part| part.trim_end_matches('\n'))
}

fn init(kind: Option<&str>, file: Option<&Path>, output: &Output) -> Result<(), CliError> {
    let starter = starter(kind)?;
    let Some(file) = file else {
        if output.json {
            output::print_json(&serde_json::json!({ "toml": starter }));
        } else {
            output::print_text(&starter);
        }
        return Ok(());
    };
    let written = private_file::write_new(file, &starter);
    written.map_err(|error| CliError::usage(format!("cannot write {}: {error}", file.display())))?;
    if output.json {
        output::print_json(&serde_json::json!({ "file": file }));
    } else {
        output.note(&format!(
            "wrote {}; edit it, then run `repass config check`",
            file.display()
        ));
    }
    Ok(())
}

/// What `config check --json` prints for an invalid configuration: the keys of a valid one, and the report.
#[derive(Serialize)]
struct InvalidConfig {
    ok: bool,
    file: Option<PathBuf>,
    providers: [(); 0],
    #[serde(flatten)]
    report: Report,
}

async fn check(context: &Context) -> Result<Exit, CliError> {
    if let Err(error) = session_setup::check(&context.global).await {
        if !context.output.json {
            return Err(error);
        }
        output::print_json(&InvalidConfig {
            ok: false,
            file: session_setup::file_of(&context.global),
            providers: [],
            report: error.report(),
        });
        return Ok(error.exit());
    }
    let setup = Setup::load(&context.global).await?;
    let listed = providers::list(setup.config, &context.global).await?;
    if context.output.json {
        output::print_json(&serde_json::json!({ "ok": true, "file": setup.file, "providers": listed }));
    } else {
        let file = setup
            .file
            .map_or_else(String::new, |file| format!(": {}", file.display()));
        output::print_line(&format!("ok{file}"));
        providers::print(&listed);
    }
    Ok(Exit::Ok)
}

fn show(setup: &Setup, output: &Output) -> Result<(), CliError> {
    if output.json {
        output::print_json(&setup.config);
        return Ok(());
    }
    let shown = toml::to_string(&setup.config).map_err(|error| CliError::internal(error.to_string()))?;
    if let Some(file) = &setup.file {
        output::print_line(&format!("# {}", file.display()));
    }
    output::print_text(&shown);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starter_configuration_is_valid_with_and_without_comments() {
        let text = starter(None).unwrap();
        let config = Config::from_toml(&text).unwrap();
        assert_eq!(config.default_provider(), Some("zoom"));
        // Prose looks neither like `key = ` nor like a section.
        let is_key = |rest: &str| {
            let key = rest.split_once(" = ").map(|(key, _)| key);
            rest.starts_with('[') || key.is_some_and(|key| !key.contains([' ', '{']))
        };
        let uncommented = |line| {
            str::strip_prefix(line, "# ")
                .filter(|rest| is_key(rest))
                .unwrap_or(line)
        };
        let all: Vec<&str> = text.lines().map(uncommented).collect();
        assert_ne!(all.join("\n"), text.trim_end());
        Config::from_toml(&all.join("\n")).unwrap();
    }

    #[test]
    fn starter_of_each_kind_passes_the_check_once_its_placeholders_are_filled() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("repass.toml");
        let found = |text: &str| {
            std::fs::write(&file, text).unwrap();
            let found = Config::placeholders_of(Some(&file), []);
            found.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let kinds = Config::kinds();
        assert!(kinds.len() > 15, "{}", kinds.len());
        for kind in kinds {
            let text = starter(Some(kind.name)).unwrap();
            let config = Config::from_toml(&text).unwrap_or_else(|error| panic!("{}: {error}", kind.name));
            let kinds: Vec<_> = config.providers().map(|(_, it)| it.kind().name()).collect();
            assert_eq!(kinds, [kind.name]);
            // A token alone is filled in where it is kept.
            assert!(kind.name == "google" || !found(&text).is_empty(), "{}", kind.name);
            let filled = text
                .replace("\"…\"", "\"filled\"")
                .replace("your-", "filled-")
                .replace("example.com", "filled.test");
            Config::from_toml(&filled).unwrap();
            assert_eq!(found(&filled), [""; 0], "{}", kind.name);
        }
    }

    #[test]
    fn starter_of_an_unknown_kind_names_the_known_ones() {
        let report = starter(Some("oktta")).unwrap_err().report();
        let report = serde_json::to_string(&report).unwrap();
        assert!(
            report.contains("`oktta`") && report.contains("okta, rabbitmq"),
            "{report}"
        );
    }

    #[test]
    fn config_init_creates_a_private_file_and_keeps_an_existing_one() {
        use std::os::unix::fs::PermissionsExt as _;

        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("repass.toml");
        let output = Output {
            json: false,
            quiet: true,
        };
        init(None, Some(&file), &output).unwrap();
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(&file, "mine").unwrap();
        assert!(init(None, Some(&file), &output).is_err());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    }
}
