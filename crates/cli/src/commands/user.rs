//! `repass user update`: updates a user's profile.

use std::collections::BTreeSet;

use clap::Subcommand;

use crate::change_flow::ok_or_push;
use crate::context::Context;
use crate::error::{CliError, Report};
use crate::exit::Exit;
use crate::session_setup::Setup;
use repass::{ProfileUpdate, UserId, UserProfileService};

/// The commands on a user's profile.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Set or clear fields of a user's profile; other fields are unchanged
    Update(Box<Update>),
}

/// New values for some fields.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
--set accepts any field of the provider by its name there; common fields have their own options.")]
pub(crate) struct Update {
    /// The user's id at the provider
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
        /// Fields with their own options, all as text: the provider's adapter knows their types.
        #[derive(Debug, Default, clap::Args)]
        struct Common {
            $($(#[$option])* #[arg(long, value_name = "VALUE")] $name: Option<String>,)*
            /// Remove the credentials of the user's dial-in provider
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
    /// The display name
    display_name,
    /// The email address of the manager
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
    /// The user's login type, by its number: 100 work email, 101 single sign-on, …
    login_type,
}

impl Command {
    /// Runs the command.
    pub(crate) async fn run(&self, context: &Context) -> Result<Exit, CliError> {
        let Self::Update(args) = self;
        let mut errors = Vec::new();
        let user = UserId::new(&args.user).or_else(|invalid| {
            errors.push(CliError::usage(invalid.to_string()));
            // A placeholder, so that the fields are validated too; nothing is sent.
            UserId::new("nobody")
        });
        let user = user.map_err(|invalid| CliError::internal(invalid.to_string()))?;
        let fields = fields(args, &mut errors);
        let setup = ok_or_push(&mut errors, Setup::load(&context.global).await);
        let service = match &setup {
            Some(setup) => ok_or_push(&mut errors, setup.profiles(&context.global).await),
            None => None,
        };
        let Some(service) = service else {
            return Err(CliError::combine(errors));
        };
        let update = update(user, &fields);
        let provider = service.provider().to_owned();
        let checked = service.check(&update);
        ok_or_push(
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

/// The named fields with their values; `None` clears a field.
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
