//! Whether the configured credentials may do what is wanted: a reset for a user who cannot exist must fail for
//! that reason and no other.

use uuid::Uuid;

use super::Check;
use crate::cli::args::Global;
use crate::cli::exit::Exit;
use crate::cli::stop::Stop;
use crate::config::ProviderConfig;
use crate::{Effect, Error, ErrorKind, PasswordChange, PasswordPolicy, PasswordService, UserId};

/// One right, and the user with whom it is tried.
struct Right {
    name: &'static str,
    /// What can be done by it.
    good: &'static str,
    /// What to do without it.
    fix: &'static str,
    nobody: String,
}

fn rights(provider: &ProviderConfig) -> Vec<Right> {
    let id = Uuid::new_v4();
    // The domain is reserved, so that nobody can ever have the address.
    let address = format!("repass-doctor-{id}@doctor.invalid");
    let reset = "passwords can be reset: only that the user does not exist was in the way";
    match provider {
        ProviderConfig::Zoom(_) => vec![Right {
            name: "reset",
            good: reset,
            fix: "add the scope user:update:password:admin (classic: user:write:admin) to the app, and have it owned by \
                  somebody who may edit users",
            nobody: address,
        }],
        ProviderConfig::Identity(portal) => {
            let mut rights = vec![Right {
                name: "reset",
                good: reset,
                fix: "grant PM.User.Write (or PM.User) to the external application",
                nobody: id.to_string(),
            }];
            if portal.identity.organization.is_some() {
                rights.push(Right {
                    name: "look-up",
                    good: "users can be looked up by e-mail address",
                    fix: "grant PM.User.Read (or PM.User) to the external application, or leave `organization` out",
                    nobody: address,
                });
            }
            rights
        }
    }
}

/// Tries each right.
pub(super) async fn checks(
    provider: &ProviderConfig,
    service: &dyn PasswordService,
    global: &Global,
) -> Result<Vec<Check>, Stop> {
    // They are all tried by way of a reset.
    if !service.capabilities().administrator {
        let told = "not tried: the configuration allows no administrator reset here";
        return Ok(vec![Check::good("reset", told)]);
    }
    let rules = PasswordPolicy::from(provider.preset());
    let mut checks = Vec::new();
    for right in rights(provider) {
        let nobody = UserId::new(&right.nobody).map_err(|invalid| Stop::internal(invalid.to_string()))?;
        let password = rules
            .generate()
            .map_err(|error| Stop::internal(error.to_string()))?;
        let change = PasswordChange::reset(nobody, password);
        let result = service.change_password(&global.call_context(), &change).await;
        checks.push(right.read(result.err()));
    }
    Ok(checks)
}

impl Right {
    fn read(&self, error: Option<Error>) -> Check {
        let later = "try again later; if it stays so, ask the provider";
        let Some(error) = error else {
            let accepted =
                "a reset for a user who cannot exist was accepted, so what answers is not the provider";
            return Check::bad(self.name, Exit::Usage, accepted, "check `base_url`");
        };
        let fix = match (error.effect(), error.kind()) {
            // They are judgements of the request itself, so it was let in.
            (
                Effect::NotApplied,
                ErrorKind::UserNotFound | ErrorKind::InvalidRequest | ErrorKind::NotEligible,
            ) => return Check::good(self.name, self.good),
            (_, ErrorKind::PermissionDenied) => self.fix,
            _ => later,
        };
        Check::bad(self.name, Exit::of(&error), error.to_string(), fix)
    }
}
