//! `repass man`: the manual pages.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, line_break, roman};

use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{self, Output};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The directory for all pages, one per command; created if missing [default: print the main page on standard
    /// output]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl Args {
    /// Runs the command.
    pub(crate) fn run(&self, line: Command, output: &Output) -> Result<Exit, CliError> {
        // The same as for the pages in a directory.
        let mut command = line.disable_help_subcommand(true);
        command.build();
        if let Some(folder) = &self.folder {
            let written = fs::create_dir_all(folder).and_then(|()| write(&command, &command, folder));
            written
                .map_err(|error| CliError::usage(format!("cannot write to {}: {error}", folder.display())))?;
            if output.json {
                output::print_json(&serde_json::json!({ "folder": folder }));
            } else {
                output.note(&format!(
                    "wrote the manual pages to {}; read one with `man -l FILE`",
                    folder.display()
                ));
            }
            return Ok(Exit::Ok);
        }
        let page = page(&command, &command).map_err(|error| CliError::internal(error.to_string()))?;
        if output.json {
            output::print_json(&serde_json::json!({ "page": page }));
        } else {
            output::print_text(&page);
        }
        Ok(Exit::Ok)
    }
}

fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

fn write(command: &Command, root: &Command, folder: &Path) -> io::Result<()> {
    fs::write(folder.join(format!("{}.1", name(command))), page(command, root)?)?;
    let commands = command.get_subcommands().filter(|it| !it.is_hide_set());
    commands
        .into_iter()
        .try_for_each(|command| write(command, root, folder))
}

/// One page: the help text, with the sections that manuals have.
fn page(command: &Command, root: &Command) -> io::Result<String> {
    let version = format!("repass {}", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone())
        .source(version.as_str())
        .manual("repass manual");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim().to_owned();
    section("SYNOPSIS", vec![bold(usage)], &mut page)?;
    man.render_description_section(&mut page)?;
    if name(command) != name(root)
        && let Some(details) = command.get_after_help()
    {
        verbatim(&details.to_string(), &mut page)?;
    }
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let codes = root.get_after_help().map(ToString::to_string).unwrap_or_default();
    let codes = codes.split("\n\n").next().unwrap_or_default();
    let codes = codes.trim_start_matches("Exit codes:\n");
    section("EXIT STATUS", Vec::new(), &mut page)?;
    verbatim(codes, &mut page)?;
    entries("ENVIRONMENT", ENVIRONMENT, &mut page)?;
    entries("FILES", FILES, &mut page)?;
    section("EXAMPLES", Vec::new(), &mut page)?;
    let own = EXAMPLES
        .iter()
        .filter(|(command_name, ..)| *command_name == name(command));
    for (_, what, line) in own {
        Roff::new()
            .control("PP", [])
            .text([roman(*what)])
            .to_writer(&mut page)?;
        verbatim(line, &mut page)?;
    }
    section("VERSION", vec![roman(version)], &mut page)?;
    String::from_utf8(page).map_err(io::Error::other)
}

fn section(title: &str, text: Vec<Inline>, page: &mut Vec<u8>) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    if !text.is_empty() {
        roff.text(text);
    }
    roff.to_writer(page)
}

// Verbatim, line by line.
fn verbatim(text: &str, page: &mut Vec<u8>) -> io::Result<()> {
    let lines = text
        .trim_end()
        .lines()
        .flat_map(|line| [roman(line), line_break()]);
    let mut roff = Roff::new();
    roff.control("PP", []).control("nf", []);
    for line in lines {
        roff.text([line]);
    }
    roff.control("fi", []).to_writer(page)
}

fn entries(title: &str, entries: &[(&str, &str)], page: &mut Vec<u8>) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    for (name, what) in entries {
        roff.control("TP", []).text([bold(*name)]).text([roman(*what)]);
    }
    roff.to_writer(page)
}

const ENVIRONMENT: &[(&str, &str)] = &[
    ("REPASS_CONFIG", "The configuration file, if -c is not given."),
    (
        "REPASS__SECTION__KEY",
        "Overrides a key of the configuration, such as REPASS__PROVIDERS__ZOOM__BASE_URL for base_url in \
         [providers.zoom].",
    ),
    ("XDG_CONFIG_HOME, HOME", "Locate the user's configuration."),
    ("NO_COLOR", "If set and not empty, disables colors."),
];

const FILES: &[(&str, &str)] = &[
    (
        "./repass.toml",
        "The configuration, tried first if neither -c nor REPASS_CONFIG names one.",
    ),
    (
        "$XDG_CONFIG_HOME/repass/config.toml",
        "Tried next; under ~/.config if XDG_CONFIG_HOME is not set.",
    ),
    ("/etc/repass/config.toml", "Tried last."),
];

/// Command, purpose and command line of each example.
const EXAMPLES: &[(&str, &str, &str)] = &[
    ("repass", "Try it without any configuration:", "repass demo"),
    (
        "repass",
        "Create and check a configuration:",
        "repass config init repass.toml\nrepass config check\nrepass doctor",
    ),
    (
        "repass-change",
        "Prompt for both passwords:",
        "repass -p portal change alice@example.com",
    ),
    (
        "repass-change",
        "Read both passwords from standard input, the current one first:",
        "repass -p portal change alice@example.com --current-password-stdin --new-password-stdin < both.txt",
    ),
    (
        "repass-reset",
        "Read the new password from a file that only its owner can read:",
        "repass reset alice@example.com --new-password-file new.txt",
    ),
    (
        "repass-reset",
        "Generate a password, print it and set it:",
        "repass reset alice@example.com --generate --print",
    ),
    (
        "repass-resolve",
        "After exit code 8, with the password that was sent:",
        "repass resolve alice@example.com --new-password-file new.txt",
    ),
    (
        "repass-user",
        "Set two fields and clear one:",
        "repass user update alice@example.com --dept Sales --set pmi=5550123456 --clear job_title",
    ),
    (
        "repass-user-update",
        "Set two fields and clear one:",
        "repass user update alice@example.com --dept Sales --set pmi=5550123456 --clear job_title",
    ),
    (
        "repass-policy",
        "The rules of the default provider:",
        "repass policy show",
    ),
    (
        "repass-policy-show",
        "The published rules of Zoom, without a provider:",
        "repass policy show --preset zoom-default",
    ),
    (
        "repass-policy-check",
        "Every rule that a password breaks:",
        "repass policy check --new-password-file new.txt",
    ),
    ("repass-generate", "Ten passwords:", "repass generate -n 10"),
    (
        "repass-bulk",
        "A run and its report:",
        "repass bulk run users.csv --run breach\nrepass bulk report breach --html report.html",
    ),
    (
        "repass-bulk-run",
        "Generate a password for each user, encrypted for the holder of a key:",
        "age-keygen -o key.txt\nrepass bulk run users.csv --generate --secrets-out new.age --recipient age1... \
         --run breach",
    ),
    (
        "repass-bulk-run",
        "Validate the input and send nothing:",
        "repass bulk run users.csv --dry-run --preflight",
    ),
    (
        "repass-bulk-run",
        "Load a run for workers on several machines:",
        "repass bulk run users.csv --shared --run breach --generate --recipient age1...",
    ),
    ("repass-bulk-work", "On each machine:", "repass bulk work breach"),
    (
        "repass-bulk-resume",
        "After an interruption:",
        "repass bulk resume breach",
    ),
    (
        "repass-bulk-resume",
        "Resolve unknown outcomes of generated passwords:",
        "repass bulk resume breach --resolve --identity key.txt",
    ),
    (
        "repass-bulk-status",
        "Also while it runs:",
        "repass bulk status breach",
    ),
    (
        "repass-bulk-status",
        "Of all workers of a shared run:",
        "repass bulk status breach --shared",
    ),
    (
        "repass-bulk-report",
        "An HTML page to share:",
        "repass bulk report breach --html report.html",
    ),
    (
        "repass-bulk-secrets",
        "The passwords that are set now, in a file that only its owner can read:",
        "repass bulk secrets new.age --identity key.txt --run breach --current --out passwords.csv",
    ),
    ("repass-providers", "As JSON:", "repass providers --json"),
    ("repass-doctor", "Of one provider:", "repass -p zoom doctor"),
    (
        "repass-config",
        "Create one, then check it:",
        "repass config init repass.toml\nrepass config check",
    ),
    (
        "repass-config-init",
        "Write a commented file:",
        "repass config init repass.toml",
    ),
    (
        "repass-config-check",
        "Check it in a script, by the exit code:",
        "repass -c repass.toml config check",
    ),
    (
        "repass-config-show",
        "The effective configuration, including environment variables:",
        "repass config show",
    ),
    (
        "repass-config-schema",
        "For an editor with support for TOML schemas:",
        "repass config schema > repass.schema.json",
    ),
    (
        "repass-serve",
        "On this machine, with one token:",
        "repass serve --listen 127.0.0.1:8788 --token-file token",
    ),
    (
        "repass-sandbox",
        "On a fixed port, with a configuration for it:",
        "repass sandbox --listen 127.0.0.1:8787 --write-config /tmp/try/repass.toml",
    ),
    ("repass-demo", "Page by page:", "repass demo | less"),
    (
        "repass-completions",
        "For bash:",
        "repass completions bash > ~/.local/share/bash-completion/completions/repass",
    ),
    ("repass-man", "All pages:", "repass man ~/.local/share/man/man1"),
];

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn man_page_of_bulk_run_matches_its_snapshot() {
        let mut root = crate::args::Args::command().disable_help_subcommand(true);
        root.build();
        let command = root
            .find_subcommand("bulk")
            .and_then(|bulk| bulk.find_subcommand("run"));
        insta::assert_snapshot!(page(command.unwrap(), &root).unwrap());
    }
}
