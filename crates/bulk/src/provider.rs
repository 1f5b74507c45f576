//! The providers of a run.

use std::sync::Arc;

use repass_domain::{PasswordService, Policies, PreflightService};

/// A provider as a run sees it.
#[derive(Debug, Clone)]
pub struct Provider {
    pub(crate) service: Arc<dyn PasswordService>,
    pub(crate) policies: Policies,
    pub(crate) allowed: Option<f64>,
    pub(crate) preflight: Option<Arc<dyn PreflightService>>,
}

impl Provider {
    /// A provider under the name of its service. `policies` are the rules that new passwords are made and, in a
    /// dry run, judged by.
    pub fn new(service: Arc<dyn PasswordService>, policies: Policies) -> Self {
        Self {
            service,
            policies,
            allowed: None,
            preflight: None,
        }
    }

    /// The same with the rate that its limit allows, in changes a second. It is shown beside the rate that was
    /// reached, and bounds how many changes wait for their turn at once; keeping it is the service's own part.
    pub fn with_allowed_rate(mut self, per_second: Option<f64>) -> Self {
        self.allowed = per_second.filter(|rate| *rate > 0.0);
        self
    }

    /// The same with what can be asked about users beforehand.
    pub fn with_preflight(mut self, preflight: Arc<dyn PreflightService>) -> Self {
        self.preflight = Some(preflight);
        self
    }

    /// The name.
    pub fn name(&self) -> &str {
        self.service.provider()
    }

    /// The allowed rate, where it is known.
    pub fn allowed_rate(&self) -> Option<f64> {
        self.allowed
    }
}

/// Which providers a row may name, and where rows go that name none.
#[derive(Debug, Clone, Default)]
pub struct Names {
    known: Vec<String>,
    default: Option<String>,
}

impl Names {
    /// These names, and the default among them.
    pub fn new<S: Into<String>>(known: impl IntoIterator<Item = S>, default: Option<&str>) -> Self {
        Self {
            known: known.into_iter().map(Into::into).collect(),
            default: default.map(str::to_owned),
        }
    }

    /// Which of the configured ones is meant by what a row says, by its place among them.
    pub(crate) fn meant(&self, named: &str) -> Result<usize, String> {
        let listed = || self.known.join(", ");
        let name = match (named, self.default.as_deref()) {
            ("", None) => {
                return Err(format!(
                    "the row names no provider and there is no default; configured: {}",
                    listed()
                ));
            }
            ("", Some(default)) => default,
            (named, _) => named,
        };
        let place = self.known.iter().position(|known| known == name);
        place.ok_or_else(|| {
            format!(
                "no provider is called what the row says; configured: {}",
                listed()
            )
        })
    }

    pub(crate) fn name(&self, place: usize) -> &str {
        self.known.get(place).map_or("", String::as_str)
    }
}
