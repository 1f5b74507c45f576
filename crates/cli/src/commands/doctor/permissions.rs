//! Whether the configured credentials may do what is wanted: a reset for a user who cannot exist must fail for
//! that reason and no other.

use repass_provider::{NonexistentUser, PermissionProbe, ProviderKind};
use uuid::Uuid;

use super::Check;
use crate::error::CliError;
use crate::exit::Exit;
use crate::global_options::GlobalOptions;
use crate::password_rules;
use repass::{Error, ErrorKind, Outcome, PasswordChange, PasswordService, UserId};

/// Tries each right by way of a reset, with what came of it.
pub(super) async fn tried(
    kind: &dyn ProviderKind,
    service: &dyn PasswordService,
    global: &GlobalOptions,
) -> Result<Vec<(PermissionProbe, Option<Error>)>, CliError> {
    let (rules, _) = password_rules::published(kind.preset());
    let mut tried = Vec::new();
    for right in kind.permission_probes() {
        let id = Uuid::new_v4();
        let nobody = match right.nobody {
            NonexistentUser::Guid => id.to_string(),
            // The domain is reserved, so that nobody can ever have the address.
            NonexistentUser::Email => format!("repass-doctor-{id}@doctor.invalid"),
        };
        let nobody = UserId::new(&nobody).map_err(|invalid| CliError::internal(invalid.to_string()))?;
        let password = rules
            .generate()
            .map_err(|error| CliError::internal(error.to_string()))?;
        let change = PasswordChange::reset(nobody, password);
        let result = service.change_password(&global.call_context(), &change).await;
        tried.push((right, result.err()));
    }
    Ok(tried)
}

/// What that shows of the right.
pub(super) fn read(right: &PermissionProbe, error: Option<&Error>) -> Check {
    let later = "try again later; if it stays so, ask the provider";
    let Some(error) = error else {
        let accepted =
            "a reset for a user who cannot exist was accepted, so what answers is not the provider";
        return Check::failed(right.name, Exit::Usage, accepted, "check `base_url`");
    };
    let wrong_address = "check `base_url`, and that the gateway in front of the provider forwards every path of its \
                         API: this one answers for something else";
    let (exit, fix) = match (error.outcome(), error.kind()) {
        // They are judgements of the request itself, so it was let in.
        (
            Outcome::NotApplied,
            ErrorKind::UserNotFound | ErrorKind::InvalidRequest | ErrorKind::NotEligible,
        ) => return Check::passed(right.name, right.good),
        (_, ErrorKind::PermissionDenied) => (Exit::of(error), right.fix),
        // A page, a redirect or a gateway's own error: nothing shows that the provider was asked.
        (_, ErrorKind::Misconfigured | ErrorKind::UnexpectedAnswer) => (Exit::Usage, wrong_address),
        _ => (Exit::of(error), later),
    };
    Check::failed(right.name, exit, error.to_string(), fix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use repass::UnknownOutcome;

    #[test]
    fn only_the_provider_s_own_judgement_shows_that_resets_are_let_in() {
        let right = PermissionProbe::reset(NonexistentUser::Email, "ask for it");
        for kind in ErrorKind::ALL {
            let good = matches!(
                kind,
                ErrorKind::UserNotFound | ErrorKind::InvalidRequest | ErrorKind::NotEligible
            );
            let read_as = |error: Error| read(&right, Some(&error));
            let check = read_as(Error::not_applied(kind, "so it is"));
            assert_eq!(check.ok, good, "{kind}: {check:?}");
            let unknown = read_as(Error::unknown(kind, "so it is", UnknownOutcome::new("p")));
            assert!(!unknown.ok, "{kind}: {unknown:?}");
            let fix = unknown.fix.unwrap();
            match kind {
                ErrorKind::PermissionDenied => assert_eq!(fix, "ask for it"),
                // A page or a gateway's error is not of the provider.
                ErrorKind::Misconfigured | ErrorKind::UnexpectedAnswer => {
                    assert!(fix.starts_with("check `base_url`"), "{kind}: {fix}");
                }
                _ => assert!(fix.starts_with("try again later"), "{kind}: {fix}"),
            }
        }
        assert!(!read(&right, None).ok);
    }
}
