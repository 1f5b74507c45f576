//! Arguments that cannot be read. They are never quoted where somebody may have typed a password.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Error};

use crate::args::{Args, version_object};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{self, Output};

/// Prints help and version as asked for, and all else as one line; as JSON if `words`, which could not be read,
/// hold `--json`.
pub(super) fn print(error: &Error, words: impl Iterator<Item = OsString>) -> Exit {
    let words: Vec<OsString> = words.collect();
    let json = words
        .iter()
        .take_while(|word| *word != "--")
        .any(|word| word == "--json");
    // That `resolve` was called wrongly says nothing about the change that it asks about.
    let is_resolve = command_of(&words).as_deref() == Some("resolve");
    match error.kind() {
        ErrorKind::DisplayHelp if json => {
            output::object(&serde_json::json!({ "help": error.to_string() }));
            Exit::Ok
        }
        ErrorKind::DisplayVersion if json => {
            output::object(&version_object());
            Exit::Ok
        }
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            output::result(error.print());
            Exit::Ok
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand if !json => {
            output::result(error.print());
            if is_resolve { Exit::Unknown } else { Exit::Usage }
        }
        _ => {
            let stop = CliError::usage(line(error, &words));
            let stop = if is_resolve { stop.without_probe() } else { stop };
            Output { json, quiet: false }.error(&stop)
        }
    }
}

/// The command that was meant by words that cannot be read, if that much can be.
fn command_of(words: &[OsString]) -> Option<String> {
    let command = Args::command().ignore_errors(true).no_binary_name(true);
    let meant = command.try_get_matches_from(words).ok()?;
    meant.subcommand_name().map(str::to_owned)
}

const NEVER_AN_ARGUMENT: &str = "a password is never an argument, because other users of the machine can read \
                                 arguments: it is asked for, or comes from --new-password-stdin, \
                                 --new-password-file or --new-password-fd (--current-password-… for the current one)";

// Options that would take the password itself, under the names that other tools have for them.
fn means_a_password(option: &str) -> bool {
    let words = ["password", "passwd", "pass", "passphrase", "pw", "pwd", "secret"];
    let last = option.trim_start_matches('-').rsplit(['-', '_']).next();
    last.is_some_and(|last| words.contains(&&*last.to_lowercase()))
}

fn line(error: &Error, words: &[OsString]) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    // clap names an argument with its value's name: `--user <PROVIDER:ID=PASSWORD>`.
    let argument = text(ContextKind::InvalidArg);
    let name = argument.split([' ', '=']).next().unwrap_or_default();
    match error.kind() {
        ErrorKind::UnknownArgument if !argument.starts_with('-') => {
            format!("there is an argument too many; {NEVER_AN_ARGUMENT}")
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
                // The best one is the last.
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
            "a command is missing; `repass --help` lists the commands".to_owned()
        }
        // `-pXYZ` is the option -p with its value.
        ErrorKind::MissingRequiredArgument if words.iter().any(is_clustered) => {
            format!("{}{BEHIND_DASHES}", first_sentence(&error.to_string()))
        }
        _ => first_sentence(&error.to_string()),
    }
}

const BEHIND_DASHES: &str = "; if a user id is meant, which begins with `-`, put `--` before it";

// More than one letter behind one hyphen.
fn is_clustered(word: &OsString) -> bool {
    let bytes = word.as_encoded_bytes();
    bytes.len() > 2 && bytes[0] == b'-' && bytes[1] != b'-'
}

// What clap prints, without its usage and hints, on one line.
fn first_sentence(text: &str) -> String {
    let first = text.split("\n\n").next().unwrap_or_default();
    let words: Vec<&str> = first.split_whitespace().collect();
    words.join(" ").trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn refusal(words: &[&str]) -> String {
        let typed: Vec<OsString> = words.iter().map(OsString::from).collect();
        line(&Args::try_parse_from(words).unwrap_err(), &typed)
    }

    #[test]
    fn the_command_is_known_though_its_arguments_are_wrong() {
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
    fn what_may_be_a_password_is_never_repeated() {
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
            let line = refusal(words);
            assert!(
                !line.contains("canary") && !line.contains('\n') && line.len() > 20,
                "{line}"
            );
        }
    }

    #[test]
    fn an_option_that_would_take_a_password_says_how_it_is_given() {
        for option in [
            "--new-password",
            "--new-password=canary-9",
            "--password",
            "--current-passwd",
            "--pw",
        ] {
            let line = refusal(&["repass", "reset", "alice", option]);
            assert!(line.contains("a password is never an argument"), "{line}");
        }
        let line = refusal(&["repass", "reset", "alice", "--new-password-sdtin"]);
        assert!(line.ends_with("did you mean `--new-password-stdin`?"), "{line}");
    }

    #[test]
    fn an_unknown_command_has_its_nearest() {
        assert_eq!(
            refusal(&["repass", "rest"]),
            "unknown command `rest`; did you mean `reset`?"
        );
        assert_eq!(
            refusal(&["repass", "bulk", "satus"]),
            "unknown command `satus`; did you mean `status`?"
        );
        assert_eq!(
            refusal(&["repass", "frob\u{1b}icate"]),
            "unknown command `frob\\u{1b}icate`; `repass --help` lists the commands"
        );
    }

    #[test]
    fn a_user_id_that_looks_like_an_option_is_sent_behind_dashes() {
        for words in [
            &["repass", "reset", "-OYHaGfRQSaQ"][..],
            &["repass", "reset", "-vOYHaGfRQSaQ"],
            &["repass", "change", "--YHaGfRQSaQ"],
            &["repass", "reset", "-pYHaGfRQSaQ"],
        ] {
            let line = refusal(words);
            assert!(line.ends_with("put `--` before it"), "{line}");
        }
        assert!(Args::try_parse_from(["repass", "reset", "--", "-OYHaGfRQSaQ"]).is_ok());
        assert!(!refusal(&["repass", "reset"]).contains("put `--`"));
    }

    #[test]
    fn the_line_says_what_is_wrong() {
        assert_eq!(
            refusal(&["repass", "reset", "alice", "--new-pasword-stdin"]),
            "unknown option `--new-pasword-stdin`; did you mean `--new-password-stdin`?"
        );
        assert_eq!(
            refusal(&["repass", "providers", "--timeout", "soon"]),
            "--timeout: must be a duration such as `500ms`, `30s` or `2m`"
        );
        assert_eq!(
            refusal(&["repass", "reset"]),
            "the following required arguments were not provided: <USER>"
        );
        let both = refusal(&[
            "repass",
            "reset",
            "a",
            "--new-password-stdin",
            "--new-password-fd",
            "3",
        ]);
        assert!(both.contains("cannot be used with"), "{both}");
    }
}
