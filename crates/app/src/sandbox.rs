//! Both providers, emulated over real HTTP in this process, for tests of whatever calls repass.
//!
//! [`Sandbox::start`] is all there is to set up. Then faults are armed with [`Sandbox::inject`], and
//! [`Sandbox::ledger`] and [`Sandbox::accepts`] tell what was really done, whatever the caller believes:
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use repass::sandbox::{Action, Cut, CutKind, CutPoint, Fault, RequestMatcher, Provider, Sandbox, Timing};
//! use repass::{CallContext, Outcome, Password, PasswordServiceExt as _, Services};
//!
//! let sandbox = Sandbox::start().await?;
//! let service = Services::for_sandbox(&sandbox)?.get("zoom")?;
//!
//! // The provider makes alice's next change, and the connection breaks before it says so.
//! let cut = Cut { at: CutPoint::Answer, how: CutKind::Rst };
//! sandbox.inject(Fault {
//!     matching: RequestMatcher { user: Some("alice@example.com".into()), ..RequestMatcher::default() },
//!     action: Action { when: Timing::AfterApply, cut: Some(cut), ..Action::default() },
//! })?;
//! let new = Password::new("New-Passw0rd-1")?;
//! let error = service.reset(&CallContext::default(), "alice@example.com".parse()?, new).await.unwrap_err();
//!
//! assert_eq!(error.outcome(), Outcome::Unknown);
//! assert!(sandbox.accepts(Provider::Zoom, "alice@example.com", "New-Passw0rd-1"));
//! assert_eq!(sandbox.ledger().count(Provider::Zoom, "alice@example.com"), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! The users there are, with their passwords, are in [`Sandbox::startup_info`]; [`Options::seeded`] adds
//! others. Each test can have a sandbox of its own.

pub use repass_sandbox::*;

use crate::config::{Auth, IdentitySettings, ProviderConfig, ZoomSettings};
use crate::secrets::SecretRef;
use crate::{Config, ConfigError, Services};

impl Services {
    /// Builds services for both providers of a running sandbox, named as in [`Config::for_sandbox`].
    ///
    /// # Errors
    /// Never for a sandbox that speaks plain HTTP; the type is that of [`ServicesBuilder::build`](crate::ServicesBuilder::build).
    pub fn for_sandbox(sandbox: &Sandbox) -> Result<Self, ConfigError> {
        Self::builder().config(Config::for_sandbox(sandbox)).build()
    }
}

impl Config {
    /// Returns a configuration of both providers of a running sandbox, as `zoom` (the default) and `portal`. At both,
    /// users can be named by e-mail address. For a sandbox that speaks TLS, `tls.ca_file` is still to be set.
    pub fn for_sandbox(sandbox: &Sandbox) -> Self {
        Self::for_sandbox_at(sandbox, sandbox.zoom_base_url(), sandbox.identity_base_url())
    }

    /// Returns a configuration like [`for_sandbox`](Self::for_sandbox), with other base URLs, such as those of a
    /// proxy in between.
    pub fn for_sandbox_at(sandbox: &Sandbox, zoom_base_url: &str, identity_base_url: &str) -> Self {
        let auth = Auth::Bearer {
            token: SecretRef::Value(sandbox.token().clone()),
        };
        let settings = IdentitySettings {
            organization: Some(sandbox.startup_info().identity.partition.clone()),
            ..IdentitySettings::default()
        };
        let mut portal = ProviderConfig::new(settings, auth.clone());
        identity_base_url.clone_into(&mut portal.connection.base_url);
        let mut zoom = ProviderConfig::new(ZoomSettings::default(), auth);
        zoom_base_url.clone_into(&mut zoom.connection.base_url);
        Self::new()
            .with_provider("zoom", zoom)
            .with_provider("portal", portal)
            .with_default_provider("zoom")
    }
}
