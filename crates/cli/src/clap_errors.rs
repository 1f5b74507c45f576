//! Errors of argument parsing. Arguments are not quoted where they may contain a password.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Error};

use crate::args::{Args, version_object};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{self, Output};

/// Prints the requested help or version, and any other error on one line; as JSON if `words`, which could not be
/// parsed, include `--json`.
pub(super) fn print(error: &Error, words: impl Iterator<Item = OsString>) -> Exit {
    let words: Vec<OsString> = words.collect();
    let json = words
        .iter()
        .take_while(|word| *word != "--")
        .any(|word| word == "--json");
    // A wrong call of `resolve` leaves the outcome of the change unknown.
    let is_resolve = command_of(&words).as_deref() == Some("resolve");
    match error.kind() {
        ErrorKind::DisplayHelp if json => {
            output::print_json(&serde_json::json!({ "help": error.to_string() }));
            Exit::Ok
        }
        ErrorKind::DisplayVersion if json => {
            output::print_json(&version_object());
            Exit::Ok
        }
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            output::record_write(error.print());
            Exit::Ok
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand if !json => {
            output::record_write(error.print());
            if is_resolve { Exit::Unknown } else { Exit::Usage }
        }
        _ => {
            let usage = CliError::usage(message(error, &words));
            let usage = if is_resolve { usage.without_probe() } else { usage };
            Output { json, quiet: false }.error(&usage)
        }
    }
}

/// The command named in words that cannot be parsed, if it can be recognized.
fn command_of(words: &[OsString]) -> Option<String> {
    let command = Args::command().ignore_errors(true).no_binary_name(true);
    let matches = command.try_get_matches_from(words).ok()?;
    matches.subcommand_name().map(str::to_owned)
}

const NEVER_AN_ARGUMENT: &str = "a password is never an argument, because other users of the machine can read \
                                 arguments; omit it to be prompted, or pass --new-password-stdin, \
                                 --new-password-file or --new-password-fd (--current-password-… for the current \
                                 password)";

// Options that take the password itself in other tools.
fn means_a_password(option: &str) -> bool {
    let words = ["password", "passwd", "pass", "passphrase", "pw", "pwd", "secret"];
    let last = option.trim_start_matches('-').rsplit(['-', '_']).next();
    last.is_some_and(|last| words.contains(&&*last.to_lowercase()))
}

fn message(error: &Error, words: &[OsString]) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    // clap appends the value's name: `--user <PROVIDER:ID=PASSWORD>`.
    let argument = text(ContextKind::InvalidArg);
    let name = argument.split([' ', '=']).next().unwrap_or_default();
    match error.kind() {
        ErrorKind::UnknownArgument if !argument.starts_with('-') => {
            format!("unexpected argument; {NEVER_AN_ARGUMENT}")
        }
        ErrorKind::UnknownArgument if means_a_password(name) => {
            format!("unknown option `{}`; {NEVER_AN_ARGUMENT}", name.escape_debug())
        }
        ErrorKind::UnknownArgument => {
            let hint = match text(ContextKind::SuggestedArg) {
                "" => BEHIND_DASHES.to_owned(),
                suggested => format!("; did you mean `{suggested}`?"),
            };
            format!("unknown option `{}`{hint}", name.escape_debug())
        }
        ErrorKind::TooManyValues => format!("{name} takes no value"),
        ErrorKind::ValueValidation => {
            let why = std::error::Error::source(error)
                .map(ToString::to_string)
                .unwrap_or_default();
            format!("{name}: {why}")
        }
        ErrorKind::InvalidSubcommand => {
            let hint = match error.get(ContextKind::SuggestedSubcommand) {
                // The best suggestion is the last.
                Some(ContextValue::Strings(suggested)) if !suggested.is_empty() => {
                    let best = suggested.last().map(String::as_str).unwrap_or_default();
                    format!("; did you mean `{best}`?")
                }
                _ => "; `repass --help` lists the commands".to_owned(),
            };
            let typed = text(ContextKind::InvalidSubcommand);
            format!("unknown command `{}`{hint}", typed.escape_debug())
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            "missing command; `repass --help` lists the commands".to_owned()
        }
        // `-pXYZ` is the option -p with its value.
        ErrorKind::MissingRequiredArgument if words.iter().any(is_clustered) => {
            format!("{}{BEHIND_DASHES}", first_sentence(&error.to_string()))
        }
        _ => first_sentence(&error.to_string()),
    }
}

const BEHIND_DASHES: &str = "; if this is a user id that begins with `-`, put `--` before it";

// More than one letter after a single hyphen.
fn is_clustered(word: &OsString) -> bool {
    let bytes = word.as_encoded_bytes();
    bytes.len() > 2 && bytes[0] == b'-' && bytes[1] != b'-'
}

// clap's message on one line, without usage and hints.
fn first_sentence(text: &str) -> String {
    let first = text.split("\n\n").next().unwrap_or_default();
    let words: Vec<&str> = first.split_whitespace().collect();
    words.join(" ").trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use clap::Parser as _;

    use super::*;

    fn message_of(words: &[&str]) -> String {
        let typed: Vec<OsString> = words.iter().map(OsString::from).collect();
        message(&Args::try_parse_from(words).unwrap_err(), &typed)
    }

    #[test]
    fn command_with_invalid_arguments_is_recognized() {
        let command = |words: &[&str]| command_of(&words.iter().map(OsString::from).collect::<Vec<_>>());
        for words in [
            &["resolve"][..],
            &["-p", "zoom", "--json", "resolve", "alice", "--no-such"],
            &["resolve", "-OYHaGfRQSaQ", "--new-password-stdin"],
            &["--timeout", "soon", "resolve", "alice"],
        ] {
            assert_eq!(command(words).as_deref(), Some("resolve"), "{words:?}");
        }
        assert_eq!(
            command(&["reset", "resolve", "--no-such"]).as_deref(),
            Some("reset")
        );
        assert_eq!(command(&["--no-such"]), None);
    }

    #[test]
    fn argument_that_may_be_a_password_is_never_quoted() {
        for words in [
            &["repass", "reset", "alice", "canary-9"][..],
            &["repass", "reset", "alice", "--new-password", "canary-9"],
            &["repass", "reset", "alice", "--new-password=canary-9"],
            &["repass", "reset", "alice", "--new-password-stdin=canary-9"],
            &["repass", "reset", "alice", "--new-password-fd", "canary-9"],
            &["repass", "reset", "alice", "--password=canary-9"],
            &["repass", "sandbox", "--user", "canary-9"],
            &["repass", "sandbox", "--user", "okta:a=canary-9"],
        ] {
            let line = message_of(words);
            assert!(
                !line.contains("canary") && !line.contains('\n') && line.len() > 20,
                "{line}"
            );
        }
    }

    #[test]
    fn password_option_is_rejected_with_the_supported_ones() {
        for option in [
            "--new-password",
            "--new-password=canary-9",
            "--password",
            "--current-passwd",
            "--pw",
        ] {
            let line = message_of(&["repass", "reset", "alice", option]);
            assert!(line.contains("a password is never an argument"), "{line}");
        }
        let line = message_of(&["repass", "reset", "alice", "--new-password-sdtin"]);
        assert!(line.ends_with("did you mean `--new-password-stdin`?"), "{line}");
    }

    #[test]
    fn user_id_that_looks_like_an_option_suggests_two_dashes() {
        for words in [
            &["repass", "reset", "-OYHaGfRQSaQ"][..],
            &["repass", "reset", "-vOYHaGfRQSaQ"],
            &["repass", "change", "--YHaGfRQSaQ"],
            &["repass", "reset", "-pYHaGfRQSaQ"],
        ] {
            let line = message_of(words);
            assert!(line.ends_with("put `--` before it"), "{line}");
        }
        assert!(Args::try_parse_from(["repass", "reset", "--", "-OYHaGfRQSaQ"]).is_ok());
        assert!(!message_of(&["repass", "reset"]).contains("put `--`"));
    }

    #[test]
    fn invalid_arguments_are_reported_on_one_line() {
        let mut lines = String::new();
        for words in [
            &["repass", "rest"][..],
            &["repass", "bulk", "satus"],
            &["repass", "frob\u{1b}icate"],
            &["repass", "bulk"],
            &["repass", "reset"],
            &["repass", "reset", "alice", "bob"],
            &["repass", "reset", "-pYHaGfRQSaQ"],
            &["repass", "reset", "alice", "--new-password", "canary-9"],
            &["repass", "reset", "alice", "--new-pasword-stdin"],
            &[
                "repass",
                "reset",
                "a",
                "--new-password-stdin",
                "--new-password-fd",
                "3",
            ],
            &["repass", "providers", "--timeout", "soon"],
        ] {
            let line = message_of(words);
            let _ = writeln!(lines, "{}\n    {line}", words.join(" ").escape_debug());
        }
        insta::assert_snapshot!(lines);
    }
}
