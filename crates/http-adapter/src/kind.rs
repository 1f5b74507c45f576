//! What the rest of repass has to know of a provider that a table describes.

use std::sync::Arc;

use repass_provider::{NonexistentUser, PermissionProbe, ProviderClients, ProviderKind, Setting, Wire};

use repass_transport::RateLimit;

use crate::table::{Table, UserForm};
use crate::{HttpService, HttpSettings};

const SETTINGS: &[Setting<HttpSettings>] = &[Setting::Document(HttpSettings::KEYS, |settings, document| {
    let before = std::mem::take(settings);
    *settings = before.with_document(document);
})];

impl ProviderKind for HttpSettings {
    fn name(&self) -> &'static str {
        self.kind_name()
    }

    fn title(&self) -> &'static str {
        self.preset_title()
            .unwrap_or("any HTTP API that a table describes")
    }

    fn section(&self) -> &'static str {
        self.preset_section().unwrap_or(include_str!("section.toml"))
    }

    fn table_text(&self) -> Option<&'static str> {
        self.preset_text()
    }

    fn table_hash(&self) -> Option<String> {
        Some(self.table().ok()?.hash().to_owned())
    }

    fn wire(&self) -> Wire<'_> {
        Wire::http(|name, transport| {
            // A configuration with an unusable table is refused; made in code it can do nothing.
            let table = self.table().map_or_else(|_| Arc::new(Table::empty()), Arc::clone);
            ProviderClients::new(Arc::new(HttpService::new(name, table, transport)))
        })
    }

    fn limits(&self) -> Vec<(&'static str, RateLimit)> {
        // No request has a label, so the one of the empty label counts all.
        let limit = self.table().ok().and_then(|table| table.rate_limit);
        limit.map(|limit| ("", limit)).into_iter().collect()
    }

    fn reads_rules(&self) -> bool {
        self.table().is_ok_and(|table| table.discovery.is_some())
    }

    fn permission_probes(&self) -> Vec<PermissionProbe> {
        let fix = "grant the configured credentials the right to reset passwords; \
                   see the rows for `permission_denied` of this provider";
        let Ok(table) = self.table() else { return vec![] };
        let user = match table.about.nonexistent_user {
            UserForm::Email => NonexistentUser::Email,
            UserForm::Guid => NonexistentUser::Guid,
            UserForm::Name => NonexistentUser::Name,
        };
        let probe = |_| match &table.lookup {
            None => PermissionProbe::reset(user, fix),
            // It ends there for a user who does not exist.
            Some(_) => PermissionProbe {
                name: "look-up",
                success: "users can be looked up; whether passwords can be reset shows with the first one only",
                remedy: fix,
                user,
            },
        };
        table.reset.iter().map(probe).collect()
    }

    fn base_url(&self) -> Option<&'static str> {
        self.preset_base_url()
    }

    fn auth(&self) -> &'static [&'static str] {
        self.auth_kinds()
    }

    fn settings() -> &'static [Setting<Self>] {
        SETTINGS
    }

    fn problems(&self) -> Vec<(String, String)> {
        let Err(problems) = self.table() else {
            return vec![];
        };
        let named = problems.iter().map(|problem| {
            // The table as a whole is where its calls should be.
            let key = if problem.key.is_empty() {
                "reset"
            } else {
                &problem.key
            };
            (key.to_owned(), problem.message.clone())
        });
        named.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn rate_limit_of_a_table_counts_every_request() {
        let limits = |settings: HttpSettings| settings.limits();
        let limit = |requests, seconds| {
            let window = Duration::from_secs(seconds);
            vec![("", RateLimit { requests, window })]
        };
        assert_eq!(limits(HttpSettings::preset("google").unwrap()), limit(40, 1));
        assert_eq!(limits(HttpSettings::preset("gitea").unwrap()), vec![]);
        let slower = serde_json::json!({ "rate_limit": { "requests": 5, "per_seconds": 60 } });
        let slower = HttpSettings::preset("google")
            .unwrap()
            .with_document(slower.as_object().unwrap().clone());
        assert_eq!(limits(slower), limit(5, 60));
    }
}
