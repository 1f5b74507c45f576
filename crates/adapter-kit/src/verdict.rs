//! One row of a provider's error table.

use repass_domain::{ErrorKind, FieldProblem, Rule};
use repass_transport::{Answer, Observed, StatusCode};

/// What one answer means: what was observed, and, unless the provider did it, why it did not.
/// Texts of the provider are kept raw here; a [`Reader`](crate::Reader) scrubs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The row of the delivery table: decides the effect, and whether it is sent again.
    pub observed: Observed,
    /// The kind of failure; means nothing when `observed` is [`Observed::Done`].
    pub kind: ErrorKind,
    /// What a person can do about it, in place of the kind's general sentence.
    pub advice: Option<&'static str>,
    /// The rules that the new password breaks, with [`ErrorKind::PasswordRefused`].
    pub rules: Vec<Rule>,
    /// What is wrong with the fields of a profile, with [`ErrorKind::InvalidRequest`].
    pub fields: Vec<FieldProblem>,
    /// The provider's own code.
    pub code: Option<String>,
    /// The provider's own words.
    pub message: Option<String>,
}

impl Verdict {
    /// The provider did it.
    pub fn done() -> Self {
        Self::new(Observed::Done, ErrorKind::Internal)
    }

    /// The provider said no, for this reason.
    pub fn refused(kind: ErrorKind) -> Self {
        Self::new(Observed::Refused, kind)
    }

    /// The provider said no, because the new password breaks a rule.
    pub fn breaks(rule: Rule) -> Self {
        Self {
            rules: vec![rule],
            ..Self::refused(ErrorKind::PasswordRefused)
        }
    }

    /// The provider said no, because these fields of a profile are wrong.
    pub fn invalid(fields: Vec<FieldProblem>) -> Self {
        Self {
            fields,
            ..Self::refused(ErrorKind::InvalidRequest)
        }
    }

    /// A row without texts.
    pub fn new(observed: Observed, kind: ErrorKind) -> Self {
        Self {
            observed,
            kind,
            advice: None,
            rules: vec![],
            fields: vec![],
            code: None,
            message: None,
        }
    }

    /// What an answer proves by HTTP alone, for answers that the adapter's table does not know.
    pub fn by_status(answer: &Answer) -> Self {
        let observed = Observed::of_answer(answer);
        match observed {
            Observed::Done => Self::done(),
            Observed::SuccessCut if answer.is_late() => {
                Self::new(observed, ErrorKind::TimedOut).advise("the provider's answer did not end in time")
            }
            Observed::SuccessCut => Self::new(observed, ErrorKind::ConnectionLost)
                .advise("the provider's answer was cut off before its end"),
            Observed::TokenRejected => Self::token_rejected(answer),
            Observed::RateLimited => Self::new(observed, ErrorKind::RateLimited),
            Observed::EncodingRefused => Self::new(observed, ErrorKind::Misconfigured)
                .advise("the provider does not accept the body's encoding"),
            Observed::Refused => Self::not_processed(answer.status()),
            Observed::Unproven => Self::unproven(answer),
            _ if answer.status().is_server_error() || answer.status() == StatusCode::REQUEST_TIMEOUT => {
                Self::new(observed, ErrorKind::ProviderFault)
            }
            _ => Self::unreadable(),
        }
    }

    /// The token was rejected: by the provider, or, as the scheme of the challenge shows, by something in front.
    fn token_rejected(answer: &Answer) -> Self {
        let verdict = Self::new(Observed::TokenRejected, ErrorKind::Unauthenticated);
        let scheme = answer
            .header("www-authenticate")
            .and_then(|text| text.split(' ').next());
        if scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer")) {
            return verdict;
        }
        verdict.advise(
            "the answer asks for credentials of another scheme than `Bearer`: a proxy or gateway with its own log-in is in \
             front of the provider; let repass pass it",
        )
    }

    /// HTTP defines this status as not processed.
    fn not_processed(status: StatusCode) -> Self {
        Self::refused(ErrorKind::Misconfigured).advise(match status {
            status if status.is_redirection() => {
                "the provider redirects elsewhere, and passwords do not follow; set the base URL to its target"
            }
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                "there is no such call at this address; check the base URL"
            }
            StatusCode::NOT_ACCEPTABLE => "the server cannot answer in JSON; check the base URL",
            StatusCode::LENGTH_REQUIRED => {
                "something in front of the provider lost the length of the request; check the proxies in between"
            }
            StatusCode::PAYLOAD_TOO_LARGE => {
                "the request's body is too large for the server; raise the limit of the proxies in between"
            }
            StatusCode::URI_TOO_LONG => "the request's path is too long for the server; name the user by a shorter id",
            StatusCode::MISDIRECTED_REQUEST => {
                "the server does not serve this host name over this connection; check the base URL and the proxies in between"
            }
            StatusCode::UPGRADE_REQUIRED => "the server wants another protocol; check the base URL",
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
                "the request's headers are too large for the server: the token may be too long for a proxy in between"
            }
            _ => "the server refuses this form of the request; check the base URL and the proxies in between",
        })
    }

    /// An answer that proves nothing, with who has probably written it.
    pub fn unproven(answer: &Answer) -> Self {
        Self::new(Observed::Unproven, ErrorKind::UnexpectedAnswer).advise(match answer.status() {
            status if status.is_redirection() => {
                "the answer redirects elsewhere with a status that may follow a change that was made; a log-in page or proxy \
                 may be in front of the provider"
            }
            StatusCode::ACCEPTED => "the answer says that the request was accepted, and not that it was carried out",
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                "a proxy in between asks for its own credentials (status 407)"
            }
            StatusCode::FORBIDDEN if answer.is_markup() => {
                "a web page answered with 403: a firewall, proxy or IP allow-list is in between"
            }
            status if answer.is_markup() && status.is_success() => {
                "a web page or another document that is not JSON answered: a sorry page, a log-in page or a proxy is in between, \
                 or the base URL is wrong"
            }
            _ if answer.is_markup() => {
                "a web page answered in place of the provider: a firewall, proxy or load balancer is in between"
            }
            StatusCode::FORBIDDEN => {
                "a 403 that is not in the provider's own format: a firewall, gateway or IP allow-list may be in between"
            }
            StatusCode::UNAUTHORIZED => {
                "a 401 that is not in the provider's own format: a proxy or gateway with its own log-in may be in between"
            }
            status if status.is_success() => "the answer's status is a success, and its body does not say so",
            _ => "the answer is not in the provider's own format: a gateway, firewall or proxy in between may have written it",
        })
    }

    /// An answer that cannot be read, or that contradicts itself.
    pub fn unreadable() -> Self {
        Self::new(Observed::Faulted, ErrorKind::UnexpectedAnswer)
    }

    /// The same with what a person can do about it: a sentence without a capital or full stop.
    pub fn advise(mut self, advice: &'static str) -> Self {
        self.advice = Some(advice);
        self
    }

    /// The same with the provider's code and words.
    pub fn quoting(mut self, code: Option<String>, message: Option<String>) -> Self {
        self.code = code;
        self.message = message;
        self
    }
}
