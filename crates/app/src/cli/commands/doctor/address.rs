//! When something else answers at the base URL: where the API may be instead.

use std::time::Duration;

use crate::cli::args::Global;
use crate::cli::setup;
use crate::cli::stop::Stop;
use crate::config::ProviderConfig;
use crate::{CallContext, Config, ErrorKind, PasswordService as _};

/// What to set the base URL to: the candidate at which the API answers, or else all of them.
pub(super) async fn fix(
    name: &str,
    provider: &ProviderConfig,
    config: &Config,
    global: &Global,
) -> Result<String, Stop> {
    let key = format!("providers.{name}.base_url");
    let candidates = candidates(provider.kind(), &provider.connection().base_url);
    // Of the same host, so that no token goes where it did not go before.
    for candidate in &candidates {
        let there = config.clone().only(name).at(candidate);
        let service = setup::build(there).await?.get(name)?;
        let budget = global.call_context().budget().min(Duration::from_secs(5));
        let answers = match service.policy(&CallContext::with_budget(budget)).await {
            Ok(_) => true,
            Err(error) => error.kind() == ErrorKind::PermissionDenied,
        };
        if answers {
            return Ok(format!(
                "this is not the {} base URL; set `{key}` to {candidate}, where the API answers",
                spoken(provider)
            ));
        }
    }
    Ok(match candidates.split_last() {
        None => format!("check `{key}`"),
        Some((last, rest)) => {
            let or = if rest.is_empty() { "" } else { " or " };
            format!(
                "this is not the {} base URL; try {}{or}{last} in `{key}`",
                spoken(provider),
                rest.join(", ")
            )
        }
    })
}

fn spoken(provider: &ProviderConfig) -> &'static str {
    match provider.kind() {
        "zoom" => "Zoom API's",
        _ => "identity",
    }
}

/// The forms that a base URL of this kind has, on the same host, but for the one that it is.
fn candidates(kind: &str, base_url: &str) -> Vec<String> {
    let base_url = base_url.trim_end_matches('/');
    let start = base_url.find("://").map_or(0, |at| at + 3);
    let end = base_url[start..]
        .find('/')
        .map_or(base_url.len(), |at| start + at);
    let (origin, path) = base_url.split_at(end);
    if kind == "zoom" {
        return other_than(base_url, vec![format!("{origin}/v2")]);
    }
    // The organisation and the tenant come before the first service, whose name ends in `_` on the suite.
    let names: Vec<&str> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .take_while(|segment| !segment.ends_with('_') && *segment != "identity" && *segment != "api")
        .collect();
    let mut found = vec![format!("{origin}/identity_"), format!("{origin}/identity")];
    if let [organization, ..] = names[..] {
        found.push(format!("{origin}/{organization}/identity_"));
    }
    if let [organization, tenant, ..] = names[..] {
        found.push(format!("{origin}/{organization}/{tenant}/identity_"));
    }
    other_than(base_url, found)
}

fn other_than(base_url: &str, mut candidates: Vec<String>) -> Vec<String> {
    candidates.retain(|candidate| candidate != base_url);
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_tried_but_the_one_that_failed() {
        let of = |path: &str| {
            let found = candidates("identity", &format!("https://h.example:8443{path}"));
            let paths: Vec<String> = found
                .iter()
                .map(|url| url["https://h.example:8443".len()..].to_owned())
                .collect();
            paths.join(" ")
        };
        assert_eq!(of(""), "/identity_ /identity");
        assert_eq!(of("/identity_"), "/identity");
        assert_eq!(of("/acme"), "/identity_ /identity /acme/identity_");
        assert_eq!(of("/acme/portal_/"), "/identity_ /identity /acme/identity_");
        assert_eq!(
            of("/acme/main/orchestrator_"),
            "/identity_ /identity /acme/identity_ /acme/main/identity_"
        );
        assert_eq!(of("/acme/identity_/api"), "/identity_ /identity /acme/identity_");
        assert_eq!(
            candidates("zoom", "https://api.zoom.us/v1"),
            ["https://api.zoom.us/v2"]
        );
        assert!(candidates("zoom", "https://api.zoom.us/v2").is_empty());
    }
}
