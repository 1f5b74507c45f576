//! Finds the API's base URL when something else answers at the configured one.

use std::time::Duration;

use repass_provider::ProviderKind;

use crate::error::CliError;
use crate::global_options::GlobalOptions;
use crate::session_setup;
use repass::config::ProviderConfig;
use repass::{CallContext, Config, ErrorKind, PasswordService as _};

/// The fix: the candidate base URL at which the API answers, or else all candidates.
pub(super) async fn fix(
    name: &str,
    provider: &ProviderConfig,
    config: &Config,
    global: &GlobalOptions,
) -> Result<String, CliError> {
    let key = format!("providers.{name}.{}", provider.address_key());
    let whose = provider.kind().base_url_owner();
    let candidates = candidates(provider.kind(), &provider.connection.base_url);
    // Candidates are on the same host, so the token is not sent anywhere new.
    for candidate in &candidates {
        let there = config.clone().only(name).with_base_url(candidate);
        let service = session_setup::build(there, global).await?.get(name)?;
        let budget = global.call_context().budget().min(Duration::from_secs(5));
        let answers = match service.policy(&CallContext::with_budget(budget)).await {
            Ok(_) => true,
            Err(error) => error.kind() == ErrorKind::PermissionDenied,
        };
        if answers {
            return Ok(format!(
                "this is not the {whose} base URL; set `{key}` to {candidate}, where the API answers"
            ));
        }
    }
    Ok(match candidates.split_last() {
        None => format!("check `{key}`"),
        Some((last, rest)) => {
            let or = if rest.is_empty() { "" } else { " or " };
            format!(
                "this is not the {whose} base URL; try {}{or}{last} in `{key}`",
                rest.join(", ")
            )
        }
    })
}

/// The other base URLs that this provider type may have on the same host.
fn candidates(kind: &dyn ProviderKind, base_url: &str) -> Vec<String> {
    let base_url = base_url.trim_end_matches('/');
    let start = base_url.find("://").map_or(0, |at| at + 3);
    let end = base_url[start..]
        .find('/')
        .map_or(base_url.len(), |at| start + at);
    let (origin, path) = base_url.split_at(end);
    let mut candidates = kind.base_url_candidates(origin, path);
    candidates.retain(|candidate| candidate != base_url);
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;
    use repass::config::{IdentitySettings, ZoomSettings};

    #[test]
    fn base_url_candidates_exclude_the_configured_one() {
        let portal = |path: &str| {
            let base_url = format!("https://h.example:8443{path}");
            let found = candidates(&IdentitySettings::default(), &base_url);
            found.join(" ").replace("https://h.example:8443", "")
        };
        assert_eq!(portal(""), "/identity_ /identity");
        assert_eq!(portal("/identity_"), "/identity");
        assert_eq!(portal("/acme/portal_/"), "/identity_ /identity /acme/identity_");
        let zoom = |base_url| candidates(&ZoomSettings::default(), base_url);
        assert_eq!(zoom("https://api.zoom.us/v1"), ["https://api.zoom.us/v2"]);
        assert!(zoom("https://api.zoom.us/v2").is_empty());
    }
}
