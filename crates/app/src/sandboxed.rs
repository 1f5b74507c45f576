//! A configuration for the emulated providers.

use repass_sandbox::Sandbox;

use crate::Config;
use crate::config::{Auth, IdentityProvider, ZoomProvider};
use crate::secret::SecretRef;

impl Config {
    /// Both providers of a running sandbox, as `zoom` (the default) and `portal`, where users can be
    /// named by e-mail address too. For one that speaks TLS,
    /// `tls.ca_file` is still to be set.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// use repass::{CallContext, Config, Password, PasswordServiceExt as _, Services};
    ///
    /// let sandbox = repass_sandbox::Sandbox::start_default().await?;
    /// let service = Services::from_config(Config::for_sandbox(&sandbox))?.get("zoom")?;
    /// let new = Password::new("New-Passw0rd-1")?;
    /// service.reset(&CallContext::default(), "alice@example.com".parse()?, new).await?;
    /// assert_eq!(sandbox.changes(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn for_sandbox(sandbox: &Sandbox) -> Self {
        Self::for_sandbox_at(sandbox, sandbox.zoom_base_url(), sandbox.identity_base_url())
    }

    /// The same by way of other addresses.
    pub(crate) fn for_sandbox_at(sandbox: &Sandbox, zoom_base_url: &str, identity_base_url: &str) -> Self {
        let auth = Auth::Bearer {
            token: SecretRef::Value(sandbox.token().clone()),
        };
        let mut portal = IdentityProvider::new(identity_base_url, auth.clone());
        portal.identity.organization = Some(sandbox.announcement().identity.partition.clone());
        let mut zoom = ZoomProvider::new(auth);
        zoom_base_url.clone_into(&mut zoom.connection.base_url);
        Self::new()
            .with_provider("zoom", zoom)
            .with_provider("portal", portal)
            .with_default_provider("zoom")
    }
}
