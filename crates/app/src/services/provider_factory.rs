//! Builds a provider's clients: secrets and certificates, then a transport, then its adapter.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use repass_provider::{ProviderClients, Wire};
use repass_transport::{
    BaseUrl, Credentials, HttpTransport, PooledClient, RateLimit, Route, Timeouts, Token, Transport,
    TrustedRoots,
};
use secrecy::SecretString;

use super::rate_limiters::Accounts;
use crate::config::{Auth, Connection, Problems, ProviderConfig};
use crate::secrets::{OpenError, SecretRef, open_trusted};

/// The clients of a provider; `None` with a problem noted for each reason. Programs that print secrets may take
/// `secret_timeout` each.
pub(super) fn clients(
    name: &str,
    config: &ProviderConfig,
    secret_timeout: Duration,
    accounts: &Accounts,
    problems: &Problems,
) -> Option<ProviderClients> {
    let path = format!("providers.{name}");
    let factory = TransportFactory::new(name, config, &path, secret_timeout, accounts, problems);
    let limits = config.kind().limits();
    match config.kind().wire() {
        Wire::Http(clients) => Some(clients(name, factory.transport(&limits)?)),
        #[cfg(any(feature = "active-directory", feature = "ldap"))]
        Wire::Ldap(clients) => Some(clients(name, factory.ldap_transport(&limits)?)),
        #[cfg(not(any(feature = "active-directory", feature = "ldap")))]
        Wire::Ldap(_) => None,
    }
}

/// Builds the transport of one provider.
struct TransportFactory<'a> {
    name: &'a str,
    #[cfg_attr(
        not(any(feature = "http", feature = "identity")),
        expect(dead_code, reason = "only some credentials differ by the kind of provider")
    )]
    config: &'a ProviderConfig,
    connection: &'a Connection,
    roots: TrustedRoots,
    path: &'a str,
    secret_timeout: Duration,
    accounts: &'a Accounts,
    problems: &'a Problems,
}

impl<'a> TransportFactory<'a> {
    fn new(
        name: &'a str,
        config: &'a ProviderConfig,
        path: &'a str,
        secret_timeout: Duration,
        accounts: &'a Accounts,
        problems: &'a Problems,
    ) -> Self {
        let connection = &config.connection;
        let ca_file = connection.tls.ca_file.as_deref();
        let roots = ca_file.and_then(|file| problems.keep(&format!("{path}.tls.ca_file"), read_roots(file)));
        Self {
            name,
            config,
            connection,
            roots: roots.unwrap_or_default(),
            path,
            secret_timeout,
            accounts,
            problems,
        }
    }

    fn transport(&self, limits: &[(&'static str, RateLimit)]) -> Option<Arc<dyn Transport>> {
        let url = self.url("base_url", &self.connection.base_url);
        let (credentials, account) = self.credentials()?;
        let rate_limiter = self
            .accounts
            .rate_limiter(&format!("{} {account}", self.connection.base_url), limits);
        let url = url?;
        let route = route(self.connection, &url);
        let client = PooledClient::new(url, self.roots.clone(), self.connection.connect_timeout).over(route);
        let transport = HttpTransport::new(client, credentials, self.timeouts());
        Some(Arc::new(
            transport.with_rate_limiter(rate_limiter).named(self.name),
        ))
    }

    #[cfg(any(feature = "active-directory", feature = "ldap"))]
    fn ldap_transport(
        &self,
        limits: &[(&'static str, RateLimit)],
    ) -> Option<Arc<repass_transport::ldap::LdapTransport>> {
        use repass_transport::ldap::{LdapCredentials, LdapTransport, NetworkConnector};

        let url = self.problems.keep(&self.key("url"), self.connection.ldap_url());
        let credentials = match &self.connection.auth {
            Auth::Simple(auth) => LdapCredentials::Simple {
                name: auth.bind_dn.clone(),
                password: self.secret("auth.password", &auth.password)?,
            },
            Auth::External => LdapCredentials::External,
            _ => {
                self.problems.add(
                    &self.key("auth"),
                    "must be \"simple\" or \"external\" for a directory",
                );
                return None;
            }
        };
        let account = self.connection.auth.account().unwrap_or_default();
        let rate_limiter = self
            .accounts
            .rate_limiter(&format!("{} {account}", self.connection.base_url), limits);
        let connector = NetworkConnector::new(url?, self.roots.clone(), self.connection.connect_timeout);
        let transport = LdapTransport::new(connector, credentials, self.timeouts());
        Some(Arc::new(
            transport.with_rate_limiter(rate_limiter).named(self.name),
        ))
    }

    // The credentials, and what distinguishes this account from others at the same address.
    fn credentials(&self) -> Option<(Credentials, String)> {
        match &self.connection.auth {
            Auth::Bearer { token } => {
                let secret = self.secret("auth.token", token)?;
                let token = self
                    .problems
                    .keep(&self.key("auth.token"), Token::bearer(&secret))?;
                Some((Credentials::Fixed(token), self.accounts.fingerprint(&secret)))
            }
            #[cfg(feature = "zoom")]
            Auth::ServerToServer(auth) => {
                let url = self.url("auth.token_url", &auth.token_url);
                let secret = self.secret("auth.client_secret", &auth.client_secret)?;
                let basic = Token::basic(&auth.client_id, &secret);
                let basic = self.problems.keep(&self.key("auth.client_secret"), basic)?;
                let endpoint = self.token_endpoint(url?, Credentials::Fixed(basic));
                let credentials = repass_zoom::server_to_server(endpoint, &auth.account_id);
                Some((credentials.redacting(&secret), auth.account_id.clone()))
            }
            #[cfg(any(feature = "http", feature = "identity"))]
            Auth::ClientCredentials(auth) => {
                let url = self.url("auth.token_url", &auth.token_url);
                let secret = self.secret("auth.client_secret", &auth.client_secret)?;
                let endpoint = self.token_endpoint(url?, Credentials::None);
                // The organization is the account, and it is part of the address.
                Some((
                    Self::client_credentials(self.config.kind().name(), endpoint, auth, &secret),
                    String::new(),
                ))
            }
            #[cfg(any(feature = "active-directory", feature = "ldap"))]
            Auth::Simple(_) | Auth::External => {
                let why = "is for directories; this provider is reached over HTTP";
                self.problems.add(&self.key("auth"), why);
                None
            }
            #[cfg(feature = "http")]
            Auth::Header(auth) => {
                let secret = self.secret("auth.token", &auth.token)?;
                let name = repass_transport::HeaderName::try_from(auth.name.as_str()).ok()?;
                let token = Token::in_header(name, &auth.value, &secret);
                let token = self.problems.keep(&self.key("auth.token"), token)?;
                Some((Credentials::Fixed(token), self.accounts.fingerprint(&secret)))
            }
            #[cfg(feature = "http")]
            Auth::Basic(auth) => {
                let secret = self.secret("auth.password", &auth.password)?;
                let token = Token::basic(&auth.username, &secret);
                let token = self.problems.keep(&self.key("auth.password"), token)?;
                Some((Credentials::Fixed(token), auth.username.clone()))
            }
            #[cfg(feature = "http")]
            Auth::Login(auth) => {
                let url = self.url("base_url", &self.connection.base_url);
                let password = self.secret("auth.password", &auth.password)?;
                let settings: &crate::config::HttpSettings = self.config.settings()?;
                let endpoint = self.token_endpoint(url?, Credentials::None);
                let table = settings.table().ok()?;
                let login = repass_http_provider::login(endpoint, table, &auth.username, &password);
                let login = login.ok_or("has a name or password that the table's `login` cannot send");
                let credentials = self.problems.keep(&self.key("auth"), login)?;
                Some((credentials, auth.username.clone()))
            }
            #[cfg(feature = "http")]
            Auth::PrivateKeyJwt(auth) => {
                let url = self.url("auth.token_url", &auth.token_url);
                let key = self.signing_key(&auth.private_key, auth.key_id.as_deref())?;
                let credentials = repass_http_provider::private_key_jwt(
                    self.token_endpoint(url?, Credentials::None),
                    &auth.token_url,
                    &auth.client_id,
                    key,
                    &auth.scope,
                    auth.audience.as_deref(),
                );
                Some((credentials, auth.client_id.clone()))
            }
            #[cfg(feature = "http")]
            Auth::ServiceAccount(auth) => {
                let url = self.url("auth.token_url", &auth.token_url);
                let key = self.signing_key(&auth.private_key, auth.key_id.as_deref())?;
                let credentials = repass_http_provider::service_account(
                    self.token_endpoint(url?, Credentials::None),
                    &auth.token_url,
                    &auth.account,
                    key,
                    &auth.scope,
                    auth.subject.as_deref(),
                );
                Some((credentials, auth.account.clone()))
            }
        }
    }

    #[cfg(feature = "http")]
    fn signing_key(
        &self,
        reference: &SecretRef,
        id: Option<&str>,
    ) -> Option<repass_http_provider::SigningKey> {
        let key = self.key("auth.private_key");
        let pem = reference.fetch_key_within(self.secret_timeout);
        let pem = self.problems.keep_secret(&key, pem)?;
        let read = repass_http_provider::SigningKey::from_pem(&pem);
        Some(self.problems.keep(&key, read)?.named(id))
    }

    #[cfg(any(feature = "http", feature = "identity"))]
    fn client_credentials(
        kind: &str,
        endpoint: Arc<dyn Transport>,
        auth: &crate::config::ClientCredentials,
        secret: &SecretString,
    ) -> Credentials {
        #[cfg(feature = "identity")]
        if kind == "identity" {
            return repass_identity::client_credentials(endpoint, &auth.client_id, secret, &auth.scope);
        }
        #[cfg(not(feature = "identity"))]
        let _ = kind;
        #[cfg(feature = "http")]
        return repass_http_provider::client_credentials(
            endpoint,
            &auth.client_id,
            secret,
            &auth.scope,
            auth.audience.as_deref(),
        );
        #[cfg(not(feature = "http"))]
        repass_identity::client_credentials(endpoint, &auth.client_id, secret, &auth.scope)
    }

    // A new connection for each token: pooled connections keep what was sent over them.
    #[cfg(any(feature = "http", feature = "identity", feature = "zoom"))]
    fn token_endpoint(&self, url: BaseUrl, credentials: Credentials) -> Arc<dyn Transport> {
        let route = route(self.connection, &url);
        let client =
            repass_transport::OneShotClient::new(url, self.roots.clone(), self.connection.connect_timeout);
        Arc::new(HttpTransport::new(client.over(route), credentials, self.timeouts()).named(self.name))
    }

    fn url(&self, key: &str, url: &str) -> Option<BaseUrl> {
        self.problems.keep(&self.key(key), url.parse::<BaseUrl>())
    }

    fn secret(&self, key: &str, reference: &SecretRef) -> Option<SecretString> {
        let secret = reference.fetch_within(self.secret_timeout);
        self.problems.keep_secret(&self.key(key), secret)
    }

    fn timeouts(&self) -> Timeouts {
        Timeouts {
            connect: self.connection.connect_timeout,
            attempt: self.connection.attempt_timeout,
        }
    }

    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }
}

impl Connection {
    /// Creates an HTTP client for one of the provider's addresses, with the certificate authorities, proxy and
    /// connect timeout of this connection. It opens no connection before its first request.
    ///
    /// # Errors
    /// The file of certificate authorities cannot be used: what is wrong with it.
    pub fn http_client(&self, url: BaseUrl) -> Result<PooledClient, String> {
        let roots = self.tls.ca_file.as_deref().map(read_roots).transpose()?;
        let route = route(self, &url);
        Ok(PooledClient::new(url, roots.unwrap_or_default(), self.connect_timeout).over(route))
    }

    /// Creates the LDAP connector with which the provider's services connect to the directory at this address.
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// Why there is no such connector: the address is not one of a directory, or `tls.ca_file` cannot be read.
    #[cfg(any(feature = "active-directory", feature = "ldap"))]
    pub fn ldap_connector(&self) -> Result<repass_transport::ldap::NetworkConnector, String> {
        let roots = self.tls.ca_file.as_deref().map(read_roots).transpose()?;
        let url = self.ldap_url().map_err(|why| why.to_string())?;
        let roots = roots.unwrap_or_default();
        Ok(repass_transport::ldap::NetworkConnector::new(
            url,
            roots,
            self.connect_timeout,
        ))
    }
}

/// The route to one of a provider's URLs. The variables that name a proxy are not applied, because their author would see
/// where requests go; a hint in the errors says so.
pub(super) fn route(connection: &Connection, url: &BaseUrl) -> Route {
    const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    if let Some(proxy) = &connection.proxy {
        // An invalid proxy is reported by the check of the configuration.
        return proxy.parse().map(Route::by).unwrap_or_default();
    }
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match VARIABLES.into_iter().find(is_set).filter(|_| url.is_https()) {
        Some(name) => Route::default().hinting(format!(
            "{name} is set, and repass does not use it: set `proxy` of this provider if it is reached by a proxy"
        )),
        None => Route::default(),
    }
}

/// Reads a file of certificate authorities to trust.
pub(super) fn read_roots(file: &Path) -> Result<TrustedRoots, String> {
    let shown = file.display();
    let mut pem = Vec::new();
    let opened = open_trusted(file).and_then(|mut open| open.read_to_end(&mut pem).map_err(OpenError::Io));
    opened.map_err(|refused| match refused {
        OpenError::Io(error) => format!("cannot read {shown}: {error}"),
        OpenError::Unsuitable(why) => format!("{shown} {why}"),
    })?;
    let roots = TrustedRoots::default().with_pem(&pem);
    roots.map_err(|invalid| format!("{shown} {invalid}"))
}
