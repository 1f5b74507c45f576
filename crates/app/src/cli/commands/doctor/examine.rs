//! The checks, in the order in which a change needs them. The first that fails ends those that build on it.

use std::sync::Arc;

use repass_transport::{BaseUrl, Cause, HttpWire, Method, Replay, Request, Wire as _};
use uuid::Uuid;

use super::{Check, address};
use crate::cli::args::Global;
use crate::cli::exit::Exit;
use crate::cli::stop::Stop;
use crate::config::{Auth, Problems, ProviderConfig};
use crate::{
    Config, ConfigError, Effect, Error, ErrorKind, OwnRules, PasswordChange, PasswordPolicy, PasswordService,
    UserId, rules, wiring,
};

pub(super) async fn provider(
    name: &str,
    provider: &ProviderConfig,
    config: &Config,
    global: &Global,
) -> Result<Vec<Check>, Stop> {
    let examiner = Examiner {
        key: format!("providers.{name}"),
        provider,
        global,
    };
    let mut checks = Vec::new();
    let (service, own_rules) = match wired(name, config.clone()).await? {
        Ok(wired) => wired,
        Err(error) => {
            let unread = error.problems().iter();
            return Ok(unread.map(|problem| examiner.unread(problem)).collect());
        }
    };
    checks.push(Check::good("secrets", "everything referred to can be read"));
    for url in examiner.urls() {
        checks.push(examiner.connection(&url).await);
    }
    if checks.iter().all(|check| check.ok) {
        let told = service.policy(&global.call_context()).await;
        let goes_on = examiner
            .answer(name, config, told, own_rules.as_ref(), &mut checks)
            .await?;
        if goes_on {
            for user in examiner.nobodies() {
                checks.push(examiner.right(&*service, user?).await);
            }
        }
    }
    Ok(checks)
}

type Wired = (Arc<dyn PasswordService>, Option<OwnRules>);

// As the library would, but without guards: nothing that is tried here is a change to keep a record of.
async fn wired(name: &str, config: Config) -> Result<Result<Wired, ConfigError>, Stop> {
    let name = name.to_owned();
    let wired = tokio::task::spawn_blocking(move || {
        let problems = Problems::default();
        let provider = config.providers().find(|(known, _)| *known == name);
        let wired = provider.and_then(|(name, provider)| {
            let rules = rules::wired(name, provider, &problems);
            Some((wiring::provider(name, provider, &problems)?.passwords, rules))
        });
        problems
            .into_result((wired, config), |(_, config)| config.origins())
            .map(|(wired, _)| wired)
    });
    let wired = wired.await.map_err(|error| Stop::internal(error.to_string()))?;
    match wired {
        Ok(Some(wired)) => Ok(Ok(wired)),
        Ok(None) => Err(Stop::internal("a provider that is configured was not found")),
        Err(error) => Ok(Err(error)),
    }
}

struct Examiner<'a> {
    key: String,
    provider: &'a ProviderConfig,
    global: &'a Global,
}

impl Examiner<'_> {
    fn unread(&self, problem: &crate::config::Problem) -> Check {
        let secret = problem.key().starts_with(&format!("{}.auth", self.key));
        let fix = if secret {
            format!(
                "make `{}` lead to the secret: {{ env = \"NAME\" }} of a variable that is set for repass, \
                 {{ file = \"PATH\" }} or {{ command = [\"PROGRAM\", …] }}",
                problem.key()
            )
        } else {
            format!("mend `{}`", problem.key())
        };
        Check::bad("secrets", Exit::Usage, problem.to_string(), fix)
    }

    /// Where repass connects to, each host once.
    fn urls(&self) -> Vec<BaseUrl> {
        let connection = self.provider.connection();
        let token_url = match &connection.auth {
            Auth::Bearer { .. } => None,
            #[cfg(feature = "zoom")]
            Auth::ServerToServer(auth) => Some(&auth.token_url),
            #[cfg(feature = "identity")]
            Auth::ClientCredentials(auth) => Some(&auth.token_url),
        };
        let mut urls: Vec<BaseUrl> = Vec::new();
        for url in [Some(&connection.base_url), token_url].into_iter().flatten() {
            if let Ok(url) = url.parse::<BaseUrl>()
                && urls.iter().all(|known| known.host() != url.host())
            {
                urls.push(url);
            }
        }
        urls
    }

    /// Connects, and asks for nothing in particular: whatever is answered, somebody is there.
    async fn connection(&self, url: &BaseUrl) -> Check {
        let connection = self.provider.connection();
        let roots = connection
            .tls
            .ca_file
            .as_deref()
            .and_then(|file| wiring::read_roots(file).ok());
        let wire = HttpWire::new(url.clone(), roots.unwrap_or_default(), connection.connect_timeout);
        let request = Request::new("doctor.connection", Method::GET, Replay::Convergent);
        let limit = self
            .global
            .call_context()
            .budget()
            .min(connection.attempt_timeout);
        let Err(failure) = wire.attempt(&request, None, limit).await else {
            let how = if url.is_https() {
                "answers, and its certificate is trusted"
            } else {
                "answers, unencrypted on this machine"
            };
            return Check::good("connection", format!("{} {how}", url.host()));
        };
        let key = &self.key;
        let fix = match failure.cause() {
            Cause::Tls => format!(
                "have the certificate mended there; or, if its authority is your own, set `{key}.tls.ca_file` to that \
                 authority's certificate. Verification cannot be switched off"
            ),
            _ => format!(
                "check host and port in `{key}.base_url` (and `auth.token_url`), that the provider is up, and that no \
                 firewall is in between"
            ),
        };
        Check::bad("connection", Exit::Unavailable, failure.to_string(), fix)
    }

    /// What the answer to the question for the rules shows; whether it makes sense to go on.
    async fn answer(
        &self,
        name: &str,
        config: &Config,
        told: Result<PasswordPolicy, Error>,
        own_rules: Option<&OwnRules>,
        checks: &mut Vec<Check>,
    ) -> Result<bool, Stop> {
        let key = &self.key;
        let error = match told {
            Ok(policy) => {
                checks.push(Check::good("token", "it is taken"));
                checks.push(Check::good("address", "the provider's API is there"));
                checks.push(self.policy(policy, own_rules));
                return Ok(true);
            }
            Err(error) => error,
        };
        let (exit, message) = (Exit::of(&error), error.to_string());
        match error.kind() {
            ErrorKind::PermissionDenied => {
                let preset = self.provider.preset();
                let fix = format!(
                    "{}; until then {preset} is gone by, and passwords can be changed all the same",
                    match self.provider.kind() {
                        "zoom" =>
                            "have a paid account, and add the scope account:read:settings:admin to the app",
                        _ => "grant PM.Setting.Read to the external application",
                    }
                );
                checks.push(Check::good("token", "it is taken"));
                checks.push(Check::good("address", "the provider's API is there"));
                checks.push(Check::bad("policy", exit, message, fix));
                Ok(true)
            }
            ErrorKind::Unauthenticated => {
                let fix = match self.provider.connection().auth {
                    Auth::Bearer { .. } => format!("put a valid token where `{key}.auth.token` leads"),
                    #[cfg(any(feature = "zoom", feature = "identity"))]
                    _ => format!("mend `{key}.auth`: the message says which key"),
                };
                checks.push(Check::bad("token", exit, message, fix));
                Ok(false)
            }
            ErrorKind::Misconfigured | ErrorKind::UnexpectedAnswer => {
                let fix = address::fix(name, self.provider, config, self.global).await?;
                checks.push(Check::bad("address", Exit::Usage, message, fix));
                Ok(false)
            }
            _ => {
                let fix = "try again later; if it stays so, ask the provider";
                checks.push(Check::bad("policy", exit, message, fix));
                Ok(false)
            }
        }
    }

    fn policy(&self, policy: PasswordPolicy, own_rules: Option<&OwnRules>) -> Check {
        let told = policy.rules().count();
        match own_rules.map(|own| own.on(policy)) {
            Some(Err(impossible)) => Check::bad(
                "policy",
                Exit::Usage,
                format!("on top of the provider's rules {impossible}"),
                format!("ask for less in `{}.policy`", self.key),
            ),
            _ => Check::good("policy", format!("the provider tells {told} rules")),
        }
    }

    /// Users who cannot exist: one for each way in which users are named.
    fn nobodies(&self) -> Vec<Result<UserId, Stop>> {
        let id = Uuid::new_v4();
        // The domain is reserved, so that nobody can ever have the address.
        let address = format!("repass-doctor-{id}@doctor.invalid");
        let ids = match self.provider {
            #[cfg(feature = "zoom")]
            ProviderConfig::Zoom(_) => vec![address],
            #[cfg(feature = "identity")]
            ProviderConfig::Identity(portal) if portal.identity.organization.is_some() => {
                vec![id.to_string(), address]
            }
            #[cfg(feature = "identity")]
            ProviderConfig::Identity(_) => vec![id.to_string()],
        };
        let ids = ids.into_iter();
        ids.map(|id| UserId::new(&id).map_err(|invalid| Stop::internal(invalid.to_string())))
            .collect()
    }

    /// Whether a reset would be permitted: one for nobody must fail for that reason and no other.
    async fn right(&self, service: &dyn PasswordService, nobody: UserId) -> Check {
        let (check, what) = if nobody.expose().starts_with("repass-doctor-") && self.provider.kind() != "zoom"
        {
            ("look-up", "users can be looked up by e-mail address")
        } else {
            (
                "reset",
                "passwords can be reset: only that the user does not exist was in the way",
            )
        };
        let password = PasswordPolicy::from(self.provider.preset()).generate();
        let result = match password {
            Ok(password) => {
                let change = PasswordChange::reset(nobody, password);
                service
                    .change_password(&self.global.call_context(), &change)
                    .await
            }
            Err(error) => Err(error),
        };
        let fix = match self.provider.kind() {
            "zoom" => {
                "add the scope user:update:password:admin (classic: user:write:admin) to the app, and have it owned by \
                 somebody who may edit users"
            }
            _ if check == "look-up" => "grant PM.User.Read (or PM.User) to the external application",
            _ => "grant PM.User.Write (or PM.User) to the external application",
        };
        match result {
            Err(error) if error.effect() == Effect::NotApplied => match error.kind() {
                // They are judgements of the request itself, so it was let in.
                ErrorKind::UserNotFound | ErrorKind::InvalidRequest | ErrorKind::NotEligible => {
                    Check::good(check, what)
                }
                _ => Check::bad(check, Exit::of(&error), error.to_string(), fix),
            },
            Err(error) => Check::bad(
                check,
                Exit::of(&error),
                error.to_string(),
                "try again later; if it stays so, ask the provider",
            ),
            Ok(_) => Check::bad(
                check,
                Exit::Usage,
                "a reset for a user who cannot exist was accepted, so what answers is not the provider",
                format!("check `{}.base_url`", self.key),
            ),
        }
    }
}
