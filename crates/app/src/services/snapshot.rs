//! The services of one version of the configuration.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use repass_domain::{PasswordService, PreflightService, UserProfileService};
use repass_provider::{ProviderClients, ServerInspector};

use super::UnknownProvider;
use super::audit_file::AuditFile;
use super::rate_limiters::Accounts;
use super::{policy_factory, provider_factory};
use crate::config::{Config, ConfigError, Problems};
use crate::layers::{AuditRecord, AuditSink, Layers, LocalPolicy, Pipeline, UserLocks};
use crate::secrets::SecretRef;

/// Where the configuration comes from, each time it is read.
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

/// The parts that stay the same when the configuration changes.
#[derive(Debug)]
pub(super) struct StaticParts {
    pub(super) added: Vec<(String, Arc<dyn PasswordService>)>,
    pub(super) sink: Option<Arc<dyn AuditSink>>,
    pub(super) secret_timeout: Duration,
    // By provider. Calls that began before a reload share them with later calls.
    user_locks: Mutex<BTreeMap<String, Arc<UserLocks>>>,
    #[cfg(feature = "postgres")]
    shared_state: std::sync::OnceLock<FirstSharedState>,
}

/// What the first build has found in `[shared]`.
#[cfg(feature = "postgres")]
#[derive(Debug)]
struct FirstSharedState {
    section: String,
    state: Option<super::SharedState>,
}

impl Default for StaticParts {
    fn default() -> Self {
        Self {
            added: Vec::new(),
            sink: None,
            secret_timeout: SecretRef::COMMAND_TIMEOUT,
            user_locks: Mutex::default(),
            #[cfg(feature = "postgres")]
            shared_state: std::sync::OnceLock::new(),
        }
    }
}

/// Services that are ready to be called.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) default: Option<String>,
    pub(super) providers: BTreeMap<String, Provider>,
    pub(super) local_policies: BTreeMap<String, LocalPolicy>,
}

/// The services of one provider.
#[derive(Debug)]
pub(super) struct Provider {
    pub(super) passwords: Arc<Pipeline>,
    pub(super) profiles: Option<Arc<dyn UserProfileService>>,
    pub(super) preflight: Option<Arc<dyn PreflightService>>,
    pub(super) server_inspector: Option<Arc<dyn ServerInspector>>,
}

impl Provider {
    fn new(clients: ProviderClients, layers: &Layers) -> Self {
        Self {
            passwords: Arc::new(layers.pipeline(clients.passwords)),
            profiles: clients.profiles,
            preflight: clients.preflight,
            server_inspector: clients.server_inspector,
        }
    }
}

impl StaticParts {
    /// Reads the configuration and wires it.
    pub(super) fn build(&self, source: &Source) -> Result<Snapshot, ConfigError> {
        let problems = Problems::default();
        let added: Vec<&str> = self.added.iter().map(|(name, _)| name.as_str()).collect();
        let config = match source {
            Source::Config(config) => {
                config.check(&added, &problems);
                config.clone()
            }
            Source::Text(text) => Config::text_noting(text, &added, &problems),
            Source::File(path, variables) => {
                Config::load_noting(path.as_deref(), variables.iter().cloned(), &added, &problems)
            }
        };
        let mut snapshot = Snapshot {
            default: config.default_among(&added).map(str::to_owned),
            providers: BTreeMap::new(),
            local_policies: BTreeMap::new(),
        };
        let accounts = self.accounts(&config, &problems);
        let layers = self.layers(&config, &problems);
        self.add_services(&mut snapshot, &layers, &problems);
        self.add_providers(&mut snapshot, &config, &layers, &accounts, &problems);
        let snapshot = problems.into_result((snapshot, config), |(_, config)| config.origins());
        snapshot.map(|(snapshot, _)| snapshot)
    }

    // What stands around every service.
    fn layers(&self, config: &Config, problems: &Problems) -> Layers {
        let file = config
            .audit()
            .and_then(|file| problems.keep("audit.file", AuditFile::new(file)))
            .map(|file| Arc::new(file) as Arc<dyn AuditSink>);
        let sink = match (self.sink.clone(), file) {
            (Some(sink), Some(file)) => Some(Arc::new(Both(sink, file)) as Arc<dyn AuditSink>),
            (sink, file) => sink.or(file),
        };
        sink.map_or_else(Layers::default, |sink| Layers::default().audit(sink))
    }

    fn add_services(&self, snapshot: &mut Snapshot, layers: &Layers, problems: &Problems) {
        for (name, service) in &self.added {
            if service.provider() != name {
                let message = "the service made in code calls itself otherwise; give it this name";
                problems.add(name, message);
            }
            let layers = layers.clone().user_locks(self.user_locks(name));
            let provider = Provider::new(ProviderClients::new(Arc::clone(service)), &layers);
            if snapshot.providers.insert(name.clone(), provider).is_some() {
                problems.add(
                    name,
                    "two services made in code have this name; give one of them another",
                );
            }
        }
    }

    fn add_providers(
        &self,
        snapshot: &mut Snapshot,
        config: &Config,
        layers: &Layers,
        accounts: &Accounts,
        problems: &Problems,
    ) {
        for (name, provider) in config.providers() {
            let mut layers = layers.clone().user_locks(self.user_locks(name));
            if let Some(changes) = provider.connection.max_in_flight {
                layers = layers.max_in_flight(changes);
            }
            if let Some(allow) = provider.local.allow {
                layers = layers.allow(allow);
            }
            if let Some(policy) = policy_factory::local_policy(name, provider, problems) {
                layers = layers.local_policy(policy.clone());
                snapshot.local_policies.insert(name.to_owned(), policy);
            }
            let clients = provider_factory::clients(name, provider, self.secret_timeout, accounts, problems);
            if let Some(clients) = clients {
                let provider = Provider::new(clients, &layers);
                snapshot.providers.insert(name.to_owned(), provider);
            }
        }
    }

    fn user_locks(&self, name: &str) -> Arc<UserLocks> {
        let mut user_locks = self.user_locks.lock().unwrap_or_else(PoisonError::into_inner);
        let user_locks = user_locks.entry(name.to_owned());
        #[cfg(feature = "postgres")]
        if let Some(FirstSharedState {
            state: Some(state), ..
        }) = self.shared_state.get()
        {
            let shared = || Arc::new(UserLocks::with_shared(state.user_locks()));
            return Arc::clone(user_locks.or_insert_with(shared));
        }
        Arc::clone(user_locks.or_default())
    }

    // At the first build, because calls may hold locks by the time of another.
    #[cfg(feature = "postgres")]
    fn accounts(&self, config: &Config, problems: &Problems) -> Accounts {
        let section = serde_json::to_string(&config.shared()).unwrap_or_default();
        if let Some(first) = self.shared_state.get() {
            if first.section != section {
                problems.add("shared", "cannot change while the process runs; restart it");
            }
        } else {
            match super::SharedState::open(config, self.secret_timeout) {
                Ok(state) => drop(self.shared_state.set(FirstSharedState { section, state })),
                Err(error) => problems.extend(error),
            }
        }
        let first = self.shared_state.get();
        Accounts {
            shared: first.and_then(|first| first.state.clone()),
        }
    }

    #[cfg(not(feature = "postgres"))]
    #[expect(clippy::unused_self, reason = "with shared state it matters")]
    fn accounts(&self, _: &Config, _: &Problems) -> Accounts {
        Accounts::default()
    }
}

impl Snapshot {
    pub(super) fn provider(&self, name: &str) -> Result<&Provider, UnknownProvider> {
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
    fn write(&self, record: &AuditRecord) -> std::io::Result<()> {
        // A record that one of them cannot keep may still be kept by the other.
        let first = self.0.write(record);
        self.1.write(record).and(first)
    }
}
