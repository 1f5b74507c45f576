//! From a stack's error to what a person can act on. Foreign errors end here.

use std::error::Error as StdError;
use std::io;

use crate::tls::NoAuthorities;
use crate::{Cause, Failure};

/// What a stack's error says about itself.
pub(super) struct Signs {
    /// It failed while connecting. Asked before `timed_out`: connecting that takes too long is both.
    pub(super) connecting: bool,
    /// Time ran out.
    pub(super) timed_out: bool,
    /// Nothing can have been acted on, whatever the error is.
    pub(super) unsent: bool,
}

pub(super) fn failure(host: &str, error: &(dyn StdError + 'static), signs: &Signs) -> Failure {
    let (cause, message) = describe(host, error, signs);
    if signs.connecting || signs.unsent {
        Failure::not_sent(cause, message)
    } else {
        Failure::lost(cause, message)
    }
}

fn describe(host: &str, error: &(dyn StdError + 'static), signs: &Signs) -> (Cause, String) {
    let before = signs.connecting || signs.unsent;
    if let Some(tls) = find::<rustls::Error>(error).filter(|_| before) {
        let why = explain_tls(tls);
        return (Cause::Tls, format!("no trusted connection to {host}: {why}"));
    }
    if signs.connecting {
        let why = match find::<io::Error>(error).map(io::Error::kind) {
            _ if signs.timed_out => "no answer in time",
            Some(io::ErrorKind::ConnectionRefused) => "connection refused",
            Some(io::ErrorKind::TimedOut) => "no answer in time",
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
    let cause = if signs.unsent {
        Cause::Unreachable
    } else {
        Cause::ConnectionLost
    };
    (cause, format!("the connection to {host} broke before its answer"))
}

/// Time ran out, and there is no error to look at.
pub(super) fn out_of_time(host: &str, unsent: bool) -> Failure {
    let (cause, message) = late(host, unsent);
    if unsent {
        Failure::not_sent(cause, message)
    } else {
        Failure::lost(cause, message)
    }
}

fn late(host: &str, unsent: bool) -> (Cause, String) {
    if unsent {
        (
            Cause::Unreachable,
            format!("cannot connect to {host}: no answer in time"),
        )
    } else {
        (Cause::TimedOut, format!("{host} did not answer in time"))
    }
}

fn find<'e, E: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e E> {
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

fn explain_tls(error: &rustls::Error) -> &'static str {
    use rustls::{CertificateError as Bad, Error};
    match error {
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
        Error::InvalidCertificate(_) => "its certificate is not valid",
        Error::InvalidMessage(_) => "it does not speak TLS; check the port in the base URL",
        _ => "the TLS handshake failed",
    }
}
