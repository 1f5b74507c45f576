//! The caller's own rules at one provider, wired: the policy with its list, and the service of breached
//! passwords.

use std::sync::Arc;

use repass_domain::{Blocklist, Certainty, ImpossiblePolicy, LayeredPolicy, PasswordPolicy, Preset, Rule};
use repass_provider::ProviderKind;
use repass_transport::{BaseUrl, Route};

use crate::config::{BlocklistFile, BlocklistFormat, Breach, LocalPolicyConfig, Problems, ProviderConfig};
use crate::layers::{BreachCheck, LocalPolicy};
use crate::provider_factory::{read_roots, route};

/// The caller's own rules there, with their blocklist; `None` if there are none, or with problems noted.
pub fn wired(name: &str, provider: &ProviderConfig, problems: &Problems) -> Option<LocalPolicy> {
    let path = format!("providers.{name}");
    let own = &provider.local;
    let breach = own
        .breach
        .as_ref()
        .and_then(|breach| breach_check(breach, provider));
    let policy = match &own.policy {
        Some(policy) => own_policy(policy, &path, problems)?,
        None if breach.is_some() => PasswordPolicy::default(),
        None => return None,
    };
    // Shown with the others, though it takes the service to judge it.
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

/// The rules to go by where the provider does not tell, and their name.
pub fn published(preset: Option<Preset>) -> (PasswordPolicy, &'static str) {
    match preset {
        Some(preset) => (preset.into(), preset.name()),
        None => (PasswordPolicy::default(), "none"),
    }
}

// On top of what is known of the provider's rules without asking it.
fn on_preset(kind: &dyn ProviderKind, own: PasswordPolicy) -> Result<LayeredPolicy, ImpossiblePolicy> {
    let (rules, _) = published(kind.preset());
    if kind.preset_is_binding() {
        return rules.and_local(own);
    }
    // A guess is no reason to refuse others.
    let judged = rules
        .rules()
        .filter(|(_, certainty)| *certainty != Certainty::ProviderOnly);
    let judged: Vec<Rule> = judged.map(|(rule, _)| rule.clone()).collect();
    let guess = rules.to_builder().approximate(judged).build()?;
    let both = guess.and_local(own.clone());
    both.or_else(|_| PasswordPolicy::default().and_local(own))
}

fn own_policy(policy: &LocalPolicyConfig, path: &str, problems: &Problems) -> Option<PasswordPolicy> {
    let Some(list) = &policy.blocklist else {
        return Some(policy.rules.clone());
    };
    let key = format!("{path}.policy.blocklist");
    let list = problems.keep(&key, read_blocklist(list))?;
    problems.keep(&key, policy.rules.clone().with_blocklist(Arc::new(list)))
}

fn breach_check(breach: &Breach, provider: &ProviderConfig) -> Option<BreachCheck> {
    // A bad one is noted by the configuration's own check.
    let url: BaseUrl = breach.url.parse().ok()?;
    // A service of one's own most likely has its certificate from the same authority. A bad file is noted by
    // the way to the provider.
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
