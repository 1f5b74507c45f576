//! Builds the local policy of one provider: its rules with their blocklist, and the breach check.

use std::sync::Arc;

use repass_domain::{Blocklist, Certainty, ImpossiblePolicy, LayeredPolicy, PasswordPolicy, Rule};
use repass_provider::ProviderKind;
use repass_transport::{BaseUrl, Route};

use super::provider_factory::{read_roots, route};
use crate::config::{BlocklistFile, BlocklistFormat, Breach, LocalPolicyConfig, Problems, ProviderConfig};
use crate::layers::{BreachCheck, LocalPolicy};

/// The local policy of a provider; `None` if it has none, or with a problem noted for each reason.
pub(super) fn local_policy(
    name: &str,
    provider: &ProviderConfig,
    problems: &Problems,
) -> Option<LocalPolicy> {
    let path = format!("providers.{name}");
    let local = &provider.local;
    let breach = local
        .breach
        .as_ref()
        .and_then(|breach| breach_check(breach, provider));
    let policy = match &local.policy {
        Some(policy) => with_blocklist(policy, &path, problems)?,
        None if breach.is_some() => PasswordPolicy::default(),
        None => return None,
    };
    // Listed with the others, though only the service can check it.
    let policy = match &breach {
        Some(_) => policy.to_builder().exact([Rule::NotBreached]).build(),
        None => Ok(policy),
    };
    let policies = policy.and_then(|policy| on_preset(provider.kind(), policy));
    let rules = LocalPolicy::new(problems.keep(&format!("{path}.policy"), policies)?);
    Some(match breach {
        Some(check) => rules.with_breach_check(check),
        None => rules,
    })
}

// On top of the provider's rules, as far as they are known without a request.
fn on_preset(kind: &dyn ProviderKind, own: PasswordPolicy) -> Result<LayeredPolicy, ImpossiblePolicy> {
    let rules = kind
        .preset()
        .map_or_else(PasswordPolicy::default, PasswordPolicy::from);
    if kind.preset_is_binding() {
        return rules.and_local(own);
    }
    // A guess is no reason to reject passwords.
    let judged = rules
        .rules()
        .filter(|(_, certainty)| *certainty != Certainty::ProviderOnly);
    let judged: Vec<Rule> = judged.map(|(rule, _)| rule.clone()).collect();
    let guess = rules.to_builder().approximate(judged).build()?;
    let both = guess.and_local(own.clone());
    both.or_else(|_| PasswordPolicy::default().and_local(own))
}

fn with_blocklist(policy: &LocalPolicyConfig, path: &str, problems: &Problems) -> Option<PasswordPolicy> {
    let Some(list) = &policy.blocklist else {
        return Some(policy.rules.clone());
    };
    let key = format!("{path}.policy.blocklist");
    let list = problems.keep(&key, read_blocklist(list))?;
    problems.keep(&key, policy.rules.clone().with_blocklist(Arc::new(list)))
}

fn breach_check(breach: &Breach, provider: &ProviderConfig) -> Option<BreachCheck> {
    // An invalid URL is reported by the check of the configuration.
    let url: BaseUrl = breach.url.parse().ok()?;
    // A private service most likely has its certificate from the same authority. A bad file is reported for the provider.
    let ca_file = provider.connection.tls.ca_file.as_deref();
    let roots = ca_file.and_then(|file| read_roots(file).ok()).unwrap_or_default();
    let route = if url.is_https() {
        route(&provider.connection, &url)
    } else {
        Route::default()
    };
    Some(BreachCheck::new(
        url,
        roots,
        route,
        breach.timeout,
        breach.on_failure,
    ))
}

fn read_blocklist(list: &BlocklistFile) -> Result<Blocklist, String> {
    let shown = list.file.display();
    let text = std::fs::read(&list.file).map_err(|error| format!("cannot read {shown}: {error}"))?;
    let text = String::from_utf8(text).map_err(|_| format!("{shown} is not valid UTF-8"))?;
    match list.format {
        BlocklistFormat::Plain => Ok(Blocklist::from_plain_text(&text)),
        BlocklistFormat::Sha1 => {
            Blocklist::from_sha1("", &text).map_err(|malformed| format!("{shown}: {malformed}"))
        }
    }
}
