//! Checks the connection to the configured addresses and their certificates.

use repass_provider::Wire;
use repass_transport::ldap::LdapConnector as _;
use repass_transport::{BaseUrl, Cause, HttpClient as _, Idempotency, Instant, Method, Request};

use super::Check;
use crate::exit::Exit;
use crate::global_options::GlobalOptions;
use repass::config::{Auth, Connection, ProviderConfig};

/// Sends one request to each host; any response shows that the host is reachable.
pub(super) async fn checks(key: &str, provider: &ProviderConfig, global: &GlobalOptions) -> Vec<Check> {
    if matches!(provider.kind().wire(), Wire::Ldap(_)) {
        return vec![directory(key, &provider.connection, global).await];
    }
    let mut checks = Vec::new();
    for url in urls(&provider.connection) {
        checks.push(check(key, &provider.connection, &url, global).await);
    }
    checks
}

fn urls(connection: &Connection) -> Vec<BaseUrl> {
    let token_url = match &connection.auth {
        Auth::ServerToServer(auth) => Some(&auth.token_url),
        Auth::ClientCredentials(auth) => Some(&auth.token_url),
        _ => None,
    };
    let mut urls: Vec<BaseUrl> = Vec::new();
    for url in [Some(&connection.base_url), token_url].into_iter().flatten() {
        if let Ok(url) = url.parse::<BaseUrl>()
            && urls.iter().all(|known| known.host() != url.host())
        {
            urls.push(url);
        }
    }
    urls
}

/// Connects to a directory, with TLS where it has TLS.
async fn directory(key: &str, connection: &Connection, global: &GlobalOptions) -> Check {
    let connector = match connection.ldap_connector() {
        Ok(connector) => connector,
        Err(message) => {
            let fix = format!("fix `{key}.url` or `{key}.tls.ca_file`");
            return Check::failed("connection", Exit::Usage, message, fix);
        }
    };
    let limit = global.call_context().budget().min(connection.attempt_timeout);
    let failure = match connector.connect(Instant::now() + limit).await {
        Ok(link) => {
            return Check::passed(
                "connection",
                format!("{} answers at {}", connector.host(), link.server),
            );
        }
        Err(failure) => failure,
    };
    let message = failure.to_string();
    let (exit, fix) = match failure.cause() {
        Cause::Tls if message.contains("certificate") => (
            Exit::Usage,
            format!(
                "fix the server's certificate, which must name the host in `{key}.url`; or, if you run your own \
                 authority, set `{key}.tls.ca_file` to its certificate. Verification cannot be disabled"
            ),
        ),
        Cause::Tls | Cause::UnreadableAnswer => (
            Exit::Usage,
            format!(
                "check scheme and port in `{key}.url`: ldaps is usually at 636, ldap with StartTLS at 389"
            ),
        ),
        _ => (
            Exit::Unavailable,
            format!(
                "check host and port in `{key}.url`, that the server is up, and that no firewall blocks the connection"
            ),
        ),
    };
    Check::failed("connection", exit, message, fix)
}

async fn check(key: &str, connection: &Connection, url: &BaseUrl, global: &GlobalOptions) -> Check {
    let client = match connection.http_client(url.clone()) {
        Ok(client) => client,
        Err(message) => {
            let fix = format!("fix `{key}.tls.ca_file`");
            return Check::failed("connection", Exit::Usage, message, fix);
        }
    };
    let request = Request::new("doctor.connection", Method::GET, Idempotency::Idempotent);
    let limit = global.call_context().budget().min(connection.attempt_timeout);
    let Err(failure) = client.attempt(&request, None, limit).await else {
        let how = if url.is_https() {
            "answers, and its certificate is trusted"
        } else {
            "answers, unencrypted on this machine"
        };
        return Check::passed("connection", format!("{} {how}", url.host()));
    };
    let message = failure.to_string();
    let (exit, fix) = match failure.cause() {
        Cause::Tls if message.contains("client certificate") => (
            Exit::Usage,
            format!(
                "set `{key}.base_url` (or `auth.token_url`) to an address that does not require a client certificate"
            ),
        ),
        Cause::UnreadableAnswer => (
            Exit::Unavailable,
            format!(
                "check the port in `{key}.base_url` (and `auth.token_url`), and any proxy or firewall in between: \
                 the response is not valid HTTP"
            ),
        ),
        Cause::Tls if message.contains("certificate") => (
            Exit::Usage,
            format!(
                "fix the server's certificate; or, if you run your own authority, set `{key}.tls.ca_file` to its \
                 certificate. Verification cannot be disabled"
            ),
        ),
        Cause::Tls => (
            Exit::Usage,
            format!(
                "check the port in `{key}.base_url` (and `auth.token_url`): it must be an HTTPS port, usually 443"
            ),
        ),
        Cause::Misconfigured => (Exit::Usage, format!("check `{key}.proxy`")),
        _ => (
            Exit::Unavailable,
            format!(
                "check host and port in `{key}.base_url` (and `auth.token_url`), that the provider is up, and \
                 that no firewall blocks the connection"
            ),
        ),
    };
    Check::failed("connection", exit, message, fix)
}
