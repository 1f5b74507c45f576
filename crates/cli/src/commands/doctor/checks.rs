//! The checks, in the order in which a change depends on them. A failed check skips those that depend on it.

use std::sync::Arc;

use super::{Check, base_url, connection, permissions};
use crate::error::CliError;
use crate::exit::Exit;
use crate::global_options::GlobalOptions;
use crate::password_rules;
use repass::config::{Allow, Auth, ProviderConfig};
use repass::{Config, ConfigError, Error, ErrorKind, LocalPolicy, PasswordPolicy, PasswordService, Services};
use repass_provider::ServerInspector;

pub(super) async fn provider(
    name: &str,
    provider: &ProviderConfig,
    config: &Config,
    global: &GlobalOptions,
) -> Result<Vec<Check>, CliError> {
    let provider_checks = ProviderChecks {
        key: format!("providers.{name}"),
        provider,
        global,
    };
    let mut checks = Vec::new();
    let Clients {
        service,
        local_policy,
        server_inspector,
    } = match clients(name, config.clone(), global).await? {
        Ok(clients) => clients,
        Err(error) => {
            let problems = error.problems().iter();
            return Ok(problems
                .map(|problem| provider_checks.unreadable(problem))
                .collect());
        }
    };
    checks.push(Check::passed("secrets", "all secret references can be read"));
    checks.extend(connection::checks(&provider_checks.key, provider, global).await);
    if checks.iter().any(|check| !check.ok) {
        return Ok(checks);
    }
    let can = service.capabilities();
    let reads_rules = can.policy && provider.kind().reads_rules();
    if reads_rules {
        let policy = service.policy(&global.call_context()).await;
        let proceed = provider_checks
            .policy_checks(name, config, policy, local_policy.as_ref(), &mut checks)
            .await?;
        if !proceed {
            return Ok(checks);
        }
    } else if can.policy
        && let Ok(policy) = service.policy(&global.call_context()).await
    {
        checks.push(provider_checks.policy(policy, local_policy.as_ref(), "are known of the provider"));
    } else {
        let skipped = "not checked: this provider type does not report its rules";
        checks.push(Check::passed("policy", skipped));
    }
    if let Some(inspector) = server_inspector {
        checks.push(server(inspector.describe(&global.call_context()).await));
    }
    if !can.reset || provider.local.allow == Some(Allow::Change) {
        let skipped = "not checked: administrator resets are not allowed here";
        checks.push(Check::passed("reset", skipped));
        return Ok(checks);
    }
    for (permission, error) in permissions::probe(provider.kind(), &*service, global).await? {
        // Without readable rules, token and address have not been verified yet.
        if let Some(error) = error.as_ref().filter(|_| !reads_rules)
            && let Some(failed) = provider_checks
                .credentials_or_address(name, config, error)
                .await?
        {
            checks.push(failed);
            return Ok(checks);
        }
        checks.push(permissions::check(
            &permission,
            provider.address_key(),
            error.as_ref(),
        ));
    }
    Ok(checks)
}

/// What the server reports of itself.
fn server(description: Result<String, Error>) -> Check {
    match description {
        Ok(description) => Check::passed("server", description),
        Err(error) => {
            let fix = "retry later; if it persists, check the server's log";
            Check::failed("server", Exit::of(&error), error.to_string(), fix)
        }
    }
}

struct Clients {
    service: Arc<dyn PasswordService>,
    local_policy: Option<LocalPolicy>,
    server_inspector: Option<Arc<dyn ServerInspector>>,
}

// The adapter without its layers: a check is not a change, so it is not audited.
async fn clients(
    name: &str,
    config: Config,
    global: &GlobalOptions,
) -> Result<Result<Clients, ConfigError>, CliError> {
    let config = config.only(name).without_audit();
    let builder = Services::builder()
        .config(config)
        .secret_timeout(global.secret_timeout());
    let services = tokio::task::spawn_blocking(move || builder.build()).await;
    match services.map_err(|error| CliError::internal(error.to_string()))? {
        Ok(services) => Ok(Ok(Clients {
            service: services.adapter(name)?,
            local_policy: services.local_policy(name),
            server_inspector: services.server_inspector(name)?,
        })),
        Err(error) => Ok(Err(error)),
    }
}

struct ProviderChecks<'a> {
    key: String,
    provider: &'a ProviderConfig,
    global: &'a GlobalOptions,
}

impl ProviderChecks<'_> {
    fn unreadable(&self, problem: &repass::config::Problem) -> Check {
        if problem.is_transient() {
            let fix = "run the program by hand, without input; log in if it asks for that, or give it more time \
                 with --timeout";
            return Check::failed("secrets", Exit::Unavailable, problem.to_string(), fix.to_owned());
        }
        let secret = problem.key().starts_with(&format!("{}.auth", self.key));
        let fix = if secret {
            format!(
                "set `{}` to a reference to the secret: {{ env = \"NAME\" }} with a variable that is set for repass, \
                 {{ file = \"PATH\" }} or {{ command = [\"PROGRAM\", …] }}",
                problem.key()
            )
        } else {
            format!("fix `{}`", problem.key())
        };
        Check::failed("secrets", Exit::Usage, problem.to_string(), fix)
    }

    /// Adds the checks that the response to the policy request decides; returns whether to continue.
    async fn policy_checks(
        &self,
        name: &str,
        config: &Config,
        policy: Result<PasswordPolicy, Error>,
        local_policy: Option<&LocalPolicy>,
        checks: &mut Vec<Check>,
    ) -> Result<bool, CliError> {
        let error = match policy {
            Ok(policy) => {
                checks.push(Check::passed("token", "accepted by the provider"));
                checks.push(Check::passed("address", "the provider's API answers"));
                checks.push(self.policy(policy, local_policy, "are reported by the provider"));
                return Ok(true);
            }
            Err(error) => error,
        };
        let (exit, message) = (Exit::of(&error), error.to_string());
        if error.kind() != ErrorKind::PermissionDenied {
            let fix = "retry later; if it persists, contact the provider";
            let credentials_or_address = self.credentials_or_address(name, config, &error).await?;
            checks
                .push(credentials_or_address.unwrap_or_else(|| Check::failed("policy", exit, message, fix)));
            return Ok(false);
        }
        let kind = self.provider.kind();
        let fix = format!(
            "{}; until then repass uses the published rules ({}), and passwords can still be changed",
            kind.policy_permission_remedy(),
            password_rules::published(kind.preset()).1
        );
        checks.push(Check::passed("token", "accepted by the provider"));
        checks.push(Check::passed("address", "the provider's API answers"));
        checks.push(Check::failed("policy", exit, message, fix));
        Ok(true)
    }

    /// The failed check of token or address, if the error is about one of them.
    async fn credentials_or_address(
        &self,
        name: &str,
        config: &Config,
        error: &Error,
    ) -> Result<Option<Check>, CliError> {
        let key = &self.key;
        let message = error.to_string();
        Ok(match error.kind() {
            ErrorKind::Unauthenticated => {
                let fix = match self.provider.connection.auth {
                    Auth::Bearer { .. } => format!("replace the token that `{key}.auth.token` refers to"),
                    Auth::Simple(_) => format!(
                        "fix `{key}.auth.bind_dn` or the password that `{key}.auth.password` refers to"
                    ),
                    _ => format!("fix `{key}.auth`; the message names the key"),
                };
                Some(Check::failed("token", Exit::of(error), message, fix))
            }
            ErrorKind::Misconfigured | ErrorKind::UnexpectedAnswer => {
                let fix = base_url::fix(name, self.provider, config, self.global).await?;
                Some(Check::failed("address", Exit::Usage, message, fix))
            }
            _ => None,
        })
    }

    fn policy(&self, policy: PasswordPolicy, local_policy: Option<&LocalPolicy>, source: &str) -> Check {
        let rules = policy.rules().count();
        match local_policy.map(|own| own.on(policy)) {
            Some(Err(impossible)) => Check::failed(
                "policy",
                Exit::Usage,
                format!("combined with the provider's rules, {impossible}"),
                format!("relax the rules in `{}.policy`", self.key),
            ),
            _ => Check::passed("policy", format!("{rules} rules {source}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use repass_provider::{NonexistentUser, PermissionProbe, ProviderClients, ProviderKind, Wire};
    use repass_sandbox::{Directory, DirectoryKind, Sandbox};
    use serde::Serialize;

    use super::*;
    use repass::secrets::SecretRef;
    use repass::{Capabilities, MockPasswordService};

    /// A kind of which nothing is known but that its providers answer a reset so.
    #[derive(Debug, Serialize)]
    struct Mute(ErrorKind);

    impl ProviderKind for Mute {
        fn name(&self) -> &'static str {
            "mute"
        }

        fn title(&self) -> &'static str {
            "refuses everything"
        }

        fn section(&self) -> &'static str {
            ""
        }

        fn wire(&self) -> Wire<'_> {
            Wire::http(|_, _| {
                let kind = self.0;
                let mut service = MockPasswordService::new();
                let can = Capabilities::NONE.with_reset();
                service.expect_provider().return_const("p".to_owned());
                service.expect_capabilities().return_const(can);
                let answer = move || Err(Error::not_applied(kind, "so it is"));
                service.expect_change_password().returning(move |_, _| answer());
                ProviderClients::new(Arc::new(service))
            })
        }

        fn permission_probes(&self) -> Vec<PermissionProbe> {
            // Two, so that what is wrong with the whole set-up would show twice.
            vec![PermissionProbe::reset(NonexistentUser::Email, "ask for it"); 2]
        }
    }

    #[tokio::test]
    async fn provider_without_a_policy_is_checked_by_the_reset_probe() {
        let sandbox = Sandbox::start().await.unwrap();
        let global = GlobalOptions::default();
        for (kind, bad, check, fix) in [
            (ErrorKind::UserNotFound, 0, "reset", None),
            (ErrorKind::PermissionDenied, 2, "reset", Some("ask for it")),
            (
                ErrorKind::Unauthenticated,
                1,
                "token",
                Some("replace the token that `providers.p.auth.token` refers to"),
            ),
            (
                ErrorKind::Misconfigured,
                1,
                "address",
                Some("check `providers.p.base_url`"),
            ),
        ] {
            let token = SecretRef::Value("token".into());
            let mut mute = ProviderConfig::new(Mute(kind), Auth::Bearer { token });
            sandbox.zoom_base_url().clone_into(&mut mute.connection.base_url);
            let config = Config::new().with_provider("p", mute.clone());
            let checks = provider("p", &mute, &config, &global).await.unwrap();
            let last = checks.last().unwrap();
            assert_eq!((last.name, last.fix.as_deref()), (check, fix));
            let problems = checks.iter().filter(|check| !check.ok).count();
            assert_eq!(problems, bad, "{checks:?}");
        }
    }

    #[tokio::test]
    async fn directory_is_checked_with_the_server_that_answers() {
        let directory = Directory::start(DirectoryKind::Slapd).await.unwrap();
        let secret = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(secret.path(), directory.service_password()).unwrap();
        let text = format!(
            r#"
            [providers.p]
            kind = "ldap"
            url = "{}"
            plain_loopback = true
            user_base = "{}"
            policy_dn = "cn=default,ou=policies,dc=example,dc=org"
            auth = {{ kind = "simple", bind_dn = "{}", password = {{ file = '{}' }} }}
            "#,
            directory.ldap_url(),
            directory.user_base(),
            directory.service_dn(),
            secret.path().display(),
        );
        let config = Config::from_toml(&text).unwrap();
        let (_, directory_config) = config.providers().next().unwrap();
        let checks = provider("p", directory_config, &config, &GlobalOptions::default())
            .await
            .unwrap();
        assert!(checks.iter().all(|check| check.ok), "{checks:?}");
        let server = checks.iter().find(|check| check.name == "server").unwrap();
        assert!(server.message.starts_with("OpenLDAP answers"), "{server:?}");
        assert!(directory.ledger().is_empty());
    }
}
