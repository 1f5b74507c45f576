//! Probes the permissions of the configured credentials: a reset for a user who cannot exist must fail for that
//! reason and no other.

use repass_provider::{NonexistentUser, PermissionProbe, ProviderKind};
use uuid::Uuid;

use super::Check;
use crate::error::CliError;
use crate::exit::Exit;
use crate::global_options::GlobalOptions;
use crate::password_rules;
use repass::{Error, ErrorKind, Outcome, PasswordChange, PasswordService, UserId};

/// Probes each permission with a reset, and returns the results.
pub(super) async fn probe(
    kind: &dyn ProviderKind,
    service: &dyn PasswordService,
    global: &GlobalOptions,
) -> Result<Vec<(PermissionProbe, Option<Error>)>, CliError> {
    let (rules, _) = password_rules::published(kind.preset());
    let mut results = Vec::new();
    for permission in kind.permission_probes() {
        let id = Uuid::new_v4();
        let user = match permission.user {
            NonexistentUser::Guid => id.to_string(),
            // The domain is reserved, so the address cannot exist.
            NonexistentUser::Email => format!("repass-doctor-{id}@doctor.invalid"),
            NonexistentUser::Name => format!("repass-doctor-{id}"),
        };
        let user = UserId::new(&user).map_err(|invalid| CliError::internal(invalid.to_string()))?;
        let password = rules
            .generate()
            .map_err(|error| CliError::internal(error.to_string()))?;
        let change = PasswordChange::reset(user, password);
        let result = service.change_password(&global.call_context(), &change).await;
        results.push((permission, result.err()));
    }
    Ok(results)
}

/// The check that the result of a probe decides.
pub(super) fn check(permission: &PermissionProbe, address_key: &str, error: Option<&Error>) -> Check {
    let later = "retry later; if it persists, contact the provider";
    let Some(error) = error else {
        let accepted = "a reset for a user who cannot exist was accepted, so the server is not the provider";
        return Check::failed(
            permission.name,
            Exit::Usage,
            accepted,
            format!("check `{address_key}`"),
        );
    };
    let wrong_address = match address_key {
        "base_url" => {
            "check `base_url`, and that the gateway in front of the provider forwards every path of its API"
        }
        _ => "check `url` and `user_base`",
    };
    let (exit, fix) = match (error.outcome(), error.kind()) {
        // The provider judged the request itself, so the credentials were accepted.
        (
            Outcome::NotApplied,
            ErrorKind::UserNotFound | ErrorKind::InvalidRequest | ErrorKind::NotEligible,
        ) => return Check::passed(permission.name, permission.success),
        (_, ErrorKind::PermissionDenied) => (Exit::of(error), permission.remedy),
        // A web page, a redirect or a gateway's error: the request may not have reached the provider.
        (_, ErrorKind::Misconfigured | ErrorKind::UnexpectedAnswer) => (Exit::Usage, wrong_address),
        _ => (Exit::of(error), later),
    };
    Check::failed(permission.name, exit, error.to_string(), fix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use repass::UnknownOutcome;

    #[test]
    fn reset_permission_is_shown_only_by_the_provider_s_own_error() {
        let permission = PermissionProbe::reset(NonexistentUser::Email, "ask for it");
        for kind in ErrorKind::ALL {
            let good = matches!(
                kind,
                ErrorKind::UserNotFound | ErrorKind::InvalidRequest | ErrorKind::NotEligible
            );
            let read_as = |error: Error| check(&permission, "base_url", Some(&error));
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
                _ => assert!(fix.starts_with("retry later"), "{kind}: {fix}"),
            }
        }
        assert!(!check(&permission, "base_url", None).ok);
    }
}
