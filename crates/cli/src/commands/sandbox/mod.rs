//! `repass sandbox`: runs emulated providers until interrupted.

// The words of a switch, for `--help` and for errors.
macro_rules! words {
    ($switch:ty) => {
        PossibleValuesParser::new(<$switch>::NAMES).try_map(|word| word.parse::<$switch>())
    };
}

mod config_file;
mod identity_options;
mod summary;
mod zoom_options;

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use repass_sandbox::{OAuthClient, Options, Sandbox, SeededUser};

use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output;
use identity_options::IdentityArgs;
use repass::config::parse_duration;
use zoom_options::ZoomArgs;

/// The behavior of the emulated providers.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
When ready, it prints base URLs, token and users: a summary at a terminal, otherwise (and with --json)
one line of JSON. Faults and the ledger are available over HTTP under /_sandbox/; see
docs/guide/testing.md.")]
pub(crate) struct Args {
    /// The address to listen on; port 0 picks a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Use HTTPS, with a certificate authority generated for this run
    #[arg(long)]
    tls: bool,
    /// Use an expired certificate
    #[arg(long, requires = "tls")]
    tls_expired: bool,
    /// Number of numbered users, in addition to the named ones
    #[arg(long, value_name = "N", default_value_t = 0)]
    users: u32,
    /// Add a user (PROVIDER is `zoom` or `identity`) with a password for the sandbox only
    #[arg(long = "user", value_name = "PROVIDER:ID=PASSWORD")]
    seeded: Vec<SeededUser>,
    /// Write a configuration for this sandbox, with the token in a file next to it
    #[arg(long, value_name = "FILE")]
    write_config: Option<PathBuf>,
    #[command(flatten)]
    tokens: TokenArgs,
    #[command(flatten)]
    zoom: ZoomArgs,
    #[command(flatten)]
    portal: IdentityArgs,
}

/// Tokens, at both providers.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Tokens, at both providers")]
struct TokenArgs {
    /// The bearer token to accept, for the sandbox only [default: generated]
    #[arg(long)]
    token: Option<String>,
    /// The client id that can request tokens
    #[arg(long, value_name = "ID", default_value = "sandbox-client")]
    client_id: String,
    /// The client secret, for the sandbox only
    #[arg(long, value_name = "SECRET", default_value = "sandbox-secret")]
    client_secret: String,
    /// How long an issued token is good
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse_duration)]
    token_lifetime: Duration,
}

impl TokenArgs {
    fn client(&self) -> OAuthClient {
        OAuthClient {
            id: self.client_id.clone(),
            secret: self.client_secret.clone().into(),
        }
    }
}

fn names(list: &str) -> Vec<String> {
    list.split_whitespace().map(str::to_owned).collect()
}

impl Args {
    fn options(self) -> Options {
        Options {
            listen: self.listen,
            tls: self.tls,
            tls_expired: self.tls_expired,
            zoom: self.zoom.options(&self.tokens),
            identity: self.portal.options(&self.tokens),
            token: self.tokens.token.map(Into::into),
            users: self.users,
            seeded: self.seeded,
        }
    }
}

impl Args {
    /// Runs the command.
    pub(crate) async fn run(mut self, context: &Context) -> Result<Exit, CliError> {
        let file = self.write_config.take();
        let sandbox = Sandbox::start_with(self.options()).await.map_err(|error| {
            let why = std::error::Error::source(&error).map_or_else(String::new, |why| format!(": {why}"));
            CliError::usage(format!("{error}{why}"))
        })?;
        if let Some(file) = file {
            config_file::write(&file, &sandbox)?;
            context.output.note(&format!(
                "wrote {}; try `repass -c {0} providers`",
                file.display()
            ));
        }
        if !context.output.json && std::io::stdout().is_terminal() {
            output::print_text(&summary::of(sandbox.startup_info()));
        } else {
            output::print_json(sandbox.startup_info());
        }
        context.signals.first().await;
        sandbox.shutdown().await;
        Ok(Exit::Ok)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn options(words: &[&str]) -> Options {
        let line = ["sandbox"].iter().chain(words);
        Line::try_parse_from(line).unwrap().args.options()
    }

    #[test]
    fn sandbox_defaults_match_the_library() {
        assert_eq!(format!("{:?}", options(&[])), format!("{:?}", Options::default()));
    }

    #[test]
    fn sandbox_options_set_every_field() {
        let own = [
            "--tls --tls-expired --users 3 --user zoom:a=b --token t --client-id i --token-lifetime 2s",
            "--zoom-rules enhanced --zoom-body json --zoom-minimum-length 9 --zoom-maximum-length 30",
            "--zoom-length-unit bytes --zoom-run-length 5 --zoom-history 2 --zoom-changes-per-day 4",
            "--zoom-owner-exempt --zoom-account-id a --zoom-app-disabled --zoom-one-token-only --zoom-scopes user:x",
            "--zoom-missing-scope 104 --zoom-api-url http://x --zoom-unpaid --zoom-settings-shape flat",
            "--zoom-caller-no-admin --zoom-license-refusal 2033 --zoom-rate-limits free --zoom-daily-limit 7",
            "--zoom-retry-after iso",
            "--identity-ids any --identity-rules aspnet --identity-minimum-length 9 --identity-previous-use-limit 3",
            "--identity-reuse-code R --identity-lockout-failures 2 --identity-lockout-duration 1m",
            "--identity-lockout-code L --identity-lockout-description D --identity-failure-status 200",
            "--identity-bad-id 404 --identity-null-password 500 --identity-unknown-user result",
            "--identity-unknown-path 404 --identity-standalone --identity-scopes PM.X --identity-scope-status 401",
            "--identity-json-token-request invalid-request --identity-rate-limits --identity-retry-after seconds",
        ];
        let words: Vec<&str> = own.iter().flat_map(|line| line.split(' ')).collect();
        let (thrown, rest) = (options(&words), Options::default());
        // The fields' debug output, one line each: those that are alike were not thrown.
        let (thrown, rest) = (format!("{thrown:#?}"), format!("{rest:#?}"));
        let of = |text: &str| -> Vec<String> {
            let lines = text.lines().map(|line| line.trim().to_owned());
            lines
                .filter(|line| line.contains(": ") && line.ends_with(','))
                .collect()
        };
        let same: Vec<String> = of(&thrown)
            .into_iter()
            .filter(|line| of(&rest).contains(line))
            .collect();
        let secret = "secret: SecretBox<str>([REDACTED]),";
        assert_eq!(same, ["listen: 127.0.0.1:0,", secret, secret]);
    }
}
