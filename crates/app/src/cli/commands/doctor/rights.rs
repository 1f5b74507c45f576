//! Whether the configured credentials may do what is wanted: a reset for a user who cannot exist must fail for
//! that reason and no other.

use repass_adapter_kit::{Kind, Nobody, Right};
use uuid::Uuid;

use super::Check;
use crate::cli::exit::Exit;
use crate::cli::global::Global;
use crate::cli::stop::Stop;
use crate::{Effect, Error, ErrorKind, PasswordChange, PasswordService, UserId, rules};

/// Tries each right by way of a reset, with what came of it.
pub(super) async fn tried(
    kind: &dyn Kind,
    service: &dyn PasswordService,
    global: &Global,
) -> Result<Vec<(Right, Option<Error>)>, Stop> {
    let (rules, _) = rules::published(kind.preset());
    let mut tried = Vec::new();
    for right in kind.rights() {
        let id = Uuid::new_v4();
        let nobody = match right.nobody {
            Nobody::Guid => id.to_string(),
            // The domain is reserved, so that nobody can ever have the address.
            Nobody::Email => format!("repass-doctor-{id}@doctor.invalid"),
        };
        let nobody = UserId::new(&nobody).map_err(|invalid| Stop::internal(invalid.to_string()))?;
        let password = rules
            .generate()
            .map_err(|error| Stop::internal(error.to_string()))?;
        let change = PasswordChange::reset(nobody, password);
        let result = service.change_password(&global.call_context(), &change).await;
        tried.push((right, result.err()));
    }
    Ok(tried)
}

/// What that shows of the right.
pub(super) fn read(right: &Right, error: Option<&Error>) -> Check {
    let later = "try again later; if it stays so, ask the provider";
    let Some(error) = error else {
        let accepted =
            "a reset for a user who cannot exist was accepted, so what answers is not the provider";
        return Check::bad(right.name, Exit::Usage, accepted, "check `base_url`");
    };
    let fix = match (error.effect(), error.kind()) {
        // They are judgements of the request itself, so it was let in.
        (
            Effect::NotApplied,
            ErrorKind::UserNotFound | ErrorKind::InvalidRequest | ErrorKind::NotEligible,
        ) => return Check::good(right.name, right.good),
        (_, ErrorKind::PermissionDenied) => right.fix,
        _ => later,
    };
    Check::bad(right.name, Exit::of(error), error.to_string(), fix)
}
