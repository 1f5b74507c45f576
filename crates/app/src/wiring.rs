//! One provider's configuration, wired: secrets and certificates, then a transport, then its adapter.

use std::sync::Arc;

use repass_domain::PasswordService;
use repass_transport::{BaseUrl, HttpTransport, HttpWire, Timeouts, Transport, TrustedRoots};

use crate::config::{Auth, Connection, Problems, ProviderConfig};

/// A service under its configured name; `None` with a problem noted for each reason.
pub(crate) fn service(
    name: &str,
    provider: &ProviderConfig,
    problems: &Problems,
) -> Option<Arc<dyn PasswordService>> {
    let transport = transport(provider.connection(), &format!("providers.{name}"), problems)?;
    Some(match provider {
        #[cfg(feature = "zoom")]
        ProviderConfig::Zoom(zoom) => Arc::new(repass_zoom::ZoomService::new(name, zoom.zoom, transport)),
        #[cfg(feature = "identity")]
        ProviderConfig::Identity(portal) => Arc::new(repass_identity::IdentityService::new(
            name,
            portal.identity,
            transport,
        )),
    })
}

fn transport(connection: &Connection, path: &str, problems: &Problems) -> Option<Arc<dyn Transport>> {
    let roots = roots(connection, path, problems);
    let base_url = problems.keep(
        &format!("{path}.base_url"),
        connection.base_url.parse::<BaseUrl>(),
    );
    let token_key = format!("{path}.auth.token");
    let token = match &connection.auth {
        Auth::Bearer { token } => problems.keep(&token_key, token.resolve()),
        Auth::ServerToServer(_) | Auth::ClientCredentials(_) => {
            problems.add(
                &format!("{path}.auth.kind"),
                "this version can only use \"bearer\"",
            );
            None
        }
    };
    let (base_url, token) = (base_url?, token?);
    let timeouts = Timeouts {
        connect: connection.connect_timeout,
        attempt: connection.attempt_timeout,
    };
    let wire = HttpWire::new(base_url, roots, timeouts.connect);
    let transport = problems.keep(&token_key, HttpTransport::with_bearer(wire, &token, timeouts))?;
    Some(Arc::new(transport))
}

fn roots(connection: &Connection, path: &str, problems: &Problems) -> TrustedRoots {
    let Some(file) = &connection.tls.ca_file else {
        return TrustedRoots::default();
    };
    let shown = file.display();
    let roots = std::fs::read(file)
        .map_err(|error| format!("cannot read {shown}: {error}"))
        .and_then(|pem| {
            let roots = TrustedRoots::default().with_pem(&pem);
            roots.map_err(|invalid| format!("{shown} {invalid}"))
        });
    problems
        .keep(&format!("{path}.tls.ca_file"), roots)
        .unwrap_or_default()
}
