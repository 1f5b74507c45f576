//! A sandbox in this process.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use repass_sandbox::{Action, Fault, Options, Provider, RequestMatcher, Sandbox};
use tokio::runtime::Runtime;

use super::system::{Made, System};
use super::{Campaign, ProviderSetup};

const TOKEN: &str = "campaign-token-7204";
/// How long an attempt may take at a slow provider.
const ATTEMPT: Duration = Duration::from_millis(700);
/// By when a slow provider has made every change, counted from its request.
const LATEST: Duration = Duration::from_secs(2);

pub(super) struct Sandboxed {
    sandbox: Sandbox,
    campaign: Campaign,
    // Carries the sandbox; dropped last.
    _runtime: Runtime,
}

impl Sandboxed {
    pub(super) fn new(campaign: Campaign) -> Self {
        let runtime = Runtime::new().unwrap_or_else(|error| panic!("no runtime: {error}"));
        let options = Options {
            users: campaign.users,
            token: Some(TOKEN.into()),
            ..Options::default()
        };
        let sandbox = runtime
            .block_on(Sandbox::start_with(options))
            .unwrap_or_else(|error| panic!("no sandbox: {error}"));
        let system = Self {
            sandbox,
            campaign,
            _runtime: runtime,
        };
        if campaign.setup.is_slow() {
            system.slow_down();
        }
        system
    }

    /// A third of the users are changed late, whether or not the client still waits.
    fn slow_down(&self) {
        let mut random = StdRng::seed_from_u64(self.campaign.seed);
        for number in 1..=self.campaign.users {
            if !random.random_ratio(1, 3) {
                continue;
            }
            let latest = LATEST.as_millis().try_into().unwrap_or(u64::MAX);
            let action = Action {
                delay_ms: random.random_range(1..latest),
                detach: true,
                ..Action::default()
            };
            let matching = RequestMatcher {
                provider: Some(self.at()),
                user: Some(self.user(number)),
                // Sometimes the next sending or probe too.
                times: random.random_range(1..3),
                ..RequestMatcher::default()
            };
            let armed = self.sandbox.inject(Fault { matching, action });
            armed.unwrap_or_else(|error| panic!("{error}"));
        }
    }

    fn at(&self) -> Provider {
        match self.campaign.setup {
            ProviderSetup::Zoom | ProviderSetup::SlowZoom => Provider::Zoom,
            ProviderSetup::SlowPortal => Provider::Identity,
        }
    }
}

impl System for Sandboxed {
    fn provider(&self) -> &str {
        match self.at() {
            Provider::Zoom => "zoom",
            Provider::Identity => "portal",
        }
    }

    fn section(&self) -> String {
        let mut section = match self.at() {
            Provider::Zoom => {
                let url = self.sandbox.zoom_base_url();
                format!("kind = \"zoom\"\nplan = \"unlimited\"\nbase_url = \"{url}\"\n")
            }
            Provider::Identity => {
                let url = self.sandbox.identity_base_url();
                format!("kind = \"identity\"\nbase_url = \"{url}\"\n")
            }
        };
        section.push_str("auth = { kind = \"bearer\", token = { file = \"token\" } }\n");
        if self.campaign.setup.is_slow() {
            let _ = writeln!(section, "attempt_timeout = \"{}ms\"", ATTEMPT.as_millis());
        }
        section
    }

    fn secrets(&self) -> Vec<(&str, &str)> {
        vec![("token", TOKEN)]
    }

    fn user(&self, n: u32) -> String {
        match self.at() {
            Provider::Zoom => format!("user{n:06}@example.com"),
            Provider::Identity => format!("00000000-0000-4000-8000-{n:012}"),
        }
    }

    fn latest(&self) -> Duration {
        if self.campaign.setup.is_slow() {
            LATEST
        } else {
            Duration::ZERO
        }
    }

    fn changes(&self) -> u64 {
        u64::try_from(self.sandbox.changes()).unwrap_or(u64::MAX)
    }

    fn ledger(&self) -> BTreeMap<String, Made> {
        let mut ledger: BTreeMap<String, Made> = BTreeMap::new();
        for change in self.sandbox.ledger().changes {
            let made = ledger.entry(change.user).or_default();
            made.times += 1;
            made.passwords.insert(change.fingerprint);
        }
        ledger
    }

    fn accepts(&self, user: &str, password: &str) -> bool {
        self.sandbox.accepts(self.at(), user, password)
    }
}
