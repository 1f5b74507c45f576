//! `repass user update`: what a provider knows of a user besides the password.

use std::collections::BTreeSet;

use clap::Subcommand;

use crate::change_flow::keep;
use crate::context::Context;
use crate::error::{CliError, Report};
use crate::exit::Exit;
use crate::session_setup::Setup;
use repass::{ProfileUpdate, UserId, UserProfileService};

/// What can be done with a user.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Set or clear fields of a user's profile; all others stay as they are
    Update(Box<Update>),
}

/// New values for some fields.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Any field of the provider can be given with --set, by its name there; some have an option of their own.")]
pub(crate) struct Update {
    /// The user, as the provider names them
    user: String,
    #[command(flatten)]
    common: Common,
    /// Set a field, such as `pmi=5550123456` or `phone_numbers=[{"country":"US","number":"5550100"}]`: lists and
    /// objects are JSON
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    set: Vec<String>,
    /// Clear a field
    #[arg(long = "clear", value_name = "FIELD")]
    clear: Vec<String>,
}

macro_rules! common {
    ($($(#[$option:meta])* $name:ident,)*) => {
        /// Fields with an option of their own, all as text: the provider's adapter knows their types.
        #[derive(Debug, Default, clap::Args)]
        struct Common {
            $($(#[$option])* #[arg(long, value_name = "VALUE")] $name: Option<String>,)*
            /// Take away the user's dial-in provider's credentials
            #[arg(long)]
            remove_tsp_credentials: bool,
        }

        impl Common {
            fn given(&self) -> Vec<(&'static str, &str)> {
                let mut given = Vec::new();
                $(given.extend(self.$name.as_deref().map(|value| (stringify!($name).trim_start_matches("r#"), value)));)*
                if self.remove_tsp_credentials {
                    given.push(("remove_tsp_credentials", "true"));
                }
                given
            }
        }
    };
}

common! {
    /// The first name
    first_name,
    /// The last name
    last_name,
    /// The name that others see
    display_name,
    /// The e-mail address of the manager
    manager,
    /// The job title
    job_title,
    /// The department
    dept,
    /// The company
    company,
    /// The location
    location,
    /// The time zone, such as `Europe/Berlin`
    timezone,
    /// The language, such as `en-US`
    language,
    /// The user type, by its number: 1 Basic, 2 Licensed, …
    r#type,
    /// Which of the user's logins is meant, by its number: 100 work e-mail, 101 single sign-on, …
    login_type,
}

impl Command {
    /// Runs the command.
    pub(crate) async fn run(&self, context: &Context) -> Result<Exit, CliError> {
        let Self::Update(args) = self;
        let mut errors = Vec::new();
        let user = UserId::new(&args.user).or_else(|invalid| {
            errors.push(CliError::usage(invalid.to_string()));
            // A stand-in, so that the fields are judged all the same; nothing is sent to it.
            UserId::new("nobody")
        });
        let user = user.map_err(|invalid| CliError::internal(invalid.to_string()))?;
        let fields = fields(args, &mut errors);
        let setup = keep(&mut errors, Setup::load(&context.global).await);
        let service = match &setup {
            Some(setup) => keep(&mut errors, setup.profiles(&context.global).await),
            None => None,
        };
        let Some(service) = service else {
            return Err(CliError::combine(errors));
        };
        let update = update(user, &fields);
        let provider = service.provider().to_owned();
        let checked = service.check(&update);
        keep(
            &mut errors,
            checked.map_err(|error| CliError::Call { provider, error }),
        );
        if !errors.is_empty() {
            return Err(CliError::combine(errors));
        }
        send(service.as_ref(), &update, context).await
    }
}

async fn send(
    service: &dyn UserProfileService,
    update: &ProfileUpdate,
    context: &Context,
) -> Result<Exit, CliError> {
    let provider = service.provider();
    let cx = context.global.call_context();
    tracing::info!(provider, budget = ?cx.budget(), "updating a profile");
    let call = service.update_profile(&cx, update);
    match context
        .signals
        .run_to_completion(provider, &context.output, call)
        .await?
    {
        Ok(changed) => {
            context.output.report(&Report {
                provider: Some(provider.to_owned()),
                tracking_id: changed.tracking_id().map(str::to_owned),
                ..Report::new("applied", None, "the profile is updated".to_owned())
            });
            Ok(Exit::Ok)
        }
        Err(error) => Err(CliError::Call {
            provider: provider.to_owned(),
            error,
        }),
    }
}

/// Every field that is named, with its text; `None` where it is to be cleared.
fn fields<'a>(args: &'a Update, errors: &mut Vec<CliError>) -> Vec<(&'a str, Option<&'a str>)> {
    let mut fields: Vec<_> = args
        .common
        .given()
        .into_iter()
        .map(|(field, value)| (field, Some(value)))
        .collect();
    for set in &args.set {
        match set.split_once('=') {
            Some((field, value)) if !field.is_empty() => fields.push((field, Some(value))),
            _ => errors.push(CliError::usage("--set takes FIELD=VALUE")),
        }
    }
    fields.extend(args.clear.iter().map(|field| (field.as_str(), None)));
    let mut seen = BTreeSet::new();
    for (field, _) in &fields {
        if !seen.insert(*field) {
            errors.push(CliError::usage(format!(
                "{} is given twice",
                field.escape_debug()
            )));
        }
    }
    fields
}

fn update(user: UserId, fields: &[(&str, Option<&str>)]) -> ProfileUpdate {
    let update = ProfileUpdate::new(user);
    fields.iter().fold(update, |update, (field, value)| match value {
        Some(value) => update.set(*field, *value),
        None => update.clear(*field),
    })
}
