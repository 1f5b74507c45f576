//! What one reading of the configuration gives.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use repass_adapter_kit::Offer;
use repass_domain::PasswordService;

use super::UnknownProvider;
use super::audit_file::AuditFile;
use crate::config::{Config, ConfigError, Problems};
use crate::guards::{AuditRecord, AuditSink, Guards, OwnRules, Turns};
use crate::rules;
use crate::secret::SecretRef;
use crate::wiring;

/// Where the configuration is, as often as it is read.
pub(super) enum Source {
    Config(Config),
    Text(String),
    File(Option<PathBuf>, Vec<(OsString, OsString)>),
}

impl Default for Source {
    fn default() -> Self {
        Self::Config(Config::new())
    }
}

/// What stays the same whenever the configuration changes.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) made: Vec<(String, Arc<dyn PasswordService>)>,
    pub(super) sink: Option<Arc<dyn AuditSink>>,
    pub(super) secret_timeout: Duration,
    // By provider. Calls that began before a reload still have theirs.
    turns: Mutex<BTreeMap<String, Arc<Turns>>>,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            made: Vec::new(),
            sink: None,
            secret_timeout: SecretRef::COMMAND_TIMEOUT,
            turns: Mutex::default(),
        }
    }
}

/// Ready services.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) default: Option<String>,
    pub(super) providers: BTreeMap<String, Offer>,
    pub(super) own_rules: BTreeMap<String, OwnRules>,
}

impl Parts {
    /// Reads the configuration and wires it.
    pub(super) fn build(&self, source: &Source) -> Result<Built, ConfigError> {
        let problems = Problems::default();
        let made: Vec<&str> = self.made.iter().map(|(name, _)| name.as_str()).collect();
        let config = match source {
            Source::Config(config) => {
                config.check(&made, &problems);
                config.clone()
            }
            Source::Text(text) => Config::text_noting(text, &made, &problems),
            Source::File(path, variables) => {
                Config::load_noting(path.as_deref(), variables.iter().cloned(), &made, &problems)
            }
        };
        let mut built = Built {
            default: config.default_among(&made).map(str::to_owned),
            providers: BTreeMap::new(),
            own_rules: BTreeMap::new(),
        };
        let guards = self.guards(&config, &problems);
        self.add_made(&mut built, &guards, &problems);
        self.add_configured(&mut built, &config, &guards, &problems);
        let built = problems.into_result((built, config), |(_, config)| config.origins());
        built.map(|(built, _)| built)
    }

    // What stands around every service.
    fn guards(&self, config: &Config, problems: &Problems) -> Guards {
        let file = config
            .audit()
            .and_then(|file| problems.keep("audit.file", AuditFile::new(file)))
            .map(|file| Arc::new(file) as Arc<dyn AuditSink>);
        let sink = match (self.sink.clone(), file) {
            (Some(sink), Some(file)) => Some(Arc::new(Both(sink, file)) as Arc<dyn AuditSink>),
            (sink, file) => sink.or(file),
        };
        sink.map_or_else(Guards::default, |sink| Guards::default().audit(sink))
    }

    fn add_made(&self, built: &mut Built, guards: &Guards, problems: &Problems) {
        for (name, service) in &self.made {
            if service.provider() != name {
                let message = "the service made in code calls itself otherwise; give it this name";
                problems.add(name, message);
            }
            let guards = guards.clone().in_turn(self.turns(name));
            let wired = Offer::new(guards.around(Arc::clone(service)));
            if built.providers.insert(name.clone(), wired).is_some() {
                problems.add(
                    name,
                    "two services made in code have this name; give one of them another",
                );
            }
        }
    }

    fn add_configured(&self, built: &mut Built, config: &Config, guards: &Guards, problems: &Problems) {
        for (name, provider) in config.providers() {
            let mut guards = guards.clone().in_turn(self.turns(name));
            if let Some(changes) = provider.connection.max_in_flight {
                guards = guards.at_most(changes);
            }
            if let Some(allow) = provider.own.allow {
                guards = guards.allow(allow);
            }
            if let Some(rules) = rules::wired(name, provider, problems) {
                guards = guards.own_rules(rules.clone());
                built.own_rules.insert(name.to_owned(), rules);
            }
            if let Some(mut wired) = wiring::provider(name, provider, self.secret_timeout, problems) {
                wired.passwords = guards.around(wired.passwords);
                built.providers.insert(name.to_owned(), wired);
            }
        }
    }

    fn turns(&self, name: &str) -> Arc<Turns> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(name.to_owned()).or_default())
    }
}

impl Built {
    pub(super) fn wired(&self, name: &str) -> Result<&Offer, UnknownProvider> {
        self.providers.get(name).ok_or_else(|| self.unknown(Some(name)))
    }

    pub(super) fn unknown(&self, asked: Option<&str>) -> UnknownProvider {
        UnknownProvider::new(asked, self.providers.keys().map(String::as_str))
    }
}

/// Two sinks that must both keep every record.
#[derive(Debug)]
struct Both(Arc<dyn AuditSink>, Arc<dyn AuditSink>);

impl AuditSink for Both {
    fn keep(&self, record: &AuditRecord) -> std::io::Result<()> {
        // A record that one of them cannot keep may still be kept by the other.
        let first = self.0.keep(record);
        self.1.keep(record).and(first)
    }
}
