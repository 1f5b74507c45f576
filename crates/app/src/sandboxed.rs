//! A configuration for the emulated providers.

use repass_sandbox::Sandbox;
use secrecy::SecretString;

use crate::Config;
use crate::config::{Auth, IdentityProvider, ZoomProvider};
use crate::secret::SecretRef;

impl Config {
    /// Both providers of a running sandbox, as `zoom` (the default) and `portal`. For one that speaks TLS,
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
        Self::for_providers(
            sandbox.zoom_base_url(),
            sandbox.identity_base_url(),
            sandbox.token(),
        )
    }

    pub(crate) fn for_providers(zoom: &str, portal: &str, token: &SecretString) -> Self {
        let auth = Auth::Bearer {
            token: SecretRef::Value(token.clone()),
        };
        let portal = IdentityProvider::new(portal, auth.clone());
        let mut zoom_provider = ZoomProvider::new(auth);
        zoom.clone_into(&mut zoom_provider.connection.base_url);
        Self::new()
            .with_provider("zoom", zoom_provider)
            .with_provider("portal", portal)
            .with_default_provider("zoom")
    }
}
