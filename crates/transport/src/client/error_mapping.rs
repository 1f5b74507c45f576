//! From a stack's error to what a person can act on. Foreign errors end here.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::io;

use rustls::AlertDescription as Alert;

use super::route::Route;
use crate::tls::NoAuthorities;
use crate::{Cause, TransportError};

/// What a stack's error says about itself.
pub(crate) struct Signs {
    /// It failed while connecting. Asked before `timed_out`: connecting that takes too long is both.
    pub(crate) connecting: bool,
    /// Time ran out.
    pub(crate) timed_out: bool,
    /// Nothing can have been acted on, whatever the error is.
    pub(crate) unsent: bool,
}

/// Of everything before a request.
pub(crate) const CONNECTING: Signs = Signs {
    connecting: true,
    timed_out: false,
    unsent: true,
};

pub(crate) fn failure(host: &str, error: &(dyn StdError + 'static), signs: &Signs) -> TransportError {
    let (cause, message) = describe(host, error, signs);
    if signs.connecting || signs.unsent {
        TransportError::not_sent(cause, message)
    } else {
        TransportError::lost(cause, message)
    }
}

fn describe(host: &str, error: &(dyn StdError + 'static), signs: &Signs) -> (Cause, String) {
    let before = signs.connecting || signs.unsent;
    let refused = |error: &rustls::Error| matches!(error, rustls::Error::AlertReceived(alert) if refuses_the_client(*alert));
    if let Some(tls) = find::<rustls::Error>(error).filter(|tls| before || refused(tls)) {
        let why = explain_tls(tls);
        return (Cause::Tls, format!("no trusted connection to {host}: {why}"));
    }
    if signs.connecting {
        let why = match find::<io::Error>(error).map(io::Error::kind) {
            _ if signs.timed_out => "no response in time",
            Some(io::ErrorKind::ConnectionRefused) => "connection refused",
            Some(io::ErrorKind::TimedOut) => "no response in time",
            Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => "no route to it",
            Some(io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof) => {
                "it closed the connection while connecting"
            }
            _ if out_of_descriptors(error) => {
                "this process has too many files open; raise its limit, or lower `max_in_flight`"
            }
            _ => "its name was not found or the connection failed",
        };
        return (Cause::Unreachable, format!("cannot connect to {host}: {why}"));
    }
    if signs.timed_out {
        return late(host, signs.unsent);
    }
    if find::<hyper::Error>(error).is_some_and(hyper::Error::is_parse) {
        let message = format!("{host} answered, but its answer is not readable HTTP");
        return (Cause::UnreadableAnswer, message);
    }
    let cause = if signs.unsent {
        Cause::Unreachable
    } else {
        Cause::ConnectionLost
    };
    (
        cause,
        format!("the connection to {host} broke before its response"),
    )
}

/// The same failure to connect, where it may be the route's: by a proxy that stands in the way, or without one
/// that is needed.
pub(super) fn on_the_way(
    failure: TransportError,
    route: &Route,
    host: &str,
    error: Option<&(dyn StdError + 'static)>,
) -> TransportError {
    if failure.cause() != Cause::Unreachable {
        return failure;
    }
    let Some(proxy) = &route.proxy else {
        return match &route.hint {
            Some(hint) => TransportError::not_sent(Cause::Unreachable, format!("{failure}; {hint}")),
            None => failure,
        };
    };
    let proxy = proxy.host();
    let said = error.and_then(tunnel_error).unwrap_or_default();
    let (cause, message) = match said.as_str() {
        "proxy authorization required" => (
            Cause::Misconfigured,
            format!(
                "the proxy {proxy} asks for credentials, which repass does not send; have it let this machine through to \
                 {host}"
            ),
        ),
        "unsuccessful" => (
            Cause::Unreachable,
            format!("the proxy {proxy} refuses to connect to {host}, or cannot"),
        ),
        "failed to create underlying connection" => (
            Cause::Unreachable,
            failure
                .to_string()
                .replacen(host, &format!("the proxy {proxy}"), 1),
        ),
        "" => (Cause::Unreachable, format!("{failure}, by the proxy {proxy}")),
        _ => (
            Cause::Unreachable,
            format!("the proxy {proxy} does not answer as a proxy does; check `proxy`"),
        ),
    };
    TransportError::not_sent(cause, message)
}

// What hyper-util says of a tunnel; the type of its error is not public.
fn tunnel_error(error: &(dyn StdError + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(said) = error.to_string().strip_prefix("tunnel error: ") {
            return Some(said.to_owned());
        }
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// The peer ended the TLS handshake for this client's sake, so it has read nothing.
pub(super) fn client_refused(host: &str, alert: Alert) -> TransportError {
    let why = explain_tls(&rustls::Error::AlertReceived(alert));
    TransportError::not_sent(Cause::Tls, format!("no trusted connection to {host}: {why}"))
}

/// Whether this alert is a server's judgement on the client that it shakes hands with. Each of these has no
/// other meaning in RFC 8446, section 6.2: what concerns records or messages is not among them, because it can
/// come after a request was read.
pub(super) fn refuses_the_client(alert: Alert) -> bool {
    matches!(
        alert,
        Alert::CertificateRequired
            | Alert::NoCertificate
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::HandshakeFailure
            | Alert::InsufficientSecurity
    )
}

/// Time ran out, and there is no error to look at.
pub(crate) fn out_of_time(host: &str, unsent: bool) -> TransportError {
    let (cause, message) = late(host, unsent);
    if unsent {
        TransportError::not_sent(cause, message)
    } else {
        TransportError::lost(cause, message)
    }
}

fn late(host: &str, unsent: bool) -> (Cause, String) {
    if unsent {
        (
            Cause::Unreachable,
            format!("cannot connect to {host}: no response in time"),
        )
    } else {
        (Cause::TimedOut, format!("{host} did not answer in time"))
    }
}

pub(super) fn find<'e, E: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // An io::Error's source skips the error that it wraps.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

fn out_of_descriptors(error: &(dyn StdError + 'static)) -> bool {
    // EMFILE and ENFILE; a connection takes two.
    cfg!(unix)
        && matches!(
            find::<io::Error>(error).and_then(io::Error::raw_os_error),
            Some(23 | 24)
        )
}

fn explain_tls(error: &rustls::Error) -> Cow<'static, str> {
    use rustls::{CertificateError as Bad, Error, PeerIncompatible as Peer};
    let why = match error {
        Error::InvalidCertificate(Bad::UnknownIssuer) => {
            "its certificate is signed by an unknown authority; if it is yours, set `tls.ca_file`"
        }
        Error::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. }) => {
            "its certificate has expired; renew it there"
        }
        Error::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => {
            "its certificate is for another name; check the base URL"
        }
        Error::InvalidCertificate(Bad::Other(why)) if why.0.is::<NoAuthorities>() => {
            "this system has no certificate authorities; install its CA certificates or set `tls.ca_file`"
        }
        // rustls has no name of its own for webpki's.
        Error::InvalidCertificate(Bad::Other(why)) if format!("{why:?}").contains("CaUsedAsEndEntity") => {
            "its certificate is an authority's (CA:TRUE) used as the server's; issue a server certificate by that \
             authority, and keep the authority's in `tls.ca_file`"
        }
        Error::InvalidCertificate(Bad::NotValidYet | Bad::NotValidYetContext { .. }) => {
            "its certificate is not valid yet; check the clocks there and here"
        }
        Error::InvalidCertificate(Bad::Revoked) => "its certificate has been revoked; replace it there",
        Error::InvalidCertificate(_) => "its certificate is not valid",
        Error::InvalidMessage(_) => "it does not speak TLS; check the port in the base URL",
        Error::AlertReceived(Alert::ProtocolVersion)
        | Error::PeerIncompatible(
            Peer::ServerDoesNotSupportTls12Or13 | Peer::ServerTlsVersionIsDisabledByOurConfig,
        ) => "it speaks TLS 1.1 or older only; enable TLS 1.2 or 1.3 there",
        Error::AlertReceived(Alert::HandshakeFailure | Alert::InsufficientSecurity) => {
            "it refuses the TLS handshake: it asks for a client certificate, and repass has none, or it has no cipher \
             suite in common with it"
        }
        Error::AlertReceived(alert) if refuses_the_client(*alert) => {
            "the provider asks for a client certificate; repass has none"
        }
        Error::AlertReceived(Alert::UnrecognisedName) => {
            "it does not know this host name; check the base URL"
        }
        Error::AlertReceived(alert) => {
            return format!("it ended the TLS handshake with the alert {alert:?}").into();
        }
        Error::PeerIncompatible(_) => {
            "it has no cipher suite or key exchange in common with repass; enable those of TLS 1.2 or 1.3 there"
        }
        _ => "the TLS handshake failed",
    };
    why.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_alert_about_the_client_is_explained_after_the_handshake() {
        let signs = Signs {
            connecting: false,
            timed_out: false,
            unsent: false,
        };
        let after = |alert| io::Error::new(io::ErrorKind::InvalidData, rustls::Error::AlertReceived(alert));
        let refused = failure("id.example.com", &after(Alert::UnknownCA), &signs);
        assert_eq!(refused.cause(), Cause::Tls);
        assert!(refused.to_string().contains("client certificate"), "{refused}");
        let broken = failure("id.example.com", &after(Alert::InternalError), &signs);
        assert_eq!(broken.cause(), Cause::ConnectionLost);
        // That alone says nothing about what was sent.
        assert!(
            [refused, broken]
                .iter()
                .all(|it| it.acted() == crate::SideEffect::Possible)
        );
    }

    #[test]
    fn tls_alert_about_the_client_proves_that_nothing_was_read() {
        for alert in [40, 41, 42, 43, 44, 45, 46, 48, 49, 71, 116] {
            let alert = Alert::from(alert);
            assert!(refuses_the_client(alert), "{alert:?}");
            let failure = client_refused("id.example.com", alert);
            assert_eq!(
                (failure.acted(), failure.cause()),
                (crate::SideEffect::None, Cause::Tls)
            );
            assert!(failure.to_string().contains("client certificate"), "{failure}");
        }
        // These can concern a record or a message after the handshake.
        for alert in [
            0, 10, 20, 22, 47, 50, 51, 70, 80, 86, 90, 109, 110, 112, 115, 120, 255,
        ] {
            assert!(!refuses_the_client(Alert::from(alert)), "{alert}");
        }
    }
}
