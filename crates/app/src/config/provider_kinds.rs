//! The provider_kinds of provider there are, and one provider of any of them.

use std::any::Any;
use std::path::Path;
use std::sync::Arc;

use repass_provider::{ProviderKind, Setting};
use serde::{Serialize, Serializer};
use serde_json::Value;

#[cfg(feature = "http")]
use super::document::{self, Origins, Source};
use super::local_policy::LocalRules;
use super::problem::Problems;
use super::provider::{Auth, Connection, address_key};
use super::section::Section;

macro_rules! provider_kinds {
    ($($feature:literal: $adapter:ident::{$settings:ident $(, $other:ident)*};)*) => {
        $(
            #[cfg(feature = $feature)]
            pub use $adapter::{$settings $(, $other)*};
        )*

        /// Each kind with its defaults, ordered by name.
        const KINDS: &[fn() -> Box<dyn Settings>] = &[$(
            #[cfg(feature = $feature)]
            || Box::new($settings::default()),
        )*];

        /// The name of every kind, also of those that this build was made without. Each has its Cargo feature, of
        /// the same name.
        pub(super) const NAMES: &[&str] = &[$($feature),*];

        #[cfg(test)]
        #[test]
        fn what_is_read_is_shown_with_the_same_words() {
            $(
                #[cfg(feature = $feature)]
                {
                    assert_eq!($settings::default().name(), $feature);
                    tests::same_words::<$settings>();
                }
            )*
        }
    };
}

// One row for each: the feature, and from the adapter's crate the type of the settings with those that they hold.
provider_kinds! {
    "active-directory": repass_ldap::{ActiveDirectorySettings};
    "http": repass_http_provider::{HttpSettings};
    "identity": repass_identity::{IdentitySettings, Deployment};
    "ldap": repass_ldap::{LdapSettings};
    "zoom": repass_zoom::{ZoomSettings, BodyEncoding, Plan};
}

/// Every kind with its defaults, ordered by name: those of the adapters, and the tables that come with `http`.
pub(super) fn all_kinds() -> Vec<Box<dyn Settings>> {
    let mut kinds: Vec<Box<dyn Settings>> = KINDS.iter().map(|kind| kind()).collect();
    #[cfg(feature = "http")]
    for name in repass_http_provider::PRESET_NAMES {
        if let Some(preset) = HttpSettings::preset(name) {
            kinds.push(Box::new(preset));
        }
    }
    kinds.sort_by_key(|kind| kind.name());
    kinds
}

/// A provider kind that can be configured, such as `zoom`, described for people.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct KindSummary {
    /// The name of the kind, as in `kind` of a configuration.
    pub name: &'static str,
    /// What a provider of this kind changes, in a line.
    pub title: &'static str,
    /// An example section of a configuration for this kind, with comments: it is valid, and what only its owner knows
    /// is a placeholder.
    pub section: &'static str,
    /// The text of the table that describes the kind, if one does: requests, what each response means, and how surely
    /// that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<&'static str>,
}

impl super::Config {
    /// Lists every provider kind that this build can configure, ordered by name.
    pub fn kinds() -> Vec<KindSummary> {
        all_kinds()
            .iter()
            .map(|kind| KindSummary {
                name: kind.name(),
                title: kind.title(),
                section: kind.section(),
                table: kind.table_text(),
            })
            .collect()
    }
}

/// The configuration of one provider: its kind and settings, how to reach it, and the caller's own rules.
#[derive(Debug, Clone, Serialize)]
pub struct ProviderConfig {
    #[serde(flatten, serialize_with = "shown")]
    settings: Arc<dyn Settings>,
    /// How to reach the provider.
    #[serde(flatten)]
    pub connection: Connection,
    /// The caller's own rules for changes at this provider.
    #[serde(flatten)]
    pub local: LocalRules,
}

impl ProviderConfig {
    /// Creates a provider of the kind to which the settings belong, with defaults for everything else. Where not all
    /// of the kind have the same base URL, it is still to be set in `connection`.
    pub fn new(settings: impl ProviderKind + Serialize, auth: Auth) -> Self {
        Self::with(Arc::new(settings), auth)
    }

    pub(super) fn with(settings: Arc<dyn Settings>, auth: Auth) -> Self {
        let base_url = settings.base_url().unwrap_or_default();
        Self {
            connection: Connection::new(base_url, auth),
            local: LocalRules::default(),
            settings,
        }
    }

    /// The provider's kind under its settings, with all that is known of it.
    pub fn kind(&self) -> &dyn ProviderKind {
        &*self.settings
    }

    /// The configuration key of the provider's address: `base_url`, or `url` of a directory.
    pub fn address_key(&self) -> &'static str {
        address_key(&self.kind().wire())
    }

    /// The settings of the provider, if they are of this type.
    pub fn settings<K: ProviderKind>(&self) -> Option<&K> {
        let kind: &dyn Any = self.kind();
        kind.downcast_ref()
    }

    pub(super) fn check(&self, path: &str, problems: &Problems) {
        self.local.check(path, problems);
        self.connection.check(&self.kind().wire(), path, problems);
        #[cfg(feature = "http")]
        if let (Auth::Login(_), Some(settings)) = (&self.connection.auth, self.settings::<HttpSettings>())
            && settings.table().is_ok_and(|table| !table.has_login())
        {
            let why = "is login, which needs to know how: describe the request in [login] of the table";
            problems.add(&format!("{path}.auth.kind"), why);
        }
        for (key, problem) in self.settings.problems() {
            problems.add(&format!("{path}.{key}"), problem);
        }
    }
}

/// The settings of a kind, as they are read and written.
pub(super) trait Settings: ProviderKind {
    fn read(&mut self, section: &mut Section<'_>, folder: &Path, problems: &Problems);

    /// In the order in which they are documented; what is not set is left out.
    fn entries(&self) -> Vec<(&'static str, Value)>;
}

impl<K: ProviderKind + Serialize> Settings for K {
    fn read(&mut self, section: &mut Section<'_>, folder: &Path, problems: &Problems) {
        for setting in K::settings() {
            match *setting {
                Setting::Enum(key, words) => {
                    if let Some(set) = section.choice(key, words) {
                        set(self);
                    }
                }
                Setting::Text(key, set) => {
                    if let Some(text) = section.text(key) {
                        set(self, text);
                    }
                }
                Setting::Flag(key, set) => {
                    if let Some(flag) = section.flag(key) {
                        set(self, flag);
                    }
                }
                Setting::Document(keys, set) => {
                    let mut document = table_file(section, keys, folder, problems);
                    document.extend(section.document(keys));
                    set(self, document);
                }
            }
        }
    }

    fn entries(&self) -> Vec<(&'static str, Value)> {
        let mut all = serde_json::to_value(self).unwrap_or_default();
        let keys = K::settings().iter().flat_map(Setting::keys);
        keys.filter_map(|key| Some((*key, all.get_mut(*key)?.take())))
            .collect()
    }
}

#[cfg(not(feature = "http"))]
fn table_file(_: &mut Section<'_>, _: &[&str], _: &Path, _: &Problems) -> serde_json::Map<String, Value> {
    serde_json::Map::new()
}

// What the file that `table` names holds. The keys of the section itself come on top.
#[cfg(feature = "http")]
fn table_file(
    section: &mut Section<'_>,
    keys: &[&'static str],
    folder: &Path,
    problems: &Problems,
) -> serde_json::Map<String, Value> {
    let mut read = || {
        let file = section.file("table", folder)?;
        let source = problems.keep(&section.key("table"), Source::file(&file))?;
        let tree = document::parse(Some(&source), problems)?;
        let is_there = |key: &str| !section.has(key);
        problems.locate(Origins::of_section(section.path(), &tree, keys, is_there));
        problems.keep(&section.key("table"), toml::from_str(&source.text))
    };
    read().unwrap_or_default()
}

fn shown<S: Serializer>(settings: &Arc<dyn Settings>, serializer: S) -> Result<S::Ok, S::Error> {
    let kind = ("kind", settings.name().into());
    serializer.collect_map(std::iter::once(kind).chain(settings.entries()))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn same_words<K: ProviderKind + Default + Serialize>() {
        for setting in K::settings() {
            let holds = |key, word: &str, set: &dyn Fn(&mut K)| {
                let mut settings = K::default();
                set(&mut settings);
                assert!(settings.entries().contains(&(key, word.into())), "{key} = {word}");
            };
            match setting {
                Setting::Enum(key, words) => words.iter().for_each(|(word, set)| holds(key, word, set)),
                Setting::Text(key, set) => holds(key, "any", &|settings| set(settings, "any".to_owned())),
                Setting::Flag(key, set) => {
                    let mut settings = K::default();
                    set(&mut settings, true);
                    assert!(settings.entries().contains(&(key, true.into())), "{key}");
                }
                // Shown as it is.
                Setting::Document(..) => {}
            }
        }
    }

    #[test]
    fn the_kinds_are_ordered_by_name() {
        let kinds = all_kinds();
        assert!(kinds.is_sorted_by_key(|kind| kind.name()));
    }
}
