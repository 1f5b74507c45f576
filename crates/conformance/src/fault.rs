//! What can go wrong between a service and its provider.

use std::fmt;

/// Whether a fault strikes before or after the provider makes the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Timing {
    /// The fault strikes before the change: the provider never sees the request.
    BeforeApply,
    /// The fault strikes after the change: the provider has done what was requested.
    AfterApply,
}

/// How a fault ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// The connection is closed in order (TCP FIN).
    Fin,
    /// The connection is reset (TCP RST).
    Rst,
    /// The connection stays open, and nothing more comes.
    Silence,
}

/// How much of a request is read before its connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestPart {
    /// The request's head is read.
    Head,
    /// The request's head and a piece of its body are read.
    PartOfBody,
}

/// How much of a response is sent before its connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResponsePart {
    /// Nothing of the response is sent.
    Nothing,
    /// Half of the response's status line is sent.
    PartOfStatusLine,
    /// The response's head is sent.
    Head,
    /// The response's head and half of its body are sent.
    PartOfBody,
}

/// How a rate limit response says when to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Delay {
    /// The response does not say when to come back.
    Unsaid,
    /// `Retry-After` says when to come back, in seconds.
    Seconds,
    /// `Retry-After` says when to come back, as an HTTP date.
    HttpDate,
    /// `Retry-After` says when to come back, as an ISO 8601 instant.
    Instant,
    /// `X-RateLimit-Reset` says it in Unix seconds.
    Reset,
}

/// The format of a gateway's own response, which no provider writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// A web page, as a gateway or proxy shows it.
    Page,
    /// An XML document.
    Xml,
    /// The error object of an API gateway, which quotes the password.
    Object,
    /// A problem document (RFC 9457) that is not the provider's.
    Problem,
    /// Plain text that quotes the password.
    Text,
}

impl Format {
    /// The media type of this format.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Page => "text/html",
            Self::Xml => "application/xml",
            Self::Object => "application/json",
            Self::Problem => "application/problem+json",
            Self::Text => "text/plain",
        }
    }

    /// An example body in this format, in which `%PASSWORD%` stands for the new password.
    pub const fn body(self) -> &'static str {
        match self {
            Self::Page => {
                "<!DOCTYPE html><html><title>Request Rejected</title><body>Your support ID is 4711.</body></html>"
            }
            Self::Xml => {
                "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
            }
            Self::Object => r#"{"message":"blocked by policy: %PASSWORD%","request_id":"0a1b2c"}"#,
            Self::Problem => {
                r#"{"type":"https://errors.gateway.example/blocked","title":"Blocked by policy","detail":"rule 4711"}"#
            }
            Self::Text => "upstream says no to %PASSWORD%",
        }
    }
}

/// A fault that strikes once, at the next request that changes the password. Where a delay is reported, it is longer
/// than any budget, such as an hour.
///
/// Most faults are there on both sides of the change, because a service cannot tell which it is. A plain
/// refusal is there before the change only: afterwards it would be a lie, and no one can see through that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing goes wrong.
    None,
    /// Connections to the provider are refused.
    Refused,
    /// The next connection is closed as soon as it is accepted.
    ClosedOnAccept,
    /// The connection ends while the server reads the request.
    RequestCut(RequestPart, Ending),
    /// The connection ends before the whole response is sent.
    ResponseCut(Timing, ResponsePart, Ending),
    /// The response is this error status, and says no more.
    Fails(Timing, u16),
    /// The response's status is 503.
    Unavailable(Timing, Delay),
    /// The gateway responds with 429, too many requests.
    RateLimited(Delay),
    /// The gateway responds that the token has expired; it would take another one.
    TokenExpired,
    /// The response is a redirect, 307, to another origin.
    Redirected,
    /// The response is a redirect, 303, to another origin.
    SeeOther(Timing),
    /// The response is 202: the request was accepted, which is not to say that it was carried out.
    Accepted(Timing),
    /// A gateway responds in the provider's place, in a format that is not the provider's, with this status. Under 404
    /// before the change only: HTTP defines it as not processed.
    Foreign(Timing, Format, u16),
    /// A gateway sends the request twice on its own, and gives the second response. It says so in
    /// `x-envoy-attempt-count`. Without that no one could know.
    SentTwice,
    /// The server wants a client certificate, and ends the TLS connection without one.
    CertificateWanted,
    /// The response is sent slowly, but in time.
    Slow,
    /// The response is sent so slowly that it does not end in time.
    TooSlow(Timing),
    /// The response is a success with a body of some megabytes.
    Oversized(Timing),
    /// The response is a success with a body that cannot be read.
    Garbled(Timing),
    /// The provider refuses the change inside a response whose status is a success.
    RefusedWithin,
    /// The provider refuses the change, and quotes the password.
    Echoed,
}

use Fault::{
    Accepted, Fails, Foreign, Garbled, Oversized, RateLimited, RequestCut, ResponseCut, SeeOther, TooSlow,
    Unavailable,
};
use Timing::{AfterApply, BeforeApply};

impl Fault {
    /// Every fault, in each of its forms.
    pub const ALL: &'static [Self] = &[
        Self::None,
        Self::Refused,
        Self::ClosedOnAccept,
        RequestCut(RequestPart::Head, Ending::Fin),
        RequestCut(RequestPart::Head, Ending::Rst),
        RequestCut(RequestPart::Head, Ending::Silence),
        RequestCut(RequestPart::PartOfBody, Ending::Fin),
        RequestCut(RequestPart::PartOfBody, Ending::Rst),
        RequestCut(RequestPart::PartOfBody, Ending::Silence),
        ResponseCut(BeforeApply, ResponsePart::Nothing, Ending::Fin),
        ResponseCut(AfterApply, ResponsePart::Nothing, Ending::Fin),
        ResponseCut(BeforeApply, ResponsePart::Nothing, Ending::Rst),
        ResponseCut(AfterApply, ResponsePart::Nothing, Ending::Rst),
        ResponseCut(BeforeApply, ResponsePart::Nothing, Ending::Silence),
        ResponseCut(AfterApply, ResponsePart::Nothing, Ending::Silence),
        ResponseCut(BeforeApply, ResponsePart::PartOfStatusLine, Ending::Fin),
        ResponseCut(AfterApply, ResponsePart::PartOfStatusLine, Ending::Fin),
        ResponseCut(BeforeApply, ResponsePart::Head, Ending::Fin),
        ResponseCut(AfterApply, ResponsePart::Head, Ending::Fin),
        ResponseCut(BeforeApply, ResponsePart::PartOfBody, Ending::Fin),
        ResponseCut(AfterApply, ResponsePart::PartOfBody, Ending::Fin),
        ResponseCut(AfterApply, ResponsePart::PartOfBody, Ending::Rst),
        Fails(BeforeApply, 408),
        Fails(AfterApply, 408),
        Fails(BeforeApply, 500),
        Fails(AfterApply, 500),
        Fails(BeforeApply, 502),
        Fails(AfterApply, 502),
        Fails(BeforeApply, 504),
        Fails(AfterApply, 504),
        Unavailable(BeforeApply, Delay::Unsaid),
        Unavailable(AfterApply, Delay::Unsaid),
        Unavailable(BeforeApply, Delay::Seconds),
        Unavailable(AfterApply, Delay::Seconds),
        RateLimited(Delay::Unsaid),
        RateLimited(Delay::Seconds),
        RateLimited(Delay::HttpDate),
        RateLimited(Delay::Instant),
        RateLimited(Delay::Reset),
        Self::TokenExpired,
        Self::Redirected,
        SeeOther(BeforeApply),
        SeeOther(AfterApply),
        Accepted(BeforeApply),
        Accepted(AfterApply),
        Foreign(BeforeApply, Format::Page, 200),
        Foreign(AfterApply, Format::Page, 200),
        Foreign(BeforeApply, Format::Page, 401),
        Foreign(AfterApply, Format::Page, 403),
        Foreign(BeforeApply, Format::Page, 404),
        Foreign(BeforeApply, Format::Xml, 200),
        Foreign(AfterApply, Format::Xml, 400),
        Foreign(BeforeApply, Format::Xml, 403),
        Foreign(BeforeApply, Format::Object, 400),
        Foreign(AfterApply, Format::Object, 400),
        Foreign(BeforeApply, Format::Object, 403),
        Foreign(BeforeApply, Format::Object, 404),
        Foreign(AfterApply, Format::Object, 409),
        Foreign(BeforeApply, Format::Object, 422),
        Foreign(BeforeApply, Format::Problem, 200),
        Foreign(AfterApply, Format::Problem, 400),
        Foreign(BeforeApply, Format::Problem, 403),
        Foreign(AfterApply, Format::Problem, 409),
        Foreign(BeforeApply, Format::Problem, 422),
        Foreign(BeforeApply, Format::Text, 400),
        Foreign(AfterApply, Format::Text, 403),
        Foreign(BeforeApply, Format::Text, 409),
        Self::SentTwice,
        Self::CertificateWanted,
        Self::Slow,
        TooSlow(BeforeApply),
        TooSlow(AfterApply),
        Oversized(BeforeApply),
        Oversized(AfterApply),
        Garbled(BeforeApply),
        Garbled(AfterApply),
        Self::RefusedWithin,
        Self::Echoed,
    ];

    /// Whether even a careful service may not know the outcome under this fault. Otherwise it must know the outcome.
    pub const fn can_leave_doubt(self) -> bool {
        match self {
            Self::None
            | Self::Refused
            | RateLimited(_)
            | Self::TokenExpired
            | Self::Redirected
            | Foreign(_, _, 404)
            | Self::CertificateWanted
            | Self::Slow
            | Self::RefusedWithin
            | Self::Echoed => false,
            // What is closed on accept may have been written to before that is noticed.
            Self::ClosedOnAccept
            | RequestCut(..)
            | ResponseCut(..)
            | Fails(..)
            | Unavailable(..)
            | TooSlow(_)
            | Oversized(_)
            | Garbled(_)
            | SeeOther(_)
            | Accepted(_)
            | Foreign(..)
            | Self::SentTwice => true,
        }
    }

    /// Whether the fault's response proves nothing, so that the outcome is unknown on either side of the change.
    pub const fn proves_nothing(self) -> bool {
        self.can_leave_doubt() && matches!(self, SeeOther(_) | Accepted(_) | Foreign(..))
    }

    /// How often the provider gets a request that the service sends once.
    pub(crate) const fn deliveries(self) -> u64 {
        match self {
            Self::SentTwice => 2,
            _ => 1,
        }
    }

    /// Whether under this fault the provider had the whole request and did not refuse it, so that it must not be sent
    /// again.
    pub const fn follows_a_whole_request(self) -> bool {
        matches!(
            self,
            ResponseCut(..)
                | Fails(..)
                | Unavailable(..)
                | TooSlow(_)
                | Oversized(_)
                | Garbled(_)
                | SeeOther(_)
                | Accepted(_)
                | Foreign(..)
                | Self::SentTwice
        )
    }

    /// Whether the fault lasts as long as the call's budget.
    pub const fn is_endless(self) -> bool {
        matches!(
            self,
            RequestCut(_, Ending::Silence) | ResponseCut(_, _, Ending::Silence) | TooSlow(_)
        )
    }
}

impl fmt::Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BeforeApply => "unseen",
            Self::AfterApply => "applied",
        })
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fin => "FIN",
            Self::Rst => "RST",
            Self::Silence => "silence",
        })
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsaid => "no delay",
            Self::Seconds => "a delay in seconds",
            Self::HttpDate => "an HTTP date",
            Self::Instant => "an ISO instant",
            Self::Reset => "an X-RateLimit-Reset",
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Page => "a web page",
            Self::Xml => "XML",
            Self::Object => "an API gateway's JSON",
            Self::Problem => "a foreign problem document",
            Self::Text => "plain text",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Refused => f.write_str("connection refused"),
            Self::ClosedOnAccept => f.write_str("connection closed when accepted"),
            RequestCut(RequestPart::Head, ending) => write!(f, "{ending} after the request's head"),
            RequestCut(RequestPart::PartOfBody, ending) => write!(f, "{ending} in the request's body"),
            ResponseCut(when, ResponsePart::Nothing, ending) => write!(f, "{when}, {ending} for an answer"),
            ResponseCut(when, ResponsePart::PartOfStatusLine, ending) => {
                write!(f, "{when}, {ending} in the status line")
            }
            ResponseCut(when, ResponsePart::Head, ending) => write!(f, "{when}, {ending} after the head"),
            ResponseCut(when, ResponsePart::PartOfBody, ending) => write!(f, "{when}, {ending} in the body"),
            Fails(when, status) => write!(f, "{when}, {status}"),
            Unavailable(when, delay) => write!(f, "{when}, 503 with {delay}"),
            RateLimited(delay) => write!(f, "429 with {delay}"),
            Self::TokenExpired => f.write_str("401, the token has expired"),
            Self::Redirected => f.write_str("307 to another origin"),
            SeeOther(when) => write!(f, "{when}, 303 to another origin"),
            Accepted(when) => write!(f, "{when}, 202"),
            Foreign(when, format, status) => write!(f, "{when}, {status} with {format}"),
            Self::SentTwice => f.write_str("sent twice by a gateway"),
            Self::CertificateWanted => f.write_str("a client certificate is wanted"),
            Self::Slow => f.write_str("applied, answer in drips"),
            TooSlow(when) => write!(f, "{when}, answer in drips for too long"),
            Oversized(when) => write!(f, "{when}, 200 with megabytes"),
            Garbled(when) => write!(f, "{when}, 200 with invalid JSON"),
            Self::RefusedWithin => f.write_str("200 with an error in it"),
            Self::Echoed => f.write_str("a refusal that quotes the password"),
        }
    }
}
