//! One row of a provider's error table.

use repass_domain::{ErrorKind, FieldProblem, Grade, Rule};
use repass_transport::{AttemptOutcome, Response, StatusCode};

/// What one response proves: whether the provider made the change, and if not, why. Texts of the provider are kept
/// raw here; an [`OutcomeMapper`](crate::OutcomeMapper) redacts them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classification {
    /// How the attempt ended: decides the call's outcome, and whether the request is sent again.
    pub outcome: AttemptOutcome,
    /// The kind of error that the response means; means nothing when `outcome` is [`AttemptOutcome::Done`].
    pub kind: ErrorKind,
    /// What a person can do about the error, in place of the error kind's general sentence.
    pub hint: Option<&'static str>,
    /// The rules that the new password violates, with [`ErrorKind::PasswordRefused`].
    pub rules: Vec<Rule>,
    /// The invalid fields of a profile update, with [`ErrorKind::InvalidRequest`].
    pub fields: Vec<FieldProblem>,
    /// The provider's own error code, unredacted.
    pub code: Option<String>,
    /// The provider's own error message, unredacted.
    pub message: Option<String>,
    /// How surely the table row that matched the response is known, where a table describes the provider.
    pub grade: Option<Grade>,
}

impl Classification {
    /// Classifies a response as a success: the provider made the change.
    pub fn done() -> Self {
        Self::new(AttemptOutcome::Done, ErrorKind::Internal)
    }

    /// Classifies a response as a rejection, for this reason.
    pub fn rejected(kind: ErrorKind) -> Self {
        Self::new(AttemptOutcome::Refused, kind)
    }

    /// Classifies a response as a rejection, because the new password breaks this rule.
    pub fn violates(rule: Rule) -> Self {
        Self {
            rules: vec![rule],
            ..Self::rejected(ErrorKind::PasswordRefused)
        }
    }

    /// Classifies a response as a rejection, because these fields of a profile update are invalid.
    pub fn invalid(fields: Vec<FieldProblem>) -> Self {
        Self {
            fields,
            ..Self::rejected(ErrorKind::InvalidRequest)
        }
    }

    /// Creates a classification without a hint, rules, fields or texts of the provider.
    pub fn new(outcome: AttemptOutcome, kind: ErrorKind) -> Self {
        Self {
            outcome,
            kind,
            hint: None,
            rules: vec![],
            fields: vec![],
            code: None,
            message: None,
            grade: None,
        }
    }

    /// Classifies a response by its HTTP status alone, where the adapter's table does not know it.
    pub fn by_status(response: &Response) -> Self {
        let outcome = AttemptOutcome::of_response(response);
        match outcome {
            AttemptOutcome::Done => Self::done(),
            AttemptOutcome::SuccessCut if response.is_late() => Self::new(outcome, ErrorKind::TimedOut)
                .with_hint("the provider's response did not end in time"),
            AttemptOutcome::SuccessCut => Self::new(outcome, ErrorKind::ConnectionLost)
                .with_hint("the provider's response was cut off before its end"),
            AttemptOutcome::TokenRejected => Self::token_rejected(response),
            AttemptOutcome::RateLimited => Self::new(outcome, ErrorKind::RateLimited),
            AttemptOutcome::EncodingRefused => Self::new(outcome, ErrorKind::Misconfigured)
                .with_hint("the provider does not accept the body's encoding"),
            AttemptOutcome::Refused => Self::not_processed(response.status()),
            AttemptOutcome::Unproven => Self::unproven(response),
            _ if response.status().is_server_error() || response.status() == StatusCode::REQUEST_TIMEOUT => {
                Self::new(outcome, ErrorKind::ProviderFault)
            }
            _ => Self::unreadable(),
        }
    }

    /// The token was rejected: by the provider, or, as the scheme of the challenge shows, by something in front.
    fn token_rejected(response: &Response) -> Self {
        let classification = Self::new(AttemptOutcome::TokenRejected, ErrorKind::Unauthenticated);
        let scheme = response
            .header("www-authenticate")
            .and_then(|text| text.split(' ').next());
        if scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer")) {
            return classification;
        }
        classification.with_hint(
            "the response asks for credentials of another scheme than `Bearer`: a proxy or gateway with its own log-in is in \
             front of the provider; let repass pass it",
        )
    }

    /// HTTP defines this status as not processed.
    fn not_processed(status: StatusCode) -> Self {
        Self::rejected(ErrorKind::Misconfigured).with_hint(match status {
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

    /// Classifies a response as proving nothing, with a hint at what has probably written it, such as a proxy.
    pub fn unproven(response: &Response) -> Self {
        Self::new(AttemptOutcome::Unproven, ErrorKind::UnexpectedAnswer).with_hint(match response.status() {
            status if status.is_redirection() => {
                "the response redirects elsewhere with a status that may follow a change that was made; a log-in page or proxy \
                 may be in front of the provider"
            }
            StatusCode::ACCEPTED => "the response says that the request was accepted, and not that it was carried out",
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                "a proxy in between asks for its own credentials (status 407)"
            }
            StatusCode::FORBIDDEN if response.is_markup() => {
                "a web page answered with 403: a firewall, proxy or IP allow-list is in between"
            }
            status if response.is_markup() && status.is_success() => {
                "a web page or another document that is not JSON answered: a sorry page, a log-in page or a proxy is in between, \
                 or the base URL is wrong"
            }
            _ if response.is_markup() => {
                "a web page answered in place of the provider: a firewall, proxy or load balancer is in between"
            }
            StatusCode::FORBIDDEN => {
                "a 403 that is not in the provider's own format: a firewall, gateway or IP allow-list may be in between"
            }
            StatusCode::UNAUTHORIZED => {
                "a 401 that is not in the provider's own format: a proxy or gateway with its own log-in may be in between"
            }
            status if status.is_success() => "the answer's status is a success, and its body does not say so",
            _ => "the response is not in the provider's own format: a gateway, firewall or proxy in between may have written it",
        })
    }

    /// Classifies a response as unreadable or self-contradictory.
    pub fn unreadable() -> Self {
        Self::new(AttemptOutcome::Faulted, ErrorKind::UnexpectedAnswer)
    }

    /// Adds a hint at what a person can do about the error: a sentence without a capital or full stop.
    pub fn with_hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    /// Adds the grade of the table row that matched: how surely its meaning is known.
    pub fn with_grade(mut self, grade: Grade) -> Self {
        self.grade = Some(grade);
        self
    }

    /// Adds the provider's own error code and message.
    pub fn with_provider_error(mut self, code: Option<String>, message: Option<String>) -> Self {
        self.code = code;
        self.message = message;
        self
    }
}
