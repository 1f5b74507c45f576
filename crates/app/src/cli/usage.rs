//! Arguments that cannot be read. They are never quoted where somebody may have typed a password.

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::exit::Exit;
use super::output;

/// Prints help and version as asked for, and all else as one line.
pub(super) fn answer(error: &Error) -> Exit {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Nobody is left to tell that this could not be told.
            let _ = error.print();
            Exit::Ok
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            Exit::Usage
        }
        _ => {
            output::error(&line(error));
            Exit::Usage
        }
    }
}

fn line(error: &Error) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    // clap names an argument with its value's name: `--user <PROVIDER:ID=PASSWORD>`.
    let argument = text(ContextKind::InvalidArg);
    let name = argument.split([' ', '=']).next().unwrap_or_default();
    match error.kind() {
        ErrorKind::UnknownArgument if !argument.starts_with('-') => {
            "there is an argument too many; a password is never an argument: it is asked for, or comes from \
             --new-password-stdin, --new-password-file or --new-password-fd"
                .to_owned()
        }
        ErrorKind::UnknownArgument => {
            let hint = match text(ContextKind::SuggestedArg) {
                "" => String::new(),
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
        _ => first_sentence(&error.to_string()),
    }
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
    use crate::cli::args::Args;

    fn refusal(words: &[&str]) -> String {
        line(&Args::try_parse_from(words).unwrap_err())
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
