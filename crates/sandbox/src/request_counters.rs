//! Counts connections and requests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use crate::options::Provider;

/// The numbers of requests and connections that have arrived at both providers. Requests to the sandbox's own control
/// routes are not counted, their connections are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requests {
    /// The number of TCP connections accepted, those without a request included.
    pub connections: u64,
    /// The number of requests of which at least the head arrived.
    pub total: u64,
    /// The number of requests by provider, method and route.
    pub routes: Vec<RouteCount>,
}

/// The number of requests to one route, and of their responses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteCount {
    /// The provider of the route; paths that belong to neither provider are the portal's, as its page answers them.
    pub provider: Provider,
    /// The HTTP method of the requests.
    pub method: String,
    /// The route with `{…}` for its parameters; `other` for paths that are no route.
    pub route: String,
    /// The number of requests of which at least the head arrived.
    pub received: u64,
    /// The number of responses of each status. Their sum is below `received` while a request is in flight, and after
    /// one without a response.
    pub statuses: BTreeMap<u16, u64>,
}

/// What a request is counted under.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RouteLabel {
    pub(crate) provider: Provider,
    pub(crate) route: &'static str,
    pub(crate) method: String,
}

impl RouteLabel {
    pub(crate) fn new(provider: Provider, method: &Method, route: &'static str) -> Self {
        Self {
            provider,
            route,
            method: method.as_str().to_owned(),
        }
    }
}

#[derive(Debug, Default)]
struct Counts {
    connections: u64,
    routes: BTreeMap<RouteLabel, (u64, BTreeMap<u16, u64>)>,
}

/// The counters as they grow.
#[derive(Debug, Default)]
pub(crate) struct RequestCounters(Mutex<Counts>);

impl RequestCounters {
    pub(crate) fn connected(&self) {
        self.counts().connections += 1;
    }

    pub(crate) fn received(&self, label: &RouteLabel) {
        let mut counts = self.counts();
        match counts.routes.get_mut(label) {
            Some((received, _)) => *received += 1,
            None => drop(counts.routes.insert(label.clone(), (1, BTreeMap::new()))),
        }
    }

    pub(crate) fn answered(&self, label: &RouteLabel, status: StatusCode) {
        if let Some((_, statuses)) = self.counts().routes.get_mut(label) {
            *statuses.entry(status.as_u16()).or_default() += 1;
        }
    }

    pub(crate) fn clear(&self) {
        *self.counts() = Counts::default();
    }

    pub(crate) fn snapshot(&self) -> Requests {
        let counts = self.counts();
        let routes: Vec<_> = counts
            .routes
            .iter()
            .map(|(label, (received, statuses))| RouteCount {
                provider: label.provider,
                method: label.method.clone(),
                route: label.route.to_owned(),
                received: *received,
                statuses: statuses.clone(),
            })
            .collect();
        let total = routes.iter().map(|route| route.received).sum();
        Requests {
            connections: counts.connections,
            total,
            routes,
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
