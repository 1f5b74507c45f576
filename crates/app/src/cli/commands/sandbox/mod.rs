//! `repass sandbox`: both providers, emulated, until interrupted.

mod handover;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use repass_sandbox::{IdentityIds, IdentityRules, Options, Sandbox, SeededUser, ZoomBody, ZoomRules};

use crate::cli::exit::Exit;
use crate::cli::output::{self, Output};
use crate::cli::signals::Signals;
use crate::cli::stop::Stop;

// A list of the switch's words, for `--help` and for refusals.
macro_rules! words {
    ($switch:ty) => {
        PossibleValuesParser::new(<$switch>::NAMES).try_map(|word| word.parse::<$switch>())
    };
}

/// Serves both providers, emulated, until interrupted. The first line on standard output is a JSON object with
/// base URLs, token and users; by then everything is ready.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Speak HTTPS, under a certificate authority made for this run
    #[arg(long)]
    tls: bool,
    /// The bearer token to take, made up for the sandbox [else: a new one]
    #[arg(long)]
    token: Option<String>,
    /// How many numbered users there are besides the named ones
    #[arg(long, value_name = "N", default_value_t = 0)]
    users: u32,
    /// One more user (PROVIDER is `zoom` or `identity`), with a password made up for the sandbox
    #[arg(long = "user", value_name = "PROVIDER:ID=PASSWORD")]
    seeded: Vec<SeededUser>,
    /// Zoom's password rules
    #[arg(long, value_name = "RULES", default_value = "basic", value_parser = words!(ZoomRules))]
    zoom_rules: ZoomRules,
    /// The request bodies that Zoom takes
    #[arg(long, value_name = "BODY", default_value = "any", value_parser = words!(ZoomBody))]
    zoom_body: ZoomBody,
    /// The user ids that the portal takes
    #[arg(long, value_name = "IDS", default_value = "guid", value_parser = words!(IdentityIds))]
    identity_ids: IdentityIds,
    /// The portal's password rules
    #[arg(long, value_name = "RULES", default_value = "uipath", value_parser = words!(IdentityRules))]
    identity_rules: IdentityRules,
    /// Write a configuration that leads here, with its token beside it
    #[arg(long, value_name = "FILE")]
    write_config: Option<PathBuf>,
}

impl Args {
    fn options(self) -> Options {
        let mut options = Options {
            listen: self.listen,
            tls: self.tls,
            token: self.token.map(Into::into),
            users: self.users,
            seeded: self.seeded,
            ..Options::default()
        };
        options.zoom.rules = self.zoom_rules;
        options.zoom.body = self.zoom_body;
        options.identity.ids = self.identity_ids;
        options.identity.rules = self.identity_rules;
        options
    }
}

pub(super) async fn run(mut args: Args, output: &Output, signals: &Signals) -> Result<Exit, Stop> {
    let file = args.write_config.take();
    let sandbox = Sandbox::start(args.options()).await.map_err(|error| {
        let why = std::error::Error::source(&error).map_or_else(String::new, |why| format!(": {why}"));
        Stop::usage(format!("{error}{why}"))
    })?;
    if let Some(file) = file {
        handover::write(&file, &sandbox)?;
        output.note(&format!(
            "wrote {}; try `repass -c {0} providers`",
            file.display()
        ));
    }
    output::object(sandbox.announcement());
    signals.claim().await;
    sandbox.shutdown().await;
    Ok(Exit::Ok)
}
